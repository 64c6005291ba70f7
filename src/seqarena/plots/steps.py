"""Answers along a sequence, and numbers beside the true ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

from seqarena.data.store import Array
from seqarena.plots.colours import BLUE, FAINT, INK, ORANGE, SOFT
from seqarena.plots.style import picture, shortened

NAMED = 30  # steps that fit side by side with a label each


def timelines(
    lines: Sequence[tuple[Array, Array]],
    classes: Sequence[str],
    titles: Sequence[str],
    step: str,
    path: Path,
) -> None:
    """Draw the true and the predicted class ``(T,)`` of every step, a band each; below 0: none."""
    few = colormaps["tab10" if len(classes) <= 10 else "tab20"]
    colours = [few(index % few.N) for index in range(len(classes))]
    palette = ListedColormap([(1, 1, 1, 0), *colours])
    with picture(path, 8.5, 0.7 + 1.05 * len(lines)) as figure:
        panels = figure.subplots(len(lines), 1, squeeze=False)[:, 0]
        for axes, (truth, predicted), title in zip(panels, lines, titles, strict=True):
            band = np.stack([truth, predicted]) + 1
            axes.imshow(
                band, aspect="auto", cmap=palette, vmin=0, vmax=len(classes), interpolation="none"
            )
            wrong = np.flatnonzero((truth != predicted) & (truth >= 0))
            axes.plot(wrong, np.full(len(wrong), 1), "x", color=INK, ms=5, mew=1.4)
            axes.set_yticks([0, 1], ["true", "predicted"], color=INK)
            axes.axhline(0.5, color="white", lw=3)
            axes.tick_params(length=0)
            axes.spines[:].set_visible(False)
            axes.set_title(shortened(title, 70), size=9, weight="normal")
            axes.xaxis.get_major_locator().set_params(integer=True)
        figure.supxlabel(f"{step} (× marks a wrong one)", size=10, color=SOFT)
        handles = [Patch(color=c, label=name) for c, name in zip(colours, classes, strict=True)]
        figure.legend(handles=handles, loc="outside right upper")


def nlls(
    rows: Sequence[Array], labels: Sequence[Sequence[str]], titles: Sequence[str], path: Path
) -> None:
    """Draw ``-log P`` in nats of each step ``(T,)``, a panel per sequence; its mean is dashed."""
    max_length = max(len(row) for row in rows)
    named = max_length <= NAMED
    height = 2.0 if named else 1.5
    with picture(path, max(7.0, min(12.0, 0.42 * max_length)), height * len(rows)) as figure:
        panels = figure.subplots(len(rows), 1, squeeze=False, sharey=True)[:, 0]
        for axes, row, names, title in zip(panels, rows, labels, titles, strict=True):
            axes.bar(range(len(row)), row, width=0.86, color=BLUE, alpha=0.8)
            axes.axhline(float(row.mean()), color=ORANGE, lw=1, ls=(0, (4, 3)))
            if named:
                shown = [shortened(name, 14) for name in names]
                axes.set_xticks(range(len(row)), shown, rotation=40, ha="right", color=INK)
            axes.tick_params(axis="x", length=0, pad=1)
            axes.set_xlim(-0.6, max_length - 0.4)
            axes.grid(axis="y", color=FAINT)
            axes.set_title(shortened(title, 90), size=9, weight="normal")
        figure.supylabel("nll (nats)", size=10, color=SOFT)


def scatter(truth: Array, predicted: Array, lower: Array, upper: Array, path: Path) -> None:
    """Draw predicted over true values ``(N,)``, with the line on which a right one lies.

    Each stands in its interval, from `lower` to `upper`: one that crosses the line holds the truth.
    """
    low, high = min(truth.min(), predicted.min()), max(truth.max(), predicted.max())
    with picture(path, 4.6, 4.4) as figure:
        axes = figure.subplots()
        axes.plot([low, high], [low, high], color=ORANGE, lw=1, ls=(0, (4, 3)))
        axes.vlines(truth, lower, upper, color=BLUE, lw=0.8, alpha=0.15)
        axes.plot(truth, predicted, "o", color=BLUE, ms=3, alpha=0.5)
        axes.set_xlabel("true")
        axes.set_ylabel("predicted")
        axes.set_aspect("equal")
        axes.grid()
