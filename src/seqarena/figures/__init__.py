"""What a final looks like: its predictions, what it confused, what it attended to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seqarena.data.modalities import modality
from seqarena.data.store import Array, DataSpec, Prepared
from seqarena.errors import InputError
from seqarena.figures.classes import draw_classes, draw_label_sets, draw_labels
from seqarena.figures.final import Caption, DrawFigures, Final
from seqarena.figures.gates import Gates, draw_gates
from seqarena.figures.steps import draw_next
from seqarena.figures.texts import draw_texts
from seqarena.figures.values import draw_forecasts, draw_numbers, draw_quantiles
from seqarena.plots.alignments import ALIGNMENT_PLOTS
from seqarena.plots.attention import ATTENTION_PLOTS
from seqarena.plots.regions import look_over_image
from seqarena.plots.transitions import transition_scores
from seqarena.plots.triangles import STRIPS, is_triangle, triangle

__all__ = ["FIGURES", "Caption", "draw_attention", "draw_final"]

ATTENTION_MAPS = 3  # of each final


def draw_final(
    out: Path,
    prepared: Path,
    task: str,
    variant: str,
    predictions: list[Any],
    weights: dict[int, Array],
    drawn: list[int],
    gates: Gates | None = None,
    transitions: Array | None = None,
    scores: Sequence[float] | None = None,
) -> None:
    """Write the pictures and predictions of one final into the folder `out`.

    `predictions` are those of each test example, as `Task.predictions` has them; `weights` maps the
    drawn examples to their attention ``(heads, U, S)``; `gates` are those over the first one drawn,
    `transitions` as `transitions_of` returns them, `scores` the metric of each example alone.
    Of attention with several heads there is a picture of each, too.
    """
    if task not in FIGURES:
        raise InputError(f"pictures: no painter for the task '{task}'")
    out.mkdir(parents=True)
    data = Prepared(prepared)
    final = Final(out, data.spec, data.split("test"), variant, predictions, drawn, scores)
    captions = FIGURES[task](final)
    for number, (index, attention) in enumerate(sorted(weights.items())[:ATTENTION_MAPS], start=1):
        steps, caption = final.test.sequence(index), captions(index)
        draw_attention(out / f"attention-{number}.png", data.spec, steps, attention, caption)
        for head in range(1, len(attention) + 1) if len(attention) > 1 else ():
            path, own = out / f"head-{number}-{head}.png", attention[head - 1 : head]
            draw_attention(path, data.spec, steps, own, caption)
    if gates is not None:
        steps, title = final.test.sequence(drawn[0]), captions(drawn[0]).title
        draw_gates(out / "gates.png", data.spec, steps, gates, title)
    if transitions is not None:
        title = f"{variant}: what follows what"
        transition_scores(transitions, data.spec.classes, title, out / "transitions.png")


def draw_attention(
    path: Path, spec: DataSpec, steps: Array, weights: Array, caption: Caption
) -> None:
    """Draw attention ``(heads, U, S)`` over one sequence, head by head.

    A row per query where the caption names them, else one row for all.
    """
    labels = modality(spec.modality).step_labels(steps, spec)
    rows = [*(caption.rows or ()), "(end)"][: weights.shape[1]]  # a text that was cut has no end
    if caption.of_steps and is_triangle(weights):
        strip = STRIPS.get(spec.modality)
        triangle(steps, weights, rows, labels, caption.title, path, strip)
    elif spec.modality == "image":  # not a line of steps but a grid of regions
        names = rows if caption.rows is not None else ["looked at"]
        grid = tuple(spec.options["regions"])
        look_over_image(steps[0], weights[:, : len(names)], names, grid, caption.title, path)
    elif caption.rows is None:
        ATTENTION_PLOTS[spec.modality](steps, weights.mean(1), labels, caption.title, path)
    else:
        ALIGNMENT_PLOTS[spec.modality](steps, weights, rows, labels, caption.title, path)


FIGURES: dict[str, DrawFigures] = {
    "classification": draw_classes,
    "multi_label_classification": draw_label_sets,
    "labelling": draw_labels,
    "forecasting": draw_forecasts,
    "quantile_forecasting": draw_quantiles,
    "regression": draw_numbers,
    "transduction": draw_texts,
    "language_modelling": draw_next,
    "music_modelling": draw_next,
}
