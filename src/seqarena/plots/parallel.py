"""All trials of a search at once: a line each, through the value of every hyperparameter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap

from seqarena.data.store import Array
from seqarena.errors import InputError
from seqarena.plots.colours import INK, SOFT
from seqarena.plots.formats import Format, metric_name
from seqarena.plots.style import HEAT, picture

SHARE_SHOWN = 0.9  # of the trials: the worst ones would press the others together
SPREAD = 0.14  # of an axis at most, over which the trials of one listed value lie
WIDEST = 11.0  # inches: what the report shows without making it smaller
MANY = 60  # trials, whose lines are thin
PALE = 0.25  # of the colours: paler lines are lost on white


class Scale(NamedTuple):
    """One axis: its name, the value of each trial ``(N,)`` from 0 to 1 or NaN, its labels."""

    name: str
    shares: Array
    ticks: Sequence[tuple[float, str]]
    listed: bool  # few values, each of many trials


def parallel(
    scales: Sequence[Scale], scores: Array, metric: str, greater: bool, path: Path
) -> None:
    """Draw a line per trial through all axes, coloured by its score ``(N,)``, the best on top.

    A variant that lacks a hyperparameter leaves a gap there; a value between two gaps is a dot.
    """
    if not len(scores):
        raise InputError(f"{path.name}: expected at least one trial, found none")
    low, high = _shown(scores, greater)
    goodness = np.clip((scores - low) / (high - low), 0, 1)
    goodness = goodness if greater else 1 - goodness
    order = np.argsort(goodness, kind="stable")
    columns = [_spread(scale, order) if scale.listed else scale.shares for scale in scales]
    lines = np.stack([goodness, *columns], axis=1)[order]
    width = min(WIDEST, 1.5 * len(columns) + 2.0)
    with picture(path, width, 4.6) as figure:
        axes = figure.subplots()
        _lines(axes, lines, _colours()(goodness[order]))
        title = f"{metric_name(metric)} (valid)"
        _axis(axes, 0, title, _score_ticks(low, high, greater, scores))
        for place, scale in enumerate(scales, start=1):
            _axis(axes, place, scale.name.replace("_", " "), scale.ticks)
        axes.set_xlim(-0.35, len(columns) + 0.1)
        axes.set_ylim(-0.08, 1.08)
        axes.axis("off")
        figure.supxlabel("a line is a trial: the darker, the better", size=10, color=SOFT)


def _lines(axes: Axes, lines: Array, colours: Array) -> None:
    """Draw trials ``(N, axes)``, NaN where there is no value."""
    places = np.arange(lines.shape[1])
    real = ~np.isnan(lines)
    beside = np.pad(real, ((0, 0), (1, 1)))
    alone = real & ~beside[:, :-2] & ~beside[:, 2:]
    pairs, rows = [], []
    for row, line in enumerate(lines):
        for place in np.flatnonzero(real[row, :-1] & real[row, 1:]):
            pairs.append(np.column_stack([places[place : place + 2], line[place : place + 2]]))
            rows.append(row)
    width = 1.0 if len(lines) > MANY else 1.8
    axes.add_collection(LineCollection(pairs, colors=colours[rows], linewidths=width, alpha=0.85))
    rows_alone, places_alone = np.nonzero(alone)
    axes.scatter(places_alone, lines[alone], color=colours[rows_alone], s=16, zorder=3.5)


def _shown(scores: Array, greater: bool) -> tuple[float, float]:
    """Return the span of scores that colours and the first axis tell apart."""
    worst = float(np.quantile(scores, 1 - SHARE_SHOWN if greater else SHARE_SHOWN))
    best = float(scores.max() if greater else scores.min())
    if worst == best:
        margin = 0.05 * abs(best) or 1.0
        return best - margin, best + margin
    return min(worst, best), max(worst, best)


def _spread(scale: Scale, order: Array) -> Array:
    """Lay the trials of one value beside each other, the better ones higher."""
    shares = scale.shares.copy()
    values = np.unique(shares[~np.isnan(shares)])
    span = min(SPREAD, 0.6 / len(values)) if len(values) else 0.0
    for value in values:
        same = order[scale.shares[order] == value]
        if len(same) > 1:
            width = min(span, 0.01 * len(same))
            shares[same] = value + width * (np.arange(len(same)) / (len(same) - 1) - 0.5)
    return shares


def _colours() -> LinearSegmentedColormap:
    colours = colormaps[HEAT](np.linspace(PALE, 1, 256))
    return LinearSegmentedColormap.from_list("trials", list(colours))


def _score_ticks(low: float, high: float, greater: bool, scores: Array) -> list[tuple[float, str]]:
    form = Format([low, high])
    values = np.linspace(low, high, 5)
    labels = [form(value) for value in values]
    if greater and scores.min() < low:
        labels[0] = f"≤ {labels[0]}"
    if not greater and scores.max() > high:
        labels[-1] = f"≥ {labels[-1]}"
    shares = (values - low) / (high - low)
    return list(zip(shares if greater else 1 - shares, labels, strict=True))


def _axis(axes: Axes, place: int, name: str, ticks: Sequence[tuple[float, str]]) -> None:
    axes.plot([place, place], [0, 1], color=SOFT, lw=1.0, zorder=3)
    axes.annotate(
        name,
        (place, 1.08),
        xytext=(0, 8),
        textcoords="offset points",
        ha="center",
        color=INK,
        size=10,
        weight="bold",
        annotation_clip=False,
    )
    paper: dict[str, Any] = {"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.75}
    for share, label in ticks:
        axes.plot([place - 0.02, place], [share, share], color=SOFT, lw=1.0, zorder=3)
        offset: dict[str, Any] = {
            "xytext": (-5, 0),
            "textcoords": "offset points",
            "ha": "right",
            "va": "center",
        }
        axes.annotate(label, (place, share), **offset, color=INK, size=8.5, bbox=paper, zorder=4)
