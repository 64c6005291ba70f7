"""One look for every picture, and one way to write it: whole or not at all."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageChops, ImageOps

from seqarena.files import new_file
from seqarena.plots.colours import FAINT, INK, SOFT
from seqarena.plots.fonts import USUAL, draw_all_letters, letters_lacking

HEAT = "Blues"  # one hue, lightness alone: right in grey as well
DPI = 110
MARGIN = 13  # pixels around a picture

STYLE: dict[Any, Any] = {
    "font.family": USUAL,
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "axes.labelcolor": SOFT,
    "axes.edgecolor": FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "text.parse_math": False,  # a dollar sign in a review is not a formula
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.facecolor": "white",
}


@contextmanager
def picture(path: Path, width: float, height: float) -> Iterator[Figure]:
    """Yield a figure of so many inches; it is written to `path` when the block succeeds."""
    with mpl.rc_context(STYLE):
        # A Figure without pyplot is held by no global list, so it is freed with its last name.
        figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
        yield figure
        image = _drawn(figure)
        left, top, right, bottom = _extent(image)
        if min(left, top) == 0 or right == image.width or bottom == image.height:
            image = _drawn_whole(figure)  # a label may have left the figure
            left, top, right, bottom = _extent(image)
    image = ImageOps.expand(image.crop((left, top, right, bottom)), MARGIN, "white")
    with new_file(path) as partial:
        image.save(partial, format="PNG")


def _drawn(figure: Figure) -> Image.Image:
    """Lay a figure out and draw it, once each: ``savefig`` does both twice."""
    canvas = FigureCanvasAgg(figure)
    draw_all_letters(figure, canvas.draw)
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")  # type: ignore[no-untyped-call]


def _drawn_whole(figure: Figure) -> Image.Image:
    """Measure every label and draw all of them, wherever they lie; takes three times as long."""
    png = BytesIO()
    # What is lacking still was told when the figure was drawn for the first time.
    letters_lacking(partial(figure.savefig, png, format="png", bbox_inches="tight"))
    return Image.open(png).convert("RGB")


def _extent(image: Image.Image) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of what is not white."""
    empty = Image.new("RGB", image.size, "white")
    return ImageChops.difference(image, empty).getbbox() or (0, 0, *image.size)


def headline(figure: Figure, title: str) -> None:
    """Set a title over the whole figure, broken into lines that fit its width."""
    text = fill(title, int(11.5 * figure.get_figwidth()))
    figure.suptitle(text, x=0.01, ha="left", weight="bold", size=11)


def columns_for(count: int) -> int:
    """Choose how many of so many panels stand side by side, so that few places stay empty."""
    return min(count, min((4, 3), key=lambda across: -count % across))


def panels_of(figure: Figure, names: Collection[str]) -> list[Axes]:
    """Return a panel per name; all have the same axes."""
    columns = columns_for(len(names))
    rows = -(-len(names) // columns)
    panels = list(figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat)
    for axes, name in zip(panels, names, strict=False):
        axes.set_title(name, size=10)
        axes.grid()
        axes.tick_params(which="both", length=0)
    for axes in panels[len(names) :]:
        axes.set_visible(False)
    return panels[: len(names)]


def heads_across(heads: int, width: float, height: float) -> int:
    """Choose how many panels of so many inches stand side by side, so that all are about 3:2."""

    def strain(across: int) -> float:
        return abs(math.log(across**2 * width / (heads * height) / 1.5))

    return min((n for n in range(1, heads + 1) if heads % n == 0), key=strain)


def head_name(axes: Axes, head: int, heads: int) -> None:
    """Say over a panel which head it shows, counted from 0, where there are several."""
    if heads > 1:
        axes.set_title(f"head {head + 1}", size=10, color=SOFT, pad=4)


def step_ticks(axes: Axes, labels: Sequence[str], strides: Sequence[int]) -> None:
    """Label steps at a round distance, as many as fit side by side."""
    fitting = 10 if max(map(len, labels)) <= 8 else 5
    stride = next((stride for stride in strides if len(labels) / stride <= fitting), len(labels))
    chosen = range(0, len(labels), stride)
    axes.set_xticks([index + 0.5 for index in chosen], [labels[index] for index in chosen])


def bare(axes: Axes) -> None:
    """Remove ticks and frame, for pictures within the picture."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def shortened(text: str, limit: int) -> str:
    """Cut text for a label, saying that it was cut."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
