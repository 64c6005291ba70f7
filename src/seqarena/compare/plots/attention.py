"""What a model attended to, drawn over the steps as people know them: words, sound, hours, frames.

Each plot takes the steps of one sequence ``(T, *feature_shape)``, its weights ``(S,)`` that sum to
1, a label per step, a title and the path of the PNG. ``S`` is below ``T`` where the model
subsamples; each weight then spans its share of the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from seqarena.compare.plots.style import (
    BLUE,
    FAINT,
    HEAT,
    INK,
    ORANGE,
    bare,
    headline,
    picture,
    shortened,
)
from seqarena.errors import InputError

Array = NDArray[Any]
AttentionPlot = Callable[[Array, Array, Sequence[str], str, Path], None]
# Steps (T, *), weights (U, S), a name per query and per step, title, path.
AlignmentPlot = Callable[[Array, Array, Sequence[str], Sequence[str], str, Path], None]

TOKENS_A_ROW, FRAMES_A_ROW = 24, 12
DECIMAL = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)  # steps between two ticks
DAILY = (1, 6, 12, 24, 48, 168, 336)


def alignment(
    steps: Array,
    weights: Array,
    said: Sequence[str],
    labels: Sequence[str],
    title: str,
    path: Path,
) -> None:
    """Draw what each query looked at: weights ``(U, S)``, a row per token, a column per step."""
    if weights.shape != (len(said), len(labels)):
        found = f"{weights.shape[0]} x {weights.shape[1]}"
        raise InputError(f"{path}: {found} weights for {len(said)} x {len(labels)} tokens")
    width, height = 1.8 + 0.36 * len(labels), 1.6 + 0.3 * len(said)
    with picture(path, max(5.0, width), max(2.6, height)) as figure:
        headline(figure, title)
        axes = figure.subplots()
        image = axes.imshow(weights.astype(float), cmap=HEAT, vmin=0, vmax=1, aspect="auto")
        axes.set_xticks(range(len(labels)), [shortened(label, 16) for label in labels])
        axes.tick_params(axis="x", rotation=50, length=0)
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor", color=INK)
        axes.set_yticks(range(len(said)), [shortened(token, 16) for token in said], color=INK)
        axes.tick_params(axis="y", length=0)
        axes.spines[:].set_visible(False)
        axes.set_xlabel("read")
        axes.set_ylabel("written")
        figure.colorbar(image, ax=axes, label="weight", fraction=0.04, pad=0.02)


def alignment_audio(
    steps: Array,
    weights: Array,
    said: Sequence[str],
    labels: Sequence[str],
    title: str,
    path: Path,
) -> None:
    """Draw what each written token listened to, over the log-mel spectrogram ``(T, M)``."""
    with picture(path, 9.0, 2.6 + 0.2 * len(said)) as figure:
        headline(figure, title)
        ratios = (0.2 * len(said) + 0.6, 1.6)
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=ratios)
        extent = (0, len(steps), len(said) - 0.5, -0.5)
        peaks = weights / weights.max(axis=1, keepdims=True)  # a row spread wide is seen as well
        above.imshow(peaks.astype(float), cmap=HEAT, vmin=0, vmax=1, aspect="auto", extent=extent)
        above.set_yticks(range(len(said)), [shortened(token, 16) for token in said], color=INK)
        above.tick_params(length=0)
        above.set_ylabel("written")
        _spectrogram(below, steps)
        _step_ticks(below, labels, DECIMAL)
        below.set_xlabel("time (s)")


def attention_text(
    steps: Array, weights: Array, labels: Sequence[str], title: str, path: Path
) -> None:
    """Draw a bar over every token, in rows that read like lines; steps ``(T,)``."""
    _check(steps, weights, labels, path, every_step=True)
    rows = _rows(len(labels), TOKENS_A_ROW)
    across = max(len(row) for row in rows)
    with picture(path, max(6.0, 1.2 + 0.42 * across), 0.5 + 1.9 * len(rows)) as figure:
        headline(figure, title)
        axes_of = figure.subplots(len(rows), 1, squeeze=False)[:, 0]
        for axes, row in zip(axes_of, rows, strict=True):
            shares = weights[row.start : row.stop]
            axes.bar(range(len(row)), shares, width=0.86, color=_shades(shares, weights))
            tokens = [shortened(labels[index], 16) for index in row]
            axes.set_xticks(range(len(row)), tokens, rotation=50, ha="right", color=INK)
            axes.tick_params(axis="x", length=0, pad=1)
            axes.set_xlim(-0.6, across - 0.4)
            _weight_axis(axes, weights)


def attention_audio(
    steps: Array, weights: Array, labels: Sequence[str], title: str, path: Path
) -> None:
    """Draw the weights over the log-mel spectrogram; steps ``(T, M)``, labels in seconds."""
    _check(steps, weights, labels, path)
    with picture(path, 8.0, 4.2) as figure:
        headline(figure, title)
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1, 2))
        _weight_steps(above, weights, len(steps))
        _spectrogram(below, steps)
        _step_ticks(below, labels, DECIMAL)
        below.set_xlabel("time (s)")


def attention_series(
    steps: Array, weights: Array, labels: Sequence[str], title: str, path: Path
) -> None:
    """Draw the curve with the weights beneath; steps ``(T, F)``, the target in column 0."""
    _check(steps, weights, labels, path)
    with picture(path, 9.0, 4.2) as figure:
        headline(figure, title)
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        above.plot(
            np.arange(len(steps)) + 0.5, steps.reshape(len(steps), -1)[:, 0], color=INK, lw=1.2
        )
        above.set_ylabel("input (scaled)")
        above.grid(axis="y")
        edges = np.linspace(0, len(steps), len(weights) + 1)
        for left, right, share in zip(edges[:-1], edges[1:], weights / weights.max(), strict=True):
            above.axvspan(left, right, color=ORANGE, alpha=0.45 * float(share), lw=0)
        _weight_steps(below, weights, len(steps))
        _step_ticks(below, labels, DAILY)


def attention_video(
    steps: Array, weights: Array, labels: Sequence[str], title: str, path: Path
) -> None:
    """Draw the frames as a film strip with the weight under each; steps ``(T, C, H, W)``."""
    _check(steps, weights, labels, path)
    shares = np.interp(  # a weight per frame, also where the model subsamples
        np.arange(len(steps)) + 0.5,
        (np.arange(len(weights)) + 0.5) * len(steps) / len(weights),
        weights,
    )
    rows = _rows(len(steps), FRAMES_A_ROW)
    across = max(len(row) for row in rows)
    width = max(6.0, 0.9 * across)
    with picture(path, width, 0.55 + len(rows) * (0.75 + width / across)) as figure:
        headline(figure, title)
        grid = figure.add_gridspec(2 * len(rows), across, height_ratios=[3, 1.6] * len(rows))
        for line, row in enumerate(rows):
            for column, index in enumerate(row):
                frame = figure.add_subplot(grid[2 * line, column])
                _frame(frame, steps[index], steps, shortened(labels[index], 10))
            bars = figure.add_subplot(grid[2 * line + 1, :])
            part = shares[row.start : row.stop]
            bars.bar(np.arange(len(row)) + 0.5, part, width=0.8, color=_shades(part, shares))
            bars.set_xlim(0, across)
            bars.set_xticks([])
            _weight_axis(bars, shares, label="")


ATTENTION_PLOTS: dict[str, AttentionPlot] = {
    "text": attention_text,
    "audio": attention_audio,
    "signal": attention_series,
    "series": attention_series,
    "video": attention_video,
}


ALIGNMENT_PLOTS: dict[str, AlignmentPlot] = {
    "text": alignment,
    "audio": alignment_audio,
    "signal": alignment,
    "video": alignment,
}


def _spectrogram(axes: Axes, steps: Array) -> None:
    low, high = np.percentile(steps, (2, 99.5))  # one click must not darken the rest
    axes.imshow(
        steps.T,
        aspect="auto",
        origin="lower",
        cmap="magma",
        vmin=low,
        vmax=high,
        extent=(0, len(steps), 0, steps.shape[1]),
    )
    axes.set_ylabel("mel band")


def _check(
    steps: Array, weights: Array, labels: Sequence[str], path: Path, every_step: bool = False
) -> None:
    if len(labels) != len(steps):
        raise InputError(f"{path.name}: expected {len(steps)} labels, found {len(labels)}")
    if weights.ndim != 1 or not 0 < len(weights) <= len(steps):
        raise InputError(
            f"{path.name}: expected 1 to {len(steps)} weights, found shape {weights.shape}"
        )
    if every_step and len(weights) != len(steps):
        raise InputError(f"{path.name}: expected {len(steps)} weights, found {len(weights)}")


def _rows(count: int, limit: int) -> list[range]:
    """Break steps into as few rows as possible, all about as long."""
    lines = -(-count // limit)
    across = -(-count // lines)
    return [range(start, min(start + across, count)) for start in range(0, count, across)]


def _shades(shares: Array, of: Array) -> list[tuple[str, float]]:
    return [(BLUE, 0.3 + 0.7 * float(share)) for share in shares / of.max()]


def _weight_steps(axes: Axes, weights: Array, length: int) -> None:
    edges = np.linspace(0, length, len(weights) + 1)
    axes.stairs(weights, edges, fill=True, color=BLUE, alpha=0.85)
    axes.set_xlim(0, length)
    _weight_axis(axes, weights)


def _weight_axis(axes: Axes, weights: Array, label: str = "weight") -> None:
    """Start at 0 and show what even attention would give: a peak is a peak only beside that."""
    even = 1 / len(weights)
    axes.axhline(even, color=ORANGE, lw=1, ls=(0, (4, 3)), zorder=3)
    axes.annotate(
        "even",
        (1, even),
        xycoords=("axes fraction", "data"),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        color=ORANGE,
        size=8,
    )
    axes.set_ylim(0, max(1.1 * float(weights.max()), 1.5 * even))
    axes.set_ylabel(label)
    axes.locator_params(axis="y", nbins=3)
    axes.grid(axis="y", color=FAINT)


def _step_ticks(axes: Axes, labels: Sequence[str], strides: Sequence[int]) -> None:
    """Label steps at a round distance, as many as fit side by side."""
    fitting = 10 if max(map(len, labels)) <= 8 else 5
    stride = next((stride for stride in strides if len(labels) / stride <= fitting), len(labels))
    chosen = range(0, len(labels), stride)
    axes.set_xticks([index + 0.5 for index in chosen], [labels[index] for index in chosen])


def _frame(axes: Axes, frame: Array, frames: Array, label: str) -> None:
    low, high = float(frames.min()), float(frames.max())
    scaled = (frame.transpose(1, 2, 0) - low) / ((high - low) or 1.0)
    axes.imshow(scaled.squeeze(), cmap="gray", vmin=0, vmax=1)
    axes.set_title(label, size=9, weight="normal", loc="center", pad=3)
    bare(axes)
