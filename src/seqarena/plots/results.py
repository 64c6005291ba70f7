"""How the variants did: the comparison, their curves, their confusions, their forecasts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MultipleLocator

from seqarena.data.store import Array
from seqarena.errors import InputError
from seqarena.plots.colours import BLUE, FAINT, INK, MIST, ORANGE, SOFT
from seqarena.plots.formats import format_of, metric_name
from seqarena.plots.spans import score_range
from seqarena.plots.style import HEAT, columns_for, panels_of, picture, shortened
from seqarena.records import BaselineSummary, Summary, VariantSummary

Curves = Mapping[str, Sequence[Sequence[tuple[float, float]]]]


def scores(summary: Summary, path: Path) -> None:
    """Draw the comparison of one experiment's summary: a row per variant, best on top.

    Dots are repetitions, the bar is the 95 % interval of their mean; upright lines are baselines,
    each within the pale band of its own interval.
    """
    variants, baselines, means = summary.variants, summary.references, summary.means
    order = sorted(variants, key=lambda name: means[name], reverse=not summary.greater_is_better)
    form = format_of(summary)
    height = 1.1 + 0.36 * len(order) + 0.24 * len(baselines)
    with picture(path, 9.0, height) as figure:
        axes = figure.subplots()
        for row, name in enumerate(order):
            _score_row(axes, row, variants[name])
        low, high = score_range(list(variants.values()), baselines)
        axes.set_xlim(low, high)
        # Labels run inwards: with the outermost highest, no label meets another line.
        inner = sorted(baselines, key=lambda name: abs(baselines[name] - (low + high) / 2))
        for level, name in enumerate(inner):
            label = f"{name} {form(baselines[name])}"
            _baseline(axes, label, summary.baselines[name], len(order), level)
        axes.set_ylim(-0.7, len(order) - 0.3 + 0.66 * len(baselines))
        axes.set_yticks(range(len(order)), order, color=INK)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        better = "more" if summary.greater_is_better else "less"
        axes.set_xlabel(f"{metric_name(summary.metric)}, {better} is better")
        _value_labels(axes, [form(means[name]) for name in order])


def _score_row(axes: Axes, row: int, variant: VariantSummary) -> None:
    axes.plot(variant.ci95, [row, row], color=BLUE, lw=6, alpha=0.25, solid_capstyle="round")
    axes.plot(variant.values, [row] * len(variant.values), "o", color=BLUE, ms=4.5, alpha=0.7)
    axes.plot([variant.mean], [row], "|", color=INK, ms=13, mew=2)


def _baseline(axes: Axes, label: str, baseline: BaselineSummary, rows: int, level: int) -> None:
    """Draw a baseline, its label on a level of its own above the rows; one beyond gets an arrow."""
    height = rows - 0.35 + 0.66 * level
    (low, high), value = axes.get_xlim(), baseline.value
    inside = low <= value <= high
    at = min(max(value, low), high)
    left_half = at < (low + high) / 2
    if inside:
        start, end = np.clip(baseline.ci95, low, high)
        axes.fill_betweenx([-0.7, rows - 0.5], start, end, color=ORANGE, alpha=0.1, lw=0, zorder=0)
        axes.plot([value, value], [-0.7, height + 0.2], color=ORANGE, lw=1.2, ls=(0, (4, 3)))
    else:
        label = f"◂ {label}" if left_half else f"{label} ▸"
    axes.annotate(
        label,
        (at, height),
        xytext=(5 if left_half else -5, 0),
        textcoords="offset points",
        ha="left" if left_half else "right",
        va="center",
        color=ORANGE,
        size=9,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
    )


def _value_labels(axes: Axes, means: Sequence[str]) -> None:
    for row, mean in enumerate(means):
        axes.annotate(
            mean,
            (1, row),
            xycoords=("axes fraction", "data"),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            color=INK,
        )


def learning_curves(curves: Curves, metric: str, path: Path) -> None:
    """Draw a panel per variant: validation ``(epoch, value)`` of its finals, the others in grey."""
    if not any(final for finals in curves.values() for final in finals):
        raise InputError(f"{path.name}: expected at least one epoch, found none")
    columns = columns_for(len(curves))
    rows = -(-len(curves) // columns)
    with picture(path, 2.6 * columns + 0.8, 1.9 * rows + 0.7) as figure:
        for axes, name in zip(panels_of(figure, curves), curves, strict=True):
            for other, finals in curves.items():
                for final in finals:
                    own = other == name
                    style: dict[str, Any] = (
                        {"color": BLUE, "lw": 1.5, "zorder": 3}
                        if own
                        else {"color": MIST, "lw": 0.8}
                    )
                    axes.plot(
                        *zip(*final, strict=True), **style, marker="." if len(final) == 1 else None
                    )
            locator: Any = axes.xaxis.get_major_locator()
            locator.set_params(integer=True)
        figure.supxlabel("epoch", size=10, color=SOFT)
        figure.supylabel(f"{metric_name(metric)} (valid)", size=10, color=SOFT)


def confusion(matrix: Array, classes: Sequence[str], path: Path) -> None:
    """Draw counts ``(K, K)``, true classes down and predicted across, coloured by row share."""
    count = len(classes)
    if matrix.shape != (count, count):
        raise InputError(f"{path.name}: expected shape {(count, count)}, found {matrix.shape}")
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    side = 2.0 + max(0.34 * count, 2.0)
    with picture(path, side + 0.5, side) as figure:
        axes = figure.subplots()
        image = axes.imshow(shares, cmap=HEAT, vmin=0, vmax=1)
        names = [shortened(name, 18) for name in classes]
        upright = count == 2 or (count <= 12 and max(map(len, names)) <= 4)
        turned: dict[str, Any] = (
            {} if upright else {"rotation": 60, "ha": "right", "rotation_mode": "anchor"}
        )
        axes.set_xticks(range(count), names, color=INK, **turned)
        axes.set_yticks(range(count), names, color=INK)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        _counts(axes, matrix, shares)
        figure.colorbar(
            image, ax=axes, shrink=0.7, aspect=28, label="share of the true class", format="{x:.0%}"
        )


def _counts(axes: Axes, matrix: Array, shares: Array) -> None:
    """Write the counts; in large matrices only those that are not zero."""
    count = len(matrix)
    size = 11 if count <= 4 else 9 if count <= 14 and matrix.max() < 1000 else 7
    for row, column in np.ndindex(count, count):
        if matrix[row, column] == 0 and count > 4:
            continue
        share = float(shares[row, column])
        text = f"{int(matrix[row, column])}" + (f"\n{share:.0%}" if count <= 4 else "")
        color = "white" if share > 0.55 else INK
        label = axes.text(column, row, text, ha="center", va="center", size=size, color=color)
        label.set_in_layout(False)  # inside the axes: measuring a thousand of them takes seconds


def found_labels(counts: Mapping[str, Array], labels: Sequence[str], path: Path) -> None:
    """Draw counts of each label by what became of it, ``(K,)`` each, the most common on top."""
    order = np.argsort(sum(counts.values()), kind="stable")
    with picture(path, 6.4, 0.9 + 0.3 * len(labels)) as figure:
        axes = figure.subplots()
        left = np.zeros(len(labels))
        for (part, found), color in zip(counts.items(), (BLUE, MIST, ORANGE), strict=True):
            axes.barh(np.arange(len(labels)), found[order], left=left, color=color, label=part)
            left += found[order]
        names = [shortened(labels[index], 24) for index in order]
        axes.set_yticks(range(len(labels)), names, color=INK)
        axes.tick_params(length=0)
        axes.grid(axis="x")
        axes.set_xlabel("sequences of test")
        figure.legend(loc="outside right upper")


def forecasts(
    history: Array,
    truth: Array,
    forecast: Array,
    titles: Sequence[str],
    unit: str,
    path: Path,
    quantiles: Array | None = None,
    outer: str | None = None,
) -> None:
    """Draw history ``(n, T)``, truth and forecast ``(n, H)`` in the data's unit, a panel each.

    Quantiles ``(n, H, Q)`` become bands about the forecast: the `outer` one, and those within.
    """
    if (
        not len(history) == len(truth) == len(forecast) == len(titles)
        or truth.shape != forecast.shape
    ):
        raise InputError(
            f"{path.name}: expected as many histories, truths, forecasts and titles, found "
            f"{history.shape}, {truth.shape}, {forecast.shape} and {len(titles)}"
        )
    columns = 1 if len(titles) == 1 else 2
    rows = -(-len(titles) // columns)
    shown = history[:, -3 * truth.shape[1] :]  # more would press the horizon together
    past = np.arange(-shown.shape[1] + 1, 1)
    ahead = np.arange(truth.shape[1] + 1)
    with picture(path, 5.6 * columns, 2.1 * rows + 0.8) as figure:
        panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for index, axes in enumerate(panels.flat[: len(titles)]):
            last = shown[index, -1:]
            axes.axvspan(0, truth.shape[1], color=FAINT, alpha=0.4, lw=0)
            axes.plot(past, shown[index], color=SOFT, lw=1.0)
            axes.plot(ahead, np.concatenate([last, truth[index]]), color=INK, lw=1.5, label="truth")
            if quantiles is not None:
                for inner in range(quantiles.shape[2] // 2):
                    low, high = quantiles[index][:, inner], quantiles[index][:, -1 - inner]
                    label = None if inner else outer
                    band = {"color": ORANGE, "alpha": 0.15, "lw": 0, "label": label}
                    axes.fill_between(ahead[1:], low, high, **band)
            axes.plot(ahead[1:], forecast[index], color=ORANGE, lw=1.8, label="forecast")
            axes.set_title(titles[index], size=10)
            axes.grid(axis="y")
            axes.xaxis.set_major_locator(MultipleLocator(truth.shape[1]))
        for axes in panels.flat[len(titles) :]:
            axes.set_visible(False)
        figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=3)
        figure.supxlabel("steps from the last one known", size=10, color=SOFT)
        figure.supylabel(unit, size=10, color=SOFT)
