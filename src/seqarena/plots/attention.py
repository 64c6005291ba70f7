"""What a model attended to, drawn over the steps as people know them: words, sound, hours, frames.

Each plot takes the steps of one sequence ``(T, *feature_shape)``, its weights ``(heads, S)`` that
sum to 1 over ``S``, a label per step, a title and the path of the PNG; several heads get a panel
each, on one scale. ``S`` is below ``T`` where the model subsamples; each weight then spans its
share of the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from seqarena.data.store import Array
from seqarena.errors import InputError
from seqarena.plots.colours import BLUE, FAINT, INK, ORANGE
from seqarena.plots.sound import spectrogram
from seqarena.plots.style import bare, head_name, headline, picture, shortened, step_ticks

AttentionPlot = Callable[[Array, Array, Sequence[str], str, Path], None]

TOKENS_A_ROW, FRAMES_A_ROW = 24, 12
DAILY = (1, 6, 12, 24, 48, 168, 336)  # steps between two ticks


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
        spectrogram(below, steps, labels)


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
        step_ticks(below[-1], labels, DAILY)


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


def _frame(axes: Axes, frame: Array, frames: Array, label: str) -> None:
    low, high = float(frames.min()), float(frames.max())
    scaled = (frame.transpose(1, 2, 0) - low) / ((high - low) or 1.0)
    axes.imshow(scaled.squeeze(), cmap="gray", vmin=0, vmax=1)
    axes.set_title(label, size=9, weight="normal", loc="center", pad=3)
    bare(axes)
