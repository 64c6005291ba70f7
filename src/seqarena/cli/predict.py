"""The commands that ask a trained model: predict, score, generate."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqarena.cli.decoding import decoding_of, takes_decoding
from seqarena.cli.render import show, write_music
from seqarena.errors import InputError, unknown
from seqarena.files import new_file

if TYPE_CHECKING:
    import torch

    from seqarena.cli.answers import Answer
    from seqarena.data.modalities.base import Input
    from seqarena.predict import Predictor

Name = Annotated[str, typer.Argument(metavar="EXPERIMENT", help="a name from params.yaml")]
Source = Annotated[
    str, typer.Option("--input", help="a text, a table, a file, or a folder of files")
]
Variant = Annotated[str | None, typer.Option(help="instead of the best one")]
Output = Annotated[Path | None, typer.Option(help="write JSON here, not a table")]
Answers = Annotated[
    Path | None, typer.Option("--output", help="write a table here (.csv, .tsv), or JSON (.json)")
]


@takes_decoding()
def predict(
    experiment: Name,
    source: Source,
    variant: Variant = None,
    output: Answers = None,
    attention: Annotated[Path | None, typer.Option(help="draw the attention into this PNG")] = None,
    **decoding: Any,
) -> None:
    """Ask the best final of an experiment about new input, also about whole files."""
    expect_file("--attention", attention, "looked-at.png")
    expect_file("--output", output, "answers.csv", "answers.tsv", "answers.json")
    from seqarena.cli.answers import answered, strictly, write_table
    from seqarena.data.modalities import modality
    from seqarena.datasets.own.asked import as_raw
    from seqarena.device import default_device
    from seqarena.experiments import load

    way = decoding_of(**decoding)
    predictor = load_best(experiment, variant, default_device())
    if attention is not None:
        _expect_attention(predictor)
    own, kind = load(experiment).config.own, predictor.spec.modality
    with (
        as_raw(source, kind, own) as raw,
        closing(modality(kind).stream(raw, predictor.spec)) as asked,
    ):
        answers = answered(predictor, asked, way)
        if attention is not None:
            answers = _drawn(answers, attention, predictor)
        if output is not None and output.suffix.lower() != ".json":
            names = {ours: " ".join(theirs) for ours, theirs in own.theirs.items()}
            write_table(output, answers, names, source)
        else:
            show(strictly(answers), predictor, output)


def score(experiment: Name, source: Source, variant: Variant = None, output: Output = None) -> None:
    """Tell how likely a sequence is, step by step, by the chain rule of probability."""
    expect_file("--output", output, "terms.json")
    predictor = load_best(experiment, variant)
    rows = []
    for name, steps, *_ in read(predictor, source):
        terms = predictor.score(steps)
        total = sum(term for _, term in terms)
        perplexity = math.exp(-total / len(terms))
        scores = {"log_probability": total, "perplexity": perplexity, "terms": terms}
        rows.append({"input": name, **scores})
    show(rows, predictor, output)


@takes_decoding("sample")
def generate(
    experiment: Name,
    source: Source,
    max_length: Annotated[int, typer.Option("--length", min=1, help="steps at most")] = 40,
    variant: Variant = None,
    output: Output = None,
    **decoding: Any,
) -> None:
    """Continue a beginning by what the best final of an experiment expects."""
    way = decoding_of(**decoding)
    assert way is not None
    predictor = load_best(experiment, variant)
    music = predictor.spec.modality == "music"
    if music and output is None:
        raise InputError("--output: music is written to a file; expected a name such as bach.mid")
    expect_file("--output", output, "bach.mid" if music else "texts.json")
    rows = []
    for name, steps, *_ in read(predictor, source):
        first, *n_best = predictor.generate(steps, way, max_length)
        rows.append({"input": name, **first, **({"n_best": n_best} if n_best else {})})
    if music and output is not None:
        write_music(rows, predictor, output)
    else:
        show(rows, predictor, output)


def load_best(
    experiment: str, variant: str | None, device: torch.device | None = None
) -> Predictor:
    """Load the model: of the variant asked for or the best one, its best repetition on valid.

    It answers on the CPU where no device is named.
    """
    from seqarena.evaluation.champion import best_final
    from seqarena.experiments import load
    from seqarena.predict import Predictor
    from seqarena.records import ComparisonRecord
    from seqarena.runs import Finals
    from seqarena.tasks import task_for

    found = load(experiment)
    finals, comparison = found.models / "finals.json", found.results / "comparison.json"
    for path in (finals, comparison):
        if not path.is_file():
            raise InputError(f"{path}: not there yet; run `dvc repro evaluate@{experiment}` first")
    name = variant or ComparisonRecord.read(comparison).best
    mine = [final for final in Finals.read(finals).finals if final.variant == name]
    if not mine:
        raise unknown("--variant", "final", name, found.config.variants)
    best = best_final(mine, task_for(found.config.task).metrics[found.config.metric].bounds)
    return Predictor(found.model_of(name, best.repetition), device)


def read(predictor: Predictor, source: str) -> list[Input]:
    """Read what is asked about as the model was taught to read."""
    from seqarena.data.modalities import modality

    return modality(predictor.spec.modality).read(source, predictor.spec)


def expect_file(option: str, path: Path | None, *examples: str) -> None:
    """Refuse, before any work is done, a file that would not be what its name says."""
    suffixes = [Path(example).suffix for example in examples]
    if path is not None and (path.suffix.lower() not in suffixes or path.is_dir()):
        expected = f"expected a {' or '.join(suffixes)} file, such as {examples[0]}"
        raise InputError(f"{option}: {path}: {expected}")


def _expect_attention(predictor: Predictor) -> None:
    from seqarena.experiments import load
    from seqarena.models.variants import VARIANTS, attends

    variant = predictor.about["variant"]
    if attends(VARIANTS[variant]):
        return
    trained = load(predictor.about["experiment"]).config.variants
    having = ", ".join(name for name in trained if attends(VARIANTS[name]))
    fix = f"add --variant with one of {having}" if having else "no variant of this experiment has"
    raise InputError(f"--attention: {variant} has none; {fix}")


def _drawn(answers: Iterator[Answer], path: Path, predictor: Predictor) -> Iterator[Answer]:
    """Draw what the first answer looked at, on its way."""
    for number, answer in enumerate(answers):
        if number == 0:
            _draw_attention(path, predictor, answer.read, answer.prediction)
        yield answer


def _draw_attention(
    path: Path, predictor: Predictor, asked: Input, prediction: dict[str, Any]
) -> None:
    from seqarena.data.modalities import modality
    from seqarena.figures import Caption, draw_attention

    variant = predictor.about["variant"]
    weights, rows = prediction["attention"], prediction.get("tokens", prediction.get("labels"))
    if "alternatives" in prediction:  # (heads, U, S): a row for each step that a label was asked of
        labelled = [step - 1 for step in prediction["alternatives"]]
        weights, rows = weights[:, labelled], [prediction["labels"][step] for step in labelled]
    if "next" in prediction:  # at each step what came next, at the last what is asked for
        came = modality(predictor.spec.modality).step_labels(asked.steps[1:], predictor.spec)
        rows = [*came, "(next)"]
    of_steps = "next" in prediction or "labels" in prediction
    caption = Caption(f"{variant} {_title(asked.name, prediction)}", rows, of_steps)
    with new_file(path) as partial:
        draw_attention(partial, predictor.spec, asked.steps, weights, caption)
    print(f"{path}: what {variant} looked at in {asked.name}")


def _title(name: str, prediction: dict[str, Any]) -> str:
    """Say what a model made of an input."""
    if "value" in prediction:
        return f"says {prediction['value']:.4g}"
    if "label_set" in prediction:
        return f"says {', '.join(prediction['label_set']) or 'no label'}"
    if "label" in prediction or "text" in prediction:
        return f"says {prediction.get('label') or prediction.get('text') or 'nothing'}"
    return f"on {name}"
