"""Where in a picture a model looked as it wrote each token, laid over the picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize

from seqarena.data.store import Array
from seqarena.errors import InputError
from seqarena.plots.colours import INK
from seqarena.plots.style import HEAT, bare, headline, heads_across, picture, shortened

ACROSS = 6  # panels in a row
HIGH, LONG = 1.35, 3.6  # inches: a panel's height, and the length of one that has a row to itself
WIDE = 2.0  # times as wide as high, and a picture gets a row of its own
DARKEST = 0.75  # of the colours' range, so that lines are seen through the largest weight
PALEST = 0.4  # grey that stands for black, so that weights are seen through dark areas


def look_over_image(
    image: Array,
    weights: Array,
    tokens: Sequence[str],
    grid: tuple[int, int],
    title: str,
    path: Path,
) -> None:
    """Draw the picture, then a panel for each written token with what it looked at in colour.

    The picture is uint8 ``(C, H, W)``; its weights ``(heads, U, rows * columns)`` have a row per
    token, the end among them, that sums to 1 over the regions of the grid. Panels of a wide picture
    stand below each other; several heads get such panels each, on one scale. Raises `InputError`
    where weights, tokens and grid do not belong together.
    """
    heads, *found = weights.shape
    if found != [len(tokens), grid[0] * grid[1]]:
        expected = f"{len(tokens)} tokens over {grid[0]} x {grid[1]} regions"
        raise InputError(f"{path.name}: {' x '.join(map(str, found))} weights for {expected}")
    ratio = image.shape[2] / image.shape[1]
    below = ratio > WIDE
    count = len(tokens) + 1
    down = count if below else -(-count // ACROSS)
    across = -(-count // down)
    # Inches of a panel and the space around it: a name stands beside a long one, else above.
    wide, high = (LONG, LONG / ratio + 0.1) if below else (max(1.0, HIGH * ratio), HIGH + 0.3)
    beside = heads_across(heads, across * (wide + 0.1), down * high)
    stacked = heads // beside
    width, height = 1.2 + beside * across * (wide + 0.1), 0.7 + stacked * down * high
    scale = Normalize(0, float(weights.max()))
    with picture(path, max(5.0, width), height) as figure:
        headline(figure, title)
        panels = figure.subplots(stacked * down, beside * across, squeeze=False)
        for axes in panels.ravel():
            bare(axes)
        for head, own in enumerate(weights):
            row, column = divmod(head, beside)
            block = panels[row * down :, column * across :][:down, :across].ravel()
            block[0].imshow(image.transpose(1, 2, 0).squeeze(), cmap="gray", vmin=0, vmax=255)
            if heads > 1:
                _name(block[0], f"head {head + 1}", below)
            for axes, each, token in zip(block[1:], own, tokens, strict=False):  # some stay empty
                axes.imshow(_coloured(image, each.reshape(grid), scale))
                _name(axes, token, below)
        heat = ScalarMappable(scale, _colours())
        figure.colorbar(heat, ax=panels, label="weight", fraction=0.04 / beside, pad=0.02)


def _name(axes: Axes, token: str, beside: bool) -> None:
    name = shortened(token, 16)
    if beside:
        axes.set_ylabel(name, rotation=0, ha="right", va="center", color=INK, weight="bold")
    else:
        axes.set_title(name, size=10, pad=3)


def _coloured(image: Array, weights: Array, scale: Normalize) -> Array:
    """Lay the weights of a grid over a picture in grey, as ink on tinted paper: ``(H, W, 3)``."""
    grey = PALEST + (1 - PALEST) * image.mean(axis=0) / 255
    rows, columns = (
        np.arange(pixels) * regions // pixels
        for pixels, regions in zip(grey.shape, weights.shape, strict=True)
    )
    paper = _colours()(scale(weights[rows[:, None], columns]))[..., :3]
    return np.asarray(paper * grey[..., None])


def _colours() -> LinearSegmentedColormap:
    shades = mpl.colormaps[HEAT](np.linspace(0, DARKEST, 256))
    return LinearSegmentedColormap.from_list(HEAT, list(shades))
