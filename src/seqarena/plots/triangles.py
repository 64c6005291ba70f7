"""What each step of a sequence looked at among those before it: a triangle, as none looks ahead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm

from seqarena.data.store import Array
from seqarena.errors import InputError
from seqarena.plots.colours import INK
from seqarena.plots.sound import DECIMAL, spectrogram
from seqarena.plots.style import (
    HEAT,
    head_name,
    headline,
    heads_across,
    picture,
    shortened,
    step_ticks,
)

MOST_NAMES = 64  # along an axis
SCALE = PowerNorm(0.5, 0, 1)  # of a hundred steps each has little, and one that has more is seen
Strip = Callable[[Axes, Array, Sequence[str]], None]


def is_triangle(weights: Array) -> bool:
    """Tell whether in ``(heads, U, S)`` every step is a query that looks at none after it."""
    _, queries, steps = weights.shape
    return queries == steps > 1 and not np.triu(weights, 1).any()


def triangle(
    steps: Array,
    weights: Array,
    queries: Sequence[str],
    labels: Sequence[str],
    title: str,
    path: Path,
    strip: Strip | None = None,
) -> None:
    """Draw weights ``(heads, T, T)``, a row for each query, over the steps that it looked at.

    A `strip` draws the steps ``(T, *)`` beneath. Raises `InputError` where names are not as many.
    """
    heads, rows, columns = weights.shape
    if (rows, columns) != (len(queries), len(labels)):
        found = f"{rows} x {columns} weights for {len(queries)} x {len(labels)} steps"
        raise InputError(f"{path.name}: {found}")
    side = max(3.0, 0.24 * columns) if columns <= MOST_NAMES else 7.0
    across = heads_across(heads, side, side)
    down = heads // across
    below = [] if strip is None else [0.3 * side]
    size = 2.0 + across * (side + 0.2), 1.8 + down * (side + 0.2) + sum(below)
    with picture(path, *size) as figure:
        headline(figure, title)
        panels = figure.subplots(
            down + len(below), across, squeeze=False, sharex=True,
            height_ratios=(*(side,) * down, *below),
        )  # fmt: skip
        future = np.triu(np.ones((rows, columns), bool), 1)
        for head, (axes, own) in enumerate(zip(panels[:down].ravel(), weights, strict=True)):
            shown = np.ma.masked_array(own.astype(float), future)
            extent = (0, columns, rows, 0)
            image = axes.imshow(shown, cmap=HEAT, norm=SCALE, aspect="auto", extent=extent)
            axes.tick_params(length=0)
            axes.spines[:].set_visible(False)
            head_name(axes, head, heads)
        for axes in panels[:down, 0]:
            _name(axes, queries, along="y")
        for axes in panels[:down, 1:].ravel():
            axes.set_yticks([])
        for axes in panels[-1]:
            if strip is None:
                _name(axes, labels, along="x")
            else:
                strip(axes, steps, labels)
        figure.colorbar(image, ax=panels, label="weight", fraction=0.04 / across, pad=0.02)


def roll_strip(axes: Axes, steps: Array, labels: Sequence[str]) -> None:
    """Draw the keys ``(T, K)`` that sounded, those that are ever heard."""
    heard = np.flatnonzero(steps.any(axis=0))
    low, high = (heard[0], heard[-1] + 1) if len(heard) else (0, steps.shape[1])
    extent = (0, len(steps), low, high)
    axes.imshow(steps[:, low:high].T, aspect="auto", origin="lower", cmap="Greys", extent=extent)
    axes.set_ylabel("key")
    step_ticks(axes, labels, DECIMAL)
    axes.set_xlabel("beat")


STRIPS: dict[str, Strip] = {"music": roll_strip, "audio": spectrogram}


def _name(axes: Axes, names: Sequence[str], along: str) -> None:
    """Name the steps along an axis: each where there is room, else some."""
    axis = axes.xaxis if along == "x" else axes.yaxis
    stride = next((n for n in DECIMAL if len(names) / n <= 12), len(names))
    chosen = range(0, len(names), 1 if len(names) <= MOST_NAMES else stride)
    axis.set_ticks([place + 0.5 for place in chosen], [shortened(names[n], 16) for n in chosen])
    if along == "x":
        axes.set_xlabel("looked at")
        for label in axes.get_xticklabels():
            label.set(rotation=50, ha="right", rotation_mode="anchor", color=INK)
    else:
        axes.set_ylabel("at")
        for label in axes.get_yticklabels():
            label.set(color=INK)
