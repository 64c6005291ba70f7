"""What a final looks like: its confusion or forecasts, its attention, its predictions."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from seqarena.compare.plots.attention import ATTENTION_PLOTS
from seqarena.compare.plots.results import confusion, forecasts
from seqarena.data.modalities import modality
from seqarena.data.store import Array, DataSpec, Prepared, Split

ATTENTION_MAPS = 3  # of each final


def draw_final(
    out: Path,
    prepared: Path,
    variant: str,
    logits: Array,
    weights: dict[int, Array],
    drawn: list[int],
) -> None:
    """Write the pictures and predictions of one final into the folder `out`.

    `logits` ``(N, outputs)`` are its answers for test; `weights` maps the drawn examples to their
    attention ``(heads, U, S)``.
    """
    out.mkdir(parents=True)
    data = Prepared(prepared)
    spec, test = data.spec, data.split("test")
    if spec.classes:
        said = logits.argmax(1)
        matrix = np.zeros((len(spec.classes), len(spec.classes)), int)
        np.add.at(matrix, (test.targets, said), 1)
        confusion(matrix, spec.classes, out / "confusion.png")
        _write_classes(out / "predictions.csv", spec, test, logits)
    else:
        values = logits * spec.target["std"] + spec.target["mean"]
        _draw_forecasts(out / "forecasts.png", spec, test, values, drawn)
        _write_forecasts(out / "predictions.csv", spec, test, values)
    for number, (index, attention) in enumerate(sorted(weights.items())[:ATTENTION_MAPS], start=1):
        draw_attention(
            out / f"attention-{number}.png",
            spec,
            test.sequence(index),
            attention,
            _title(spec, test, index, variant, logits[index]),
        )


def draw_attention(path: Path, spec: DataSpec, steps: Array, weights: Array, title: str) -> None:
    """Draw attention ``(heads, U, S)`` over one sequence, the mean of heads and queries."""
    labels = modality(spec.modality).step_labels(steps, spec)
    ATTENTION_PLOTS[spec.modality](steps, weights.mean((0, 1)), labels, title, path)


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
