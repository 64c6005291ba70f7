"""Sound as a picture, to stand below what a model listened to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from seqarena.data.store import Array
from seqarena.plots.style import step_ticks

DECIMAL = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)  # steps between two ticks


def spectrogram(axes: Axes, steps: Array, labels: Sequence[str]) -> None:
    """Draw log-mel frames ``(T, M)`` over time; labels are in seconds."""
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
    step_ticks(axes, labels, DECIMAL)
    axes.set_xlabel("time (s)")
