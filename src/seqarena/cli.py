"""The command line: check, show, predict, sync, verdict. Running is `dvc repro`'s affair."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args, get_type_hints

import typer

from seqarena.errors import InputError, exit_with_one_line, unknown
from seqarena.files import new_file, read_json

if TYPE_CHECKING:
    from seqarena.decode import Decoding

app = typer.Typer(
    help="Which sequence model does this data need, and how sure are we?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
Name = Annotated[str, typer.Argument(metavar="EXPERIMENT", help="a name from params.yaml")]


def main() -> None:
    """Run the command line; bad input ends with one line and exit code 2."""
    exit_with_one_line(app)


@app.command()
def check() -> None:
    """Check environment, configuration and data; each problem comes with its mend."""
    from seqarena.checks import print_checks

    if not print_checks():
        raise typer.Exit(2)


@app.command()
def show(experiment: Name) -> None:
    """Show the resolved configuration of an experiment, every default visible."""
    import yaml

    from seqarena.experiments import load

    plain = json.loads(json.dumps(load(experiment).resolved()))
    print(yaml.safe_dump({experiment: plain}, sort_keys=False, allow_unicode=True), end="")


@app.command()
def predict(
    experiment: Name,
    source: Annotated[
        str, typer.Option("--input", help="text, or a file: text, WAV/FLAC, CSV, MP4/AVI")
    ],
    variant: Annotated[str | None, typer.Option(help="instead of the best one")] = None,
    output: Annotated[Path | None, typer.Option(help="write JSON here, not a table")] = None,
    attention: Annotated[Path | None, typer.Option(help="draw the attention into this PNG")] = None,
    decoding: Annotated[
        str | None, typer.Option(help="how a text is written: greedy, sample or beam")
    ] = None,
    beam: Annotated[int, typer.Option(min=1, help="hypotheses side by side")] = 5,
    best: Annotated[int, typer.Option(min=1, help="show so many hypotheses")] = 1,
    length_penalty: Annotated[float, typer.Option(min=0.0)] = 0.6,
    temperature: Annotated[float, typer.Option(min=1e-4)] = 1.0,
    top_k: Annotated[int | None, typer.Option(min=1)] = None,
    top_p: Annotated[float, typer.Option(min=0.0, max=1.0)] = 1.0,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Ask the best final of an experiment about new input."""
    from seqarena.data.modalities import modality
    from seqarena.predict import Predictor

    predictor = Predictor(_best_final(experiment, variant))
    inputs = modality(predictor.spec.modality).read(source, predictor.spec)
    way = None
    if decoding is not None:
        way = _decoding(
            decoding,
            beam=max(beam, best),
            best=best,
            length_penalty=length_penalty,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            seed=seed,
        )
    answers = predictor.predict([steps for _, steps in inputs], way)
    if attention is not None:
        _draw_attention(attention, predictor, inputs[0][1], answers[0])
    rows = [
        {"input": name, **{k: v for k, v in answer.items() if k != "attention"}}
        for (name, _), answer in zip(inputs, answers, strict=True)
    ]
    if output is None:
        _print_answers(rows, predictor.about)
        return
    with new_file(output) as partial:
        partial.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
    print(f"{len(rows)} answers in {output}")


def _decoding(method: str, **options: Any) -> Decoding:
    from seqarena.decode import Decoding

    methods = get_args(get_type_hints(Decoding)["method"])
    if method not in methods:
        raise unknown("--decoding", "way", method, methods)
    return Decoding(method=cast(Any, method), **options)


def _best_final(experiment: str, variant: str | None) -> Path:
    """Find the model: of the variant asked for or the best one, its best seed on valid."""
    from seqarena.experiments import load

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
    return arena.models / name / str(best["seed"])


def _draw_attention(path: Path, predictor: Any, steps: Any, answer: dict[str, Any]) -> None:
    from seqarena.models.variants import VARIANTS
    from seqarena.pictures import draw_attention

    variant = predictor.about["variant"]
    if "attention" not in answer:
        having = ", ".join(name for name, entry in VARIANTS.items() if entry.attention)
        raise InputError(f"--attention: {variant} has none; add --variant with one of {having}")
    said = answer.get("label") or answer.get("text") or "this forecast"
    title = f"{variant} says {said}"
    with new_file(path.with_suffix(".png")) as partial:
        draw_attention(
            partial, predictor.spec, steps, answer["attention"], title, answer.get("tokens")
        )


def _print_answers(rows: list[dict[str, Any]], about: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{about['experiment']}: {about['variant']}, seed {about['seed']}")
    shown: dict[str, Callable[[Any], str]] = {
        "forecast": lambda values: " ".join(f"{value:.1f}" for value in values),
        "label": str,
        "probability": lambda value: f"{value:.3f}",
        "text": str,
        "log_probability": lambda value: f"{value:.2f}",
    }
    columns = [name for name in shown if name in rows[0]]
    for column in ("input", *columns):
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        for number, answer in enumerate([row, *row.get("others", [])]):
            source = "" if number else row["input"]
            table.add_row(source, *(shown[name](answer[name]) for name in columns))
    Console(width=None if sys.stdout.isatty() else 120).print(table)


@app.command()
def sync(
    experiments: Annotated[list[str] | None, typer.Argument(help="all when none is named")] = None,
) -> None:
    """Bring MLflow up to date with the ledgers, or rebuild it from them."""
    from seqarena.experiments import experiment_names
    from seqarena.tracking.projection import sync as write

    known = experiment_names()
    for name in experiments or []:
        if name not in known:
            raise unknown("params.yaml: experiments", "experiment", name, known)
    for name, events in write(Path("results"), experiments or known).items():
        print(f"{name}: {events} new events")


@app.command()
def verdict() -> None:
    """Print the verdict of every experiment and where to look next."""
    from seqarena.compare.report import verdict_table

    path = Path("report/summary.json")
    if not path.is_file():
        raise InputError(f"{path}: not there yet; run `dvc repro` first")
    print(verdict_table(read_json(path)))
    print("Next: open report/index.html, or `make ui` for every curve, picture and model.")


if __name__ == "__main__":
    main()
