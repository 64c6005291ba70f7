"""Prepared data as models see it: single examples, and how classes, lengths and numbers fall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from seqarena.data.store import Array
from seqarena.plots.colours import BLUE, INK, MIST, ORANGE
from seqarena.plots.sound import DECIMAL, spectrogram
from seqarena.plots.style import bare, picture, shortened, step_ticks

FRAMES = 8  # of a clip, side by side
CHANNELS = 6  # of a signal or a series, in one panel
COLOURS = {"train": BLUE, "valid": ORANGE, "test": INK}
BINS = 30


def recording(steps: Array, labels: Sequence[str], title: str, path: Path) -> None:
    """Draw log-mel frames ``(T, M)``."""
    with picture(path, 5.2, 2.4) as figure:
        axes = figure.subplots()
        spectrogram(axes, steps, labels)
        _title(axes, title)


def clip(frames: Array, title: str, path: Path) -> None:
    """Draw a few frames of ``(T, C, H, W)``, from the first to the last."""
    chosen = np.unique(np.linspace(0, len(frames) - 1, FRAMES).round().astype(int))
    with picture(path, max(2.4, 1.05 * len(chosen)), 1.7) as figure:
        panels = figure.subplots(1, len(chosen), squeeze=False)[0]
        for axes, index in zip(panels, chosen, strict=True):
            _image(axes, frames[index])
            if len(frames) > 1:
                axes.set_xlabel(str(index + 1), size=8)
        _title(panels[0], title)


def lines(
    steps: Array, names: Sequence[str], ahead: Array | None, unit: str, title: str, path: Path
) -> None:
    """Draw channels ``(T, D)`` over the steps, and of a series what is to be forecast ``(H,)``."""
    with picture(path, 5.2, 2.4) as figure:
        axes = figure.subplots()
        for channel, name in reversed(list(enumerate(names[:CHANNELS]))):
            first = {"color": BLUE, "lw": 1.6} if channel == 0 else {"color": MIST, "lw": 0.9}
            axes.plot(steps[:, channel], label=name, **first)  # type: ignore[arg-type]
        if ahead is not None:
            places = np.arange(len(steps), len(steps) + len(ahead))
            axes.plot(places, ahead, color=ORANGE, lw=1.6, label="to be forecast")
        axes.grid()
        axes.tick_params(length=0)
        axes.set_xlabel(unit)
        figure.legend(loc="outside right upper", fontsize=7)
        _title(axes, title)


def roll(keys: Array, labels: Sequence[str], title: str, path: Path) -> None:
    """Draw the keys that sound ``(T, K)``."""
    with picture(path, 5.2, 2.4) as figure:
        axes = figure.subplots()
        axes.imshow(keys.T, aspect="auto", origin="lower", cmap="Blues", interpolation="none")
        step_ticks(axes, labels, DECIMAL)
        axes.set_ylabel("key")
        axes.set_xlabel("beat")
        _title(axes, title)


def class_counts(counts: Mapping[str, Array], classes: Sequence[str], path: Path) -> None:
    """Draw how many sequences of each split are of each class, ``(K,)`` each."""
    with picture(path, 6.4, 0.9 + 0.3 * len(classes)) as figure:
        axes = figure.subplots()
        places, left = np.arange(len(classes))[::-1], np.zeros(len(classes))
        for split, found in counts.items():
            axes.barh(places, found, left=left, color=COLOURS[split], label=split, height=0.7)
            left += found
        axes.set_yticks(places, [shortened(name, 24) for name in classes], color=INK)
        axes.tick_params(length=0)
        axes.grid(axis="x")
        axes.set_xlabel("sequences")
        figure.legend(loc="outside right upper")


def spread(values: Mapping[str, Array], what: str, path: Path) -> None:
    """Draw how values ``(N,)`` fall in each split, as shares of it."""
    together = np.concatenate(list(values.values()))
    low, high = float(together.min()), float(together.max())
    whole = bool((together == together.round()).all()) and high - low < BINS
    edges = np.arange(low - 0.5, high + 1.5) if whole else np.linspace(low, high, BINS + 1)
    with picture(path, 6.4, 2.6) as figure:
        axes = figure.subplots()
        for split, found in values.items():
            shares, _ = np.histogram(found, edges)
            axes.stairs(shares / len(found), edges, color=COLOURS[split], label=split, lw=1.6)
        axes.grid(axis="y")
        axes.tick_params(length=0)
        axes.set_xlabel(what)
        axes.set_ylabel("share")
        axes.xaxis.set_major_locator(MaxNLocator(integer=whole))
        figure.legend(loc="outside right upper")


def _image(axes: Axes, image: Array) -> None:
    pixels = np.moveaxis(image, 0, 2)
    if pixels.shape[2] == 1:
        axes.imshow(pixels[:, :, 0], cmap="gray", vmin=0, vmax=255)
    else:
        axes.imshow(pixels)
    bare(axes)


def _title(axes: Axes, title: str) -> None:
    axes.set_title(shortened(title, 60), size=9)
