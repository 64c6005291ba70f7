"""What lies behind the scores: how quality goes with length and how far gradients reach."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seqarena.data.store import Array
from seqarena.plots.colours import BLUE, MIST, ORANGE, SOFT
from seqarena.plots.formats import Format
from seqarena.plots.style import columns_for, panels_of, picture

DEEPEST = 1e-10  # of the largest gradient: less than this has vanished


class Shown(NamedTuple):
    """A line in a panel of its own, in grey in all others."""

    values: Array  # (repetitions, K)
    colour: str


def by_length(
    lengths: Array,
    variants: Mapping[str, Array],
    baselines: Mapping[str, Array],
    unit: str,
    metric: str,
    path: Path,
) -> None:
    """Draw quality ``(repetitions, K)`` over K mean lengths, a panel per variant and per baseline.

    Lines are means over repetitions, bands run from the worst to the best; the others are grey.
    """
    lines = {name: Shown(values, BLUE) for name, values in variants.items()}
    lines |= {name: Shown(values, ORANGE) for name, values in baselines.items()}
    low, high = _range_of(variants, baselines)
    form = Format([low, high])
    with picture(path, *_size(len(lines))) as figure:
        for axes, (name, own) in zip(panels_of(figure, lines), lines.items(), strict=True):
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


class Reach(NamedTuple):
    """The gradient at each distance before the end, ``(K,)`` each."""

    distances: Array
    first: Array  # with the weights that training began with
    trained: Array


def reaches(lines: Mapping[str, Reach], unit: str, path: Path) -> None:
    """Draw gradients over how long before the end they arrive, a panel per variant; log scale."""
    highest = max(float(np.max([line.first.max(), line.trained.max()])) for line in lines.values())
    with picture(path, *_size(len(lines))) as figure:
        panels = panels_of(figure, lines)
        for axes, (name, own) in zip(panels, lines.items(), strict=True):
            for other, line in lines.items():
                if other != name:
                    axes.plot(line.distances, _above_zero(line.trained), color=MIST, lw=0.8)
            dashes: dict[str, Any] = {"color": ORANGE, "lw": 1.3, "ls": (0, (4, 2))}
            axes.plot(own.distances, _above_zero(own.first), **dashes, label="first weights")
            axes.plot(own.distances, _above_zero(own.trained), color=BLUE, lw=1.8, label="trained")
        lowest = min(axes.dataLim.y0 for axes in panels)
        panels[0].set_yscale("log")
        panels[0].yaxis.set_major_formatter(_power_of_ten)
        panels[0].set_ylim(max(lowest, highest * DEEPEST) / 2, highest * 2)
        panels[0].invert_xaxis()  # time runs to the right
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=2)
        figure.supxlabel(unit, size=10, color=SOFT)
        figure.supylabel("gradient of the loss (norm)", size=10, color=SOFT)


def _power_of_ten(value: float, _place: object) -> str:
    """Write a tick without mathtext, which no picture here reads."""
    exponent = round(np.log10(value))
    return "10" + f"{exponent}".translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _above_zero(values: Array) -> Array:
    """A logarithm has no place for zero: the line is interrupted."""
    return np.where(values > 0, values, np.nan)


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
