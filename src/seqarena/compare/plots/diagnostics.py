"""What lies behind the scores: how quality goes with length and how far gradients reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from seqarena.compare.formats import Format
from seqarena.compare.plots.style import BLUE, INK, MIST, ORANGE, SOFT, columns_for, picture

Array = NDArray[Any]


class Shown(NamedTuple):
    """A line in a panel of its own, in grey in all others."""

    values: Array  # (seeds, K)
    colour: str


def by_length(
    lengths: Array,
    variants: Mapping[str, Array],
    baselines: Mapping[str, Array],
    unit: str,
    metric: str,
    path: Path,
) -> None:
    """Draw quality ``(seeds, K)`` over K mean lengths, a panel per variant and per baseline.

    Lines are means over seeds, bands run from the worst seed to the best; the others are grey.
    """
    lines = {name: Shown(values, BLUE) for name, values in variants.items()}
    lines |= {name: Shown(values, ORANGE) for name, values in baselines.items()}
    low, high = _range_of(variants, baselines)
    form = Format([low, high])
    with picture(path, *_size(len(lines))) as figure:
        for axes, (name, own) in zip(_panels(figure, lines), lines.items(), strict=True):
            for other, line in lines.items():
                if other != name:
                    axes.plot(lengths, line.values.mean(0), color=MIST, lw=0.8)
            mean = own.values.mean(0)
            axes.fill_between(
                lengths, own.values.min(0), own.values.max(0), color=own.colour, alpha=0.18, lw=0
            )
            axes.plot(lengths, mean, color=own.colour, lw=1.6, marker="o", ms=3.5, zorder=3)
            if not low <= mean.mean() <= high:
                beyond = f"beyond the axis:\n{form(float(mean.mean()))} on average"
                paper = {"facecolor": "white", "edgecolor": "none"}
                place: dict[str, Any] = {"transform": axes.transAxes, "ha": "center"}
                axes.text(0.5, 0.5, beyond, **place, color=ORANGE, bbox=paper)
            axes.set_ylim(low, high)
        figure.supxlabel(unit, size=10, color=SOFT)
        figure.supylabel(metric, size=10, color=SOFT)


def _range_of(variants: Mapping[str, Array], baselines: Mapping[str, Array]) -> tuple[float, float]:
    """Span the variants and what is near them; a far baseline would press them together."""
    values = np.concatenate([values.ravel() for values in variants.values()])
    low, high = float(values.min()), float(values.max())
    span = (high - low) or 0.1 * abs(high) or 1.0
    for line in baselines.values():
        if line.min() >= low - 2 * span and line.max() <= high + 2 * span:
            low, high = min(low, float(line.min())), max(high, float(line.max()))
    margin = 0.06 * ((high - low) or span)
    return low - margin, high + margin


def _size(count: int) -> tuple[float, float]:
    columns = columns_for(count)
    return max(2.6 * columns + 0.8, 4.4), 1.9 * -(-count // columns) + 0.7


def _panels(figure: Figure, names: Sequence[str] | Mapping[str, Any]) -> list[Axes]:
    """Return a panel per name; all have the same axes."""
    columns = columns_for(len(names))
    rows = -(-len(names) // columns)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    panels = list(grid.flat)
    for axes, name in zip(panels, names, strict=False):
        axes.set_title(name, size=10, color=INK)
        axes.grid()
        axes.tick_params(length=0)
    for axes in panels[len(names) :]:
        axes.set_visible(False)
    return panels[: len(names)]
