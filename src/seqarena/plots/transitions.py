"""What a chain of labels says of each label after another, as a heat map."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from seqarena.data.store import Array
from seqarena.plots.colours import BLUE, INK, ORANGE
from seqarena.plots.style import headline, picture, shortened

WRITTEN = 16  # rows whose scores are written into their cells
DIVERGING = LinearSegmentedColormap.from_list("diverging", [ORANGE, "white", BLUE])


def transition_scores(scores: Array, classes: Sequence[str], title: str, path: Path) -> None:
    """Draw scores ``(K + 1, K + 1)``: the start and each class down, each class and the end across.

    What is not a number, as the end after the start, stays empty.
    """
    count = len(scores)
    size = float(np.nanmax(np.abs(scores))) or 1.0
    names = [shortened(name, 18) for name in classes]
    written = count <= WRITTEN
    side = 2.0 + max((0.42 if written else 0.24) * count, 2.0)
    with picture(path, side + 0.5, side) as figure:
        headline(figure, title)
        axes = figure.subplots()
        image = axes.imshow(scores, cmap=DIVERGING, vmin=-size, vmax=size)
        turned: dict[str, Any] = {"rotation": 60, "ha": "right", "rotation_mode": "anchor"}
        axes.set_xticks(range(count), [*names, "(end)"], color=INK, **turned)
        axes.set_yticks(range(count), ["(start)", *names], color=INK)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_xlabel("is followed by")
        for row, column in np.argwhere(np.isfinite(scores)) if written else ():
            score = float(scores[row, column])
            color = "white" if abs(score) > 0.7 * size else INK
            label = axes.text(
                column, row, f"{score:z.1f}", ha="center", va="center", size=8, color=color
            )
            label.set_in_layout(False)
        figure.colorbar(image, ax=axes, shrink=0.7, aspect=28, label="score, in nats")
