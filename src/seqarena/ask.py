"""The commands that ask a trained model: predict, score, generate."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_type_hints

import typer

from seqarena.errors import InputError, unknown
from seqarena.files import new_file, read_json

if TYPE_CHECKING:
    from seqarena.decode import Decoding
    from seqarena.predict import Predictor

Name = Annotated[str, typer.Argument(metavar="EXPERIMENT", help="a name from params.yaml")]
Input = Annotated[
    str, typer.Option("--input", help="text, or a file: text, WAV, CSV, MP4, PNG, MIDI")
]
Variant = Annotated[str | None, typer.Option(help="instead of the best one")]
Output = Annotated[Path | None, typer.Option(help="write JSON here, not a table")]
# What is not given stays as `seqarena.decode.Decoding` has it.
Way = Annotated[str | None, typer.Option("--decoding", help="greedy, sample or beam")]
Beam = Annotated[int | None, typer.Option(min=1, help="hypotheses side by side")]
Best = Annotated[int | None, typer.Option(min=1, help="show so many hypotheses")]
LengthPenalty = Annotated[float | None, typer.Option(min=0.0)]
Temperature = Annotated[float | None, typer.Option(min=1e-4)]
TopK = Annotated[int | None, typer.Option(min=1)]
TopP = Annotated[float | None, typer.Option(min=0.0, max=1.0)]
Seed = Annotated[int | None, typer.Option(min=0)]


def predict(
    experiment: Name,
    source: Input,
    variant: Variant = None,
    output: Output = None,
    attention: Annotated[Path | None, typer.Option(help="draw the attention into this PNG")] = None,
    decoding: Way = None,
    beam: Beam = None,
    best: Best = None,
    length_penalty: LengthPenalty = None,
    temperature: Temperature = None,
    top_k: TopK = None,
    top_p: TopP = None,
    seed: Seed = None,
) -> None:
    """Ask the best final of an experiment about new input."""
    predictor = load_best(experiment, variant)
    inputs = read(predictor, source)
    options = {
        "beam": beam,
        "best": best,
        "length_penalty": length_penalty,
        "temperature": temperature,
    }
    way = decoding_of(decoding, **options, top_k=top_k, top_p=top_p, seed=seed)
    answers = predictor.predict([steps for _, steps in inputs], way)
    if attention is not None:
        _draw_attention(attention, predictor, inputs[0][1], answers[0])
    rows = [
        {"input": name, **{k: v for k, v in answer.items() if k != "attention"}}
        for (name, _), answer in zip(inputs, answers, strict=True)
    ]
    _show(rows, predictor, output)


def score(experiment: Name, source: Input, variant: Variant = None, output: Output = None) -> None:
    """Tell how likely a sequence is, step by step, by the chain rule of probability."""
    predictor = load_best(experiment, variant)
    rows = []
    for name, steps in read(predictor, source):
        terms = predictor.score(steps)
        total = sum(term for _, term in terms)
        perplexity = math.exp(-total / len(terms))
        told = {"log_probability": total, "perplexity": perplexity, "terms": terms}
        rows.append({"input": name, **told})
    _show(rows, predictor, output)


def generate(
    experiment: Name,
    source: Input,
    longest: Annotated[int, typer.Option("--length", min=1, help="steps at most")] = 40,
    variant: Variant = None,
    output: Output = None,
    decoding: Way = "sample",
    beam: Beam = None,
    best: Best = None,
    length_penalty: LengthPenalty = None,
    temperature: Temperature = None,
    top_k: TopK = None,
    top_p: TopP = None,
    seed: Seed = None,
) -> None:
    """Continue a beginning by what the best final of an experiment expects."""
    predictor = load_best(experiment, variant)
    options = {
        "beam": beam,
        "best": best,
        "length_penalty": length_penalty,
        "temperature": temperature,
    }
    way = decoding_of(decoding, **options, top_k=top_k, top_p=top_p, seed=seed)
    assert way is not None
    rows = []
    for name, steps in read(predictor, source):
        first, *others = predictor.generate(steps, way, longest)
        rows.append({"input": name, **first, **({"others": others} if others else {})})
    if "roll" in rows[0]:
        _write_music(rows, predictor, output)
    else:
        _show(rows, predictor, output)


def load_best(experiment: str, variant: str | None) -> Predictor:
    """Load the model: of the variant asked for or the best one, its best seed on valid."""
    from seqarena.experiments import load
    from seqarena.predict import Predictor

    arena = load(experiment)
    finals, comparison = arena.models / "finals.json", arena.results / "comparison.json"
    for path in (finals, comparison):
        if not path.is_file():
            raise InputError(f"{path}: not there yet; run `dvc repro evaluate@{experiment}` first")
    name = variant or read_json(comparison)["best"]
    mine = [final for final in read_json(finals) if final["variant"] == name]
    if not mine:
        raise unknown("--variant", "final", name, arena.config.variants)
    sign = 1 if arena.task.metrics[arena.config.metric] else -1
    key = f"valid_{arena.config.metric}"
    best = max(mine, key=lambda final: sign * final["curve"][final["best_epoch"] - 1][key])
    return Predictor(arena.models / name / str(best["seed"]))


def read(predictor: Predictor, source: str) -> list[tuple[str, Any]]:
    """Read what is asked about as the model was taught to read."""
    from seqarena.data.modalities import modality

    return modality(predictor.spec.modality).read(source, predictor.spec)


def decoding_of(method: str | None, **options: Any) -> Decoding | None:
    """Make the way of decoding from the options that were given."""
    from seqarena.decode import Decoding

    if method is None:
        return None
    methods = get_args(get_type_hints(Decoding)["method"])
    if method not in methods:
        raise unknown("--decoding", "way", method, methods)
    given = {name: value for name, value in options.items() if value is not None}
    given["beam"] = max(given.get("beam", Decoding.beam), given.get("best", Decoding.best))
    return Decoding(method=method, **given)  # type: ignore[arg-type]


def _draw_attention(path: Path, predictor: Predictor, steps: Any, answer: dict[str, Any]) -> None:
    from seqarena.models.variants import VARIANTS
    from seqarena.pictures import Caption, draw_attention

    variant = predictor.about["variant"]
    if "attention" not in answer:
        having = ", ".join(name for name, entry in VARIANTS.items() if entry.attention)
        raise InputError(f"--attention: {variant} has none; add --variant with one of {having}")
    said = answer.get("label") or answer.get("text") or "this"
    caption = Caption(f"{variant} says {said}", answer.get("tokens") or answer.get("labels"))
    with new_file(path.with_suffix(".png")) as partial:
        draw_attention(partial, predictor.spec, steps, answer["attention"], caption)


def _write_music(rows: list[dict[str, Any]], predictor: Predictor, output: Path | None) -> None:
    """Write every continuation as MIDI and as sound, numbered where there are several."""
    from seqarena.data.sound import write_midi, write_wav

    if output is None:
        raise InputError("--output: music is written to a file; expected a name such as bach.mid")
    steps = predictor.spec.options["steps_per_quarter"]
    rolls = [answer.pop("roll") for row in rows for answer in (row, *row.get("others", ()))]
    for number, roll in enumerate(rolls, start=1):
        stem = (
            output.with_suffix("")
            if len(rolls) == 1
            else output.with_name(f"{output.stem}-{number}")
        )
        for suffix, write in ((".mid", write_midi), (".wav", write_wav)):
            with new_file(stem.with_suffix(suffix)) as partial:
                write(partial, roll, steps)
            print(stem.with_suffix(suffix))
    _show(rows, predictor, None)


def _show(rows: list[dict[str, Any]], predictor: Predictor, output: Path | None) -> None:
    """Print answers as a table, or write them as JSON."""
    if output is None:
        _print(rows, predictor.about)
        return
    with new_file(output) as partial:
        partial.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
    print(f"{len(rows)} answers in {output}")


def _numbers(values: Any) -> str:
    return " ".join(f"{value:.1f}" for value in values)


def _shares(likely: Any) -> str:
    return "  ".join(f"{name} {share:.3f}" for name, share in list(likely.items())[:10])


def _terms(terms: Any) -> str:
    return "  ".join(f"{name} {math.exp(term):.2g}" for name, term in terms)


SHOWN: dict[str, Callable[[Any], str]] = {
    "forecast": _numbers,
    "value": lambda value: f"{value:.4g}",
    "frames": str,
    "label": str,
    "labels": " ".join,
    "probability": lambda value: f"{value:.3f}",
    "next": _shares,
    "text": str,
    "log_probability": lambda value: f"{value:.2f}",
    "perplexity": lambda value: f"{value:.1f}",
    "terms": _terms,
}


def _print(rows: list[dict[str, Any]], about: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{about['experiment']}: {about['variant']}, seed {about['seed']}")
    columns = [name for name in SHOWN if name in rows[0]]
    for column in ("input", *columns):
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        for number, answer in enumerate([row, *row.get("others", [])]):
            source = "" if number else row["input"]
            table.add_row(source, *(SHOWN[name](answer[name]) for name in columns))
    Console(width=None if sys.stdout.isatty() else 120).print(table)
