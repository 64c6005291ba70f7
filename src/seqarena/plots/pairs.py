"""How likely each competitor beats each other one, as a matrix."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from seqarena.data.store import Array
from seqarena.errors import InputError
from seqarena.plots.colours import BLUE, FAINT, INK, ORANGE, PALE_BLUE, PALE_ORANGE
from seqarena.plots.formats import per_cent
from seqarena.plots.style import picture, shortened
from seqarena.records import Comparison, Summary

ODDS = LinearSegmentedColormap.from_list("odds", [PALE_ORANGE, "white", PALE_BLUE])
LONGEST = 22  # characters of a name
CELL = (0.58, 0.42)  # inches


def pairs(summary: Summary, comparison: Comparison, path: Path) -> None:
    """Draw P(row beats column) in one more repetition, in per cent: variants, then baselines.

    Both are sorted, the best first; the names of the best set are blue, those of baselines orange.
    Raises `InputError` where there is no pair.
    """
    names = [*ranked(summary.means, summary), *ranked(summary.references, summary)]
    if len(names) < 2:
        raise InputError(f"{path.name}: expected at least two competitors, found {len(names)}")
    chances = np.array(
        [[comparison.chances[row].get(column, np.nan) for column in names] for row in names]
    )
    labels = [shortened(name, LONGEST) for name in names]
    room = 0.09 * max(map(len, labels))  # inches that a name takes
    width, height = (size * len(names) for size in CELL)
    with picture(path, width + room + 0.9, height + 0.7 * room + 0.7) as figure:
        axes = figure.subplots()
        axes.set_facecolor(FAINT)  # seen where one would meet itself
        axes.imshow(chances, cmap=ODDS, vmin=0, vmax=1, aspect="auto")
        _cells(axes, chances)
        axes.xaxis.tick_top()
        axes.xaxis.set_label_position("top")
        axes.set_xticks(range(len(names)), labels, rotation=40, ha="left", rotation_mode="anchor")
        axes.set_yticks(range(len(names)), labels)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_ylabel("how likely this one …")
        axes.set_xlabel("… beats this one, in one more repetition")
        for ticks in (axes.get_xticklabels(), axes.get_yticklabels()):
            for name, tick in zip(names, ticks, strict=True):
                best = name in comparison.best_set
                tick.set_color(BLUE if best else INK if name in summary.variants else ORANGE)
                tick.set_fontweight("bold" if best else "normal")
        if summary.baselines:
            border = len(summary.variants) - 0.5
            axes.axhline(border, color=INK, lw=1)
            axes.axvline(border, color=INK, lw=1)


def ranked(values: dict[str, float], summary: Summary) -> list[str]:
    """Sort names by their values, the best first."""
    return sorted(values, key=lambda name: values[name], reverse=summary.greater_is_better)


def _cells(axes: Axes, chances: Array) -> None:
    for row, column in np.ndindex(chances.shape):
        if row != column:
            text = per_cent(float(chances[row, column]))
            axes.text(column, row, text, ha="center", va="center", size=9, color=INK)
