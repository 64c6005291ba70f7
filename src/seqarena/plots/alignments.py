"""What a model looked at for each token that it wrote: a row per token, over the steps it read.

Each plot takes the steps of one sequence ``(T, *feature_shape)``, its weights ``(heads, U, S)``
that sum to 1 over ``S``, a name per query and one per step, a title and the path of the PNG;
several heads get a panel each, on one scale.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from seqarena.data.store import Array
from seqarena.errors import InputError
from seqarena.plots.colours import INK
from seqarena.plots.sound import spectrogram
from seqarena.plots.style import HEAT, head_name, headline, heads_across, picture, shortened

AlignmentPlot = Callable[[Array, Array, Sequence[str], Sequence[str], str, Path], None]

MOST_TOKENS = 60  # side by side


def alignment(
    steps: Array,
    weights: Array,
    tokens: Sequence[str],
    labels: Sequence[str],
    title: str,
    path: Path,
) -> None:
    """Draw what each query looked at: weights ``(heads, U, S)``, a row per token."""
    heads, rows, columns = weights.shape
    if (rows, columns) != (len(tokens), len(labels)):
        raise InputError(
            f"{path}: {rows} x {columns} weights for {len(tokens)} x {len(labels)} tokens"
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
            _written(axes, tokens)
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
    tokens: Sequence[str],
    labels: Sequence[str],
    title: str,
    path: Path,
) -> None:
    """Draw what each written token listened to, over the log-mel spectrogram ``(T, M)``.

    A row is drawn as shares of its largest weight in any head: one spread wide is seen as well.
    """
    heads, high = len(weights), 0.2 * len(tokens) + 0.6
    across = heads_across(heads, 9.0, high)
    down = heads // across
    width = 9.0 if across == 1 else 1.0 + 5.5 * across
    with picture(path, width, 2.0 + down * high) as figure:
        headline(figure, title)
        ratios = (*(high,) * down, 1.6)
        panels = figure.subplots(down + 1, across, squeeze=False, sharex=True, height_ratios=ratios)
        extent = (0, len(steps), len(tokens) - 0.5, -0.5)
        peaks = (weights / weights.max(axis=(0, 2), keepdims=True)).astype(float)
        for head, (axes, own) in enumerate(zip(panels[:-1].ravel(), peaks, strict=True)):
            axes.imshow(own, cmap=HEAT, vmin=0, vmax=1, aspect="auto", extent=extent)
            axes.tick_params(length=0)
            axes.set_yticks([])
            head_name(axes, head, heads)
        for axes in panels[:-1, 0]:
            _written(axes, tokens)
        for axes in panels[-1]:
            spectrogram(axes, steps, labels)


ALIGNMENT_PLOTS: dict[str, AlignmentPlot] = {
    "text": alignment,
    "audio": alignment_audio,
    "signal": alignment,
    "video": alignment,
}


def _written(axes: Axes, tokens: Sequence[str]) -> None:
    axes.set_yticks(range(len(tokens)), [shortened(token, 16) for token in tokens], color=INK)
    axes.set_ylabel("written")
