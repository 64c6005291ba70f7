"""Whether more tuning would help, what mattered, and where the best values lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from seqarena.data.store import Array
from seqarena.plots.colours import BLUE, FAINT, INK, MIST, ORANGE, SOFT
from seqarena.plots.formats import metric_name
from seqarena.plots.style import columns_for, panels_of, picture


class Curve(NamedTuple):
    """The expected best of n = 1, 2, … trials and its band, ``(n,)`` each."""

    expected: Array
    low: Array
    high: Array


def best_of_n(curves: Mapping[str, Curve], trials: int, metric: str, path: Path) -> None:
    """Draw the expected best score of n trials, a panel per variant, the others in grey.

    The upright line is what a study had; a band may leave the panel.
    """
    columns = columns_for(len(curves))
    rows = -(-len(curves) // columns)
    longest = max(len(curve.expected) for curve in curves.values())
    with picture(path, 2.6 * columns + 0.8, 1.9 * rows + 0.9) as figure:
        for axes, (name, own) in zip(panels_of(figure, curves), curves.items(), strict=True):
            for other, curve in curves.items():
                if other != name:
                    axes.plot(_counts(curve), curve.expected, color=MIST, lw=0.8)
            axes.fill_between(_counts(own), own.low, own.high, color=BLUE, alpha=0.15, lw=0)
            axes.plot(_counts(own), own.expected, color=BLUE, lw=1.8, zorder=3)
            if len(own.expected) == 1:
                axes.plot([1], own.expected, "o", color=BLUE, ms=4)
            axes.axvline(trials, color=ORANGE, lw=1.2, ls=(0, (4, 3)), label="trials of a study")
            axes.set_ylim(*_span(list(curves.values())))
            axes.set_xlim(0.5, max(longest, trials) + 0.5)
            axes.xaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]
            legend = axes.get_legend_handles_labels()
        figure.legend(*legend, loc="outside upper right")
        figure.supxlabel("trials, drawn at random", size=10, color=SOFT)
        figure.supylabel(f"{metric_name(metric)} of the best (valid)", size=10, color=SOFT)


def _counts(curve: Curve) -> Array:
    return np.arange(1, len(curve.expected) + 1)


def _span(curves: Sequence[Curve]) -> tuple[float, float]:
    """Span the curves and some of their bands, which would press the curves flat."""
    low = min(float(curve.expected.min()) for curve in curves)
    high = max(float(curve.expected.max()) for curve in curves)
    margin = 0.4 * (high - low) or 0.1 * abs(high) or 1.0
    lowest = min(float(curve.low.min()) for curve in curves)
    highest = max(float(curve.high.max()) for curve in curves)
    ends = max(low - margin, lowest), min(high + margin, highest)
    room = 0.03 * (ends[1] - ends[0]) or margin
    return ends[0] - room, ends[1] + room


def importance_bars(shares: Mapping[str, Mapping[str, float]], path: Path) -> None:
    """Draw what each hyperparameter accounts for: bars are means, dots the variants ``shares``.

    `shares` maps hyperparameters to the share of each variant that has it.
    """
    means = {name: float(np.mean(list(of.values()))) for name, of in shares.items()}
    order = sorted(means, key=lambda name: means[name])
    with picture(path, 7.0, 1.0 + 0.42 * len(order)) as figure:
        axes = figure.subplots()
        for row, name in enumerate(order):
            axes.barh(row, means[name], height=0.62, color=BLUE, alpha=0.3, lw=0)
            values = list(shares[name].values())
            axes.plot(values, [row] * len(values), "o", color=BLUE, ms=4.5, alpha=0.7)
            text = f"{means[name]:.0%}"
            if len(values) == 1:
                text += f"  ({next(iter(shares[name]))} alone)"
            place: dict[str, Any] = {
                "xytext": (8, 0),
                "textcoords": "offset points",
                "va": "center",
            }
            axes.annotate(text, (max(values), row), **place, color=INK, size=9)
        axes.set_yticks(range(len(order)), [_spelled(name) for name in order], color=INK)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlim(0, 1.1 * max(max(of.values()) for of in shares.values()))
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.grid(axis="x")
        axes.set_xlabel("share of the variance of the scores; a dot is a variant")


class Strip(NamedTuple):
    """Where the best values of a variant lie in a dimension, from 0 to 1."""

    shares: Sequence[float]
    at_end: bool


def best_places(
    strips: Mapping[str, Mapping[str, Strip]],
    ticks: Mapping[str, Sequence[tuple[float, str]]],
    edge: float,
    path: Path,
) -> None:
    """Draw where the best trial of each study lies: a panel per hyperparameter, rows are variants.

    `strips` maps hyperparameters to variants, those of most variants first; `edge` is the share of
    a range that is shaded at both ends, and what lies at an end is orange.
    """
    columns = columns_for(len(strips))
    lines = -(-len(strips) // columns)
    tallest = [max(map(len, list(strips.values())[n * columns :][:columns])) for n in range(lines)]
    heights = [0.75 + 0.23 * rows for rows in tallest]
    with picture(path, 2.3 * columns + 1.4, sum(heights) + 0.5) as figure:
        figure.get_layout_engine().set(wspace=0.06)  # type: ignore[union-attr, call-arg]
        panels = figure.subplots(lines, columns, squeeze=False, height_ratios=heights)
        left: list[str] = []
        for number, (axes, (name, own)) in enumerate(
            zip(panels.flat, strips.items(), strict=False)
        ):
            axes.set_title(_spelled(name), size=10)
            for low in (-edge, 1 - edge):
                axes.axvspan(low, low + 2 * edge, color=FAINT, alpha=0.7, lw=0)
            for row, strip in enumerate(own.values()):
                _strip(axes, row, strip)
            _finish(axes, ticks[name], list(own), edge)
            if number % columns and left == list(own):
                axes.tick_params(labelleft=False)
            left = list(own)
        for axes in panels.flat[len(strips) :]:
            axes.set_visible(False)
        label = "the best trial of each study in its range; orange: most lie at an end"
        figure.supxlabel(label, size=10, color=SOFT)


def _strip(axes: Axes, row: int, strip: Strip) -> None:
    """Draw a row; studies lie side by side, so that equal values can be counted."""
    count = len(strip.shares)
    heights = row + (np.arange(count) - (count - 1) / 2) * min(0.16, 0.7 / count)
    axes.axhline(row, color=FAINT, lw=0.6, zorder=0)
    colour = ORANGE if strip.at_end else BLUE
    axes.plot(strip.shares, heights, "o", color=colour, ms=4.2, alpha=0.75, clip_on=False)


def _finish(
    axes: Axes, ticks: Sequence[tuple[float, str]], variants: Sequence[str], edge: float
) -> None:
    axes.set_xlim(-edge, 1 + edge)
    axes.set_ylim(len(variants) - 0.4, -0.6)
    axes.set_yticks(range(len(variants)), variants, color=INK)
    axes.set_xticks([share for share, _ in ticks], [label for _, label in ticks])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _spelled(name: str) -> str:
    return name.replace("_", " ")
