"""What a final looks like: its confusion or forecasts, its attention, its predictions."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from seqarena.compare.plots.attention import ATTENTION_PLOTS, alignment
from seqarena.compare.plots.results import confusion, forecasts
from seqarena.data.modalities import modality
from seqarena.data.store import Array, DataSpec, Prepared, Split
from seqarena.decode import Hypothesis
from seqarena.tasks.transduction import written

ATTENTION_MAPS = 3  # of each final


def draw_final(
    out: Path,
    prepared: Path,
    variant: str,
    answers: list[Any],
    weights: dict[int, Array],
    drawn: list[int],
) -> None:
    """Write the pictures and predictions of one final into the folder `out`.

    `answers` are what it said of each test example, as `Task.rows` has it; `weights` maps the drawn
    examples to their attention ``(heads, U, S)``.
    """
    out.mkdir(parents=True)
    data = Prepared(prepared)
    spec, test = data.spec, data.split("test")
    said: dict[int, list[str]] = {}
    if spec.target_vocabulary:
        said = {index: _tokens(answers[index], spec) for index in weights}
        titles = {index: _text_title(spec, test, index, variant, answers[index]) for index in said}
        _write_texts(out / "predictions.csv", spec, test, answers)
    elif spec.classes:
        logits = np.stack(answers)
        matrix = np.zeros((len(spec.classes), len(spec.classes)), int)
        np.add.at(matrix, (test.targets, logits.argmax(1)), 1)
        confusion(matrix, spec.classes, out / "confusion.png")
        _write_classes(out / "predictions.csv", spec, test, logits)
        titles = {index: _title(spec, test, index, variant, logits[index]) for index in weights}
    else:
        values = np.stack(answers) * spec.target["std"] + spec.target["mean"]
        _draw_forecasts(out / "forecasts.png", spec, test, values, drawn)
        _write_forecasts(out / "predictions.csv", spec, test, values)
        titles = {index: _title(spec, test, index, variant, values[index]) for index in weights}
    for number, (index, attention) in enumerate(sorted(weights.items())[:ATTENTION_MAPS], start=1):
        path = out / f"attention-{number}.png"
        steps = test.sequence(index)
        draw_attention(path, spec, steps, attention, titles[index], said.get(index))


def draw_attention(
    path: Path,
    spec: DataSpec,
    steps: Array,
    weights: Array,
    title: str,
    said: list[str] | None = None,
) -> None:
    """Draw attention ``(heads, U, S)`` over one sequence, the mean of its heads.

    A row per token where `said` names those that were written, without their end; else one for all.
    """
    labels = modality(spec.modality).step_labels(steps, spec)
    if said is not None:
        rows = [*said, "(end)"][: weights.shape[1]]  # a text that was cut has no end
        alignment(weights.mean(0), rows, labels, title, path)
    else:
        ATTENTION_PLOTS[spec.modality](steps, weights.mean((0, 1)), labels, title, path)


def _tokens(hypothesis: Hypothesis, spec: DataSpec) -> list[str]:
    return [spec.target_vocabulary[token] for token in hypothesis.tokens]


def _text_title(
    spec: DataSpec, test: Split, index: int, variant: str, hypothesis: Hypothesis
) -> str:
    said, truth = written(hypothesis.tokens, spec), test.examples()[index]["target"]
    right = hypothesis.tokens == test.target(index)[:-1].tolist()
    return f"{variant} writes: {said}" + ("" if right else f" (the truth: {truth})")


def _write_texts(path: Path, spec: DataSpec, test: Split, answers: list[Hypothesis]) -> None:
    rows: list[list[Any]] = []
    for example, hypothesis in zip(test.examples(), answers, strict=True):
        source = example.get("text") or example.get("file")
        said = written(hypothesis.tokens, spec)
        rows.append(
            [example["id"], source, example["target"], said, f"{hypothesis.log_probability:.4f}"]
        )
    _write(path, ["id", "input", "truth", "predicted", "log_probability"], rows)


def _title(spec: DataSpec, test: Split, index: int, variant: str, logits: Array) -> str:
    if not spec.classes:
        return f"{variant}: what the forecast from {test.examples()[index]['id']} looks back at"
    said, truth = spec.classes[int(logits.argmax())], spec.classes[int(test.targets[index])]
    return f"{variant} says {said}" + ("" if said == truth else f", the truth is {truth}")


def _draw_forecasts(
    path: Path, spec: DataSpec, test: Split, values: Array, drawn: list[int]
) -> None:
    mean, std = spec.target["mean"], spec.target["std"]
    history = np.stack([test.sequence(index)[:, 0] for index in drawn]) * std + mean
    truth = test.targets[drawn] * std + mean
    examples = test.examples()
    titles = [f"from {examples[index]['id']}" for index in drawn]
    unit = str(spec.options.get("target", ""))
    forecasts(history, truth, values[drawn], titles, unit, path)


def _write_classes(path: Path, spec: DataSpec, test: Split, logits: Array) -> None:
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    probabilities = shifted / shifted.sum(1, keepdims=True)
    rows: list[list[Any]] = []
    for index, example in enumerate(test.examples()):
        said = int(logits[index].argmax())
        what = example.get("text") or example.get("file")
        truth = spec.classes[int(test.targets[index])]
        rows.append(
            [example["id"], what, truth, spec.classes[said], f"{probabilities[index, said]:.4f}"]
        )
    _write(path, ["id", "input", "truth", "predicted", "probability"], rows)


def _write_forecasts(path: Path, spec: DataSpec, test: Split, values: Array) -> None:
    truth = test.targets * spec.target["std"] + spec.target["mean"]
    steps = range(1, spec.horizon + 1)
    header = ["id", *(f"truth+{h}" for h in steps), *(f"forecast+{h}" for h in steps)]
    rows = [
        [example["id"], *np.round(truth[n], 2), *np.round(values[n], 2)]
        for n, example in enumerate(test.examples())
    ]
    _write(path, header, rows)


def _write(path: Path, header: list[str], rows: list[list[Any]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
