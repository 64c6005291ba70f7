"""What a model attended to, drawn over the steps as people know them: words, sound, hours, frames.

Each plot takes the steps of one sequence ``(T, *feature_shape)``, its weights ``(heads, S)`` that
sum to 1 over ``S``, a label per step, a title and the path of the PNG; several heads get a panel
each, on one scale. ``S`` is below ``T`` where the model subsamples; each weight then spans its
share of the steps.
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
    head_name,
    headline,
    heads_across,
    picture,
    shortened,
)
from seqarena.errors import InputError

Array = NDArray[Any]
AttentionPlot = Callable[[Array, Array, Sequence[str], str, Path], None]
# Steps (T, *), weights (heads, U, S), a name per query and per step, title, path.
AlignmentPlot = Callable[[Array, Array, Sequence[str], Sequence[str], str, Path], None]

TOKENS_A_ROW, FRAMES_A_ROW = 24, 12
MOST_TOKENS = 60  # across an alignment
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
    """Draw what each query looked at: weights ``(heads, U, S)``, a row per token."""
    heads, rows, columns = weights.shape
    if (rows, columns) != (len(said), len(labels)):
        raise InputError(
            f"{path}: {rows} x {columns} weights for {len(said)} x {len(labels)} tokens"
        )
    weights, labels = _without_gaps(weights, labels)
    columns = len(labels)
    wide, high = 0.36 * columns, 0.3 * rows + 0.3 * (heads > 1)
    across = heads_across(heads, wide, high)
    down = heads // across
    width, height = 1.8 + across * wide, (1.6 if heads == 1 else 1.3) + down * high
    with picture(path, max(5.0, width), max(2.6, height)) as figure:
        headline(figure, title)
        panels = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
        for head, (axes, own) in enumerate(zip(panels.ravel(), weights, strict=True)):
            image = axes.imshow(own.astype(float), cmap=HEAT, vmin=0, vmax=1, aspect="auto")
            axes.tick_params(length=0)
            axes.spines[:].set_visible(False)
            head_name(axes, head, heads)
        for axes in panels[-1]:
            axes.set_xticks(range(columns), [shortened(label, 16) for label in labels])
            axes.tick_params(axis="x", rotation=50)
            for label in axes.get_xticklabels():
                label.set(ha="right", rotation_mode="anchor", color=INK)
            axes.set_xlabel("read")
        for axes in panels[:, 0]:
            _written(axes, said)
        figure.colorbar(image, ax=panels, label="weight", fraction=0.04 / across, pad=0.02)


def _without_gaps(weights: Array, labels: Sequence[str]) -> tuple[Array, Sequence[str]]:
    """Draw a long text's tokens in one column where they stand between those most looked at."""
    if len(labels) <= MOST_TOKENS:
        return weights, labels
    peaks = weights.max(axis=(0, 1))
    kept = np.zeros(len(labels), bool)
    kept[np.argsort(-peaks, kind="stable")[: MOST_TOKENS // 2]] = True
    starts = np.flatnonzero(kept | np.concatenate([[True], kept[:-1]]))
    runs = np.diff(np.append(starts, len(labels)))
    names = [
        labels[start] if run == 1 else f"… {run} tokens …"
        for start, run in zip(starts.tolist(), runs.tolist(), strict=True)
    ]
    return np.maximum.reduceat(weights, starts, axis=2), names


def alignment_audio(
    steps: Array,
    weights: Array,
    said: Sequence[str],
    labels: Sequence[str],
    title: str,
    path: Path,
) -> None:
    """Draw what each written token listened to, over the log-mel spectrogram ``(T, M)``.

    A row is drawn as shares of its largest weight in any head: one spread wide is seen as well.
    """
    heads, high = len(weights), 0.2 * len(said) + 0.6
    across = heads_across(heads, 9.0, high)
    down = heads // across
    width = 9.0 if across == 1 else 1.0 + 5.5 * across
    with picture(path, width, 2.0 + down * high) as figure:
        headline(figure, title)
        ratios = (*(high,) * down, 1.6)
        panels = figure.subplots(down + 1, across, squeeze=False, sharex=True, height_ratios=ratios)
        extent = (0, len(steps), len(said) - 0.5, -0.5)
        peaks = (weights / weights.max(axis=(0, 2), keepdims=True)).astype(float)
        for head, (axes, own) in enumerate(zip(panels[:-1].ravel(), peaks, strict=True)):
            axes.imshow(own, cmap=HEAT, vmin=0, vmax=1, aspect="auto", extent=extent)
            axes.tick_params(length=0)
            axes.set_yticks([])
            head_name(axes, head, heads)
        for axes in panels[:-1, 0]:
            _written(axes, said)
        for axes in panels[-1]:
            _spectrogram(axes, steps)
            _step_ticks(axes, labels, DECIMAL)
            axes.set_xlabel("time (s)")


def attention_text(
    steps: Array, weights: Array, labels: Sequence[str], title: str, path: Path
) -> None:
    """Draw a bar over every token, in rows that read like lines; steps ``(T,)``."""
    _check(steps, weights, labels, path, every_step=True)
    rows, heads = _rows(len(labels), TOKENS_A_ROW), len(weights)
    across, high = max(len(row) for row in rows), 1.9 + 1.1 * (heads - 1)
    with picture(path, max(6.0, 1.2 + 0.42 * across), 0.5 + high * len(rows)) as figure:
        headline(figure, title)
        grid = figure.subplots(len(rows) * heads, 1, squeeze=False)[:, 0].reshape(len(rows), heads)
        for line, row in zip(grid, rows, strict=True):
            for head, (axes, own) in enumerate(zip(line, weights, strict=True)):
                shares = own[row.start : row.stop]
                axes.bar(range(len(row)), shares, width=0.86, color=_shades(shares, weights))
                axes.set_xticks([])
                axes.set_xlim(-0.6, across - 0.4)
                _weight_axis(axes, weights)
                head_name(axes, head, heads)
            tokens = [shortened(labels[index], 16) for index in row]
            line[-1].set_xticks(range(len(row)), tokens, rotation=50, ha="right", color=INK)
            line[-1].tick_params(axis="x", length=0, pad=1)


def attention_audio(
    steps: Array, weights: Array, labels: Sequence[str], title: str, path: Path
) -> None:
    """Draw the weights over the log-mel spectrogram; steps ``(T, M)``, labels in seconds."""
    _check(steps, weights, labels, path)
    heads = len(weights)
    with picture(path, 8.0, 4.2 + 1.1 * (heads - 1)) as figure:
        headline(figure, title)
        *above, below = figure.subplots(heads + 1, 1, sharex=True, height_ratios=(*(1,) * heads, 2))
        _weight_steps(above, weights, len(steps))
        _spectrogram(below, steps)
        _step_ticks(below, labels, DECIMAL)
        below.set_xlabel("time (s)")


def attention_series(
    steps: Array, weights: Array, labels: Sequence[str], title: str, path: Path
) -> None:
    """Draw the curve with the weights beneath; steps ``(T, F)``, the target in column 0."""
    _check(steps, weights, labels, path)
    heads = len(weights)
    with picture(path, 9.0, 4.2 + 1.1 * (heads - 1)) as figure:
        headline(figure, title)
        above, *below = figure.subplots(heads + 1, 1, sharex=True, height_ratios=(2, *(1,) * heads))
        above.plot(
            np.arange(len(steps)) + 0.5, steps.reshape(len(steps), -1)[:, 0], color=INK, lw=1.2
        )
        above.set_ylabel("input (scaled)")
        above.grid(axis="y")
        if heads == 1:  # the shades of several would cover each other
            edges = np.linspace(0, len(steps), weights.shape[1] + 1)
            peaks = weights[0] / weights.max()
            for left, right, share in zip(edges[:-1], edges[1:], peaks, strict=True):
                above.axvspan(left, right, color=ORANGE, alpha=0.45 * float(share), lw=0)
        _weight_steps(below, weights, len(steps))
        _step_ticks(below[-1], labels, DAILY)


def attention_video(
    steps: Array, weights: Array, labels: Sequence[str], title: str, path: Path
) -> None:
    """Draw the frames as a film strip with the weight under each; steps ``(T, C, H, W)``."""
    _check(steps, weights, labels, path)
    heads, count = weights.shape
    places = (np.arange(count) + 0.5) * len(steps) / count
    frames = np.arange(len(steps)) + 0.5  # a weight per frame, also where the model subsamples
    shares = np.stack([np.interp(frames, places, own) for own in weights])
    rows = _rows(len(steps), FRAMES_A_ROW)
    across = max(len(row) for row in rows)
    width = max(6.0, 0.9 * across)
    high = 0.75 + width / across + 0.9 * (heads - 1)
    with picture(path, width, 0.55 + len(rows) * high) as figure:
        headline(figure, title)
        deep = heads + 1  # rows of the grid for a row of frames
        ratios = (3, *(1.6,) * heads) * len(rows)
        grid = figure.add_gridspec(deep * len(rows), across, height_ratios=ratios)
        for line, row in enumerate(rows):
            for column, index in enumerate(row):
                frame = figure.add_subplot(grid[deep * line, column])
                _frame(frame, steps[index], steps, shortened(labels[index], 10))
            for head, own in enumerate(shares):
                bars = figure.add_subplot(grid[deep * line + 1 + head, :])
                part = own[row.start : row.stop]
                bars.bar(np.arange(len(row)) + 0.5, part, width=0.8, color=_shades(part, shares))
                bars.set_xlim(0, across)
                bars.set_xticks([])
                _weight_axis(bars, shares, label="")
                head_name(bars, head, heads)


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


def _written(axes: Axes, said: Sequence[str]) -> None:
    axes.set_yticks(range(len(said)), [shortened(token, 16) for token in said], color=INK)
    axes.set_ylabel("written")


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
    if weights.ndim != 2 or not 0 < weights.shape[1] <= len(steps):
        raise InputError(
            f"{path.name}: expected 1 to {len(steps)} weights a head, found shape {weights.shape}"
        )
    if every_step and weights.shape[1] != len(steps):
        raise InputError(f"{path.name}: expected {len(steps)} weights, found {weights.shape[1]}")


def _rows(count: int, limit: int) -> list[range]:
    """Break steps into as few rows as possible, all about as long."""
    lines = -(-count // limit)
    across = -(-count // lines)
    return [range(start, min(start + across, count)) for start in range(0, count, across)]


def _shades(shares: Array, of: Array) -> list[tuple[str, float]]:
    return [(BLUE, 0.3 + 0.7 * float(share)) for share in shares / of.max()]


def _weight_steps(panels: Sequence[Axes], weights: Array, length: int) -> None:
    edges = np.linspace(0, length, weights.shape[1] + 1)
    for head, (axes, own) in enumerate(zip(panels, weights, strict=True)):
        axes.stairs(own, edges, fill=True, color=BLUE, alpha=0.85)
        axes.set_xlim(0, length)
        _weight_axis(axes, weights)
        head_name(axes, head, len(weights))


def _weight_axis(axes: Axes, weights: Array, label: str = "weight") -> None:
    """Start at 0 and show what even attention would give: a peak is a peak only beside that."""
    even = 1 / weights.shape[1]
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
