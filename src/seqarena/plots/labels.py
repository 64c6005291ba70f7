"""Names beside dots, placed so that they cover neither each other nor what is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox

from seqarena.plots.colours import MIST

GAP = 7.0  # pixels between a dot and its name
LEVELS = range(-15, 16)  # places of a name in its own heights, below its dot and above
NAME, BAR, OUTSIDE = 10.0, 0.3, 100.0  # what it costs to cover a name or a dot, a bar, the frame


class Dot(NamedTuple):
    """A dot with its name and the vertical bar through it."""

    name: str
    x: float
    y: float
    bar: tuple[float, float]
    colour: str


def label_dots(axes: Axes, dots: Sequence[Dot], size: float = 8.0) -> None:
    """Write the name of each dot where it covers the least, the first ones nearest to their dots.

    The figure has to be laid out, and the limits of its axes to be set.
    """
    places = [axes.transData.transform((dot.x, dot.y)) for dot in dots]
    taken = [Bbox.from_extents(x - 4, y - 4, x + 4, y + 4) for x, y in places]
    bars = [
        Bbox.from_extents(x - 1, _height(axes, dot, 0), x + 1, _height(axes, dot, 1))
        for dot, (x, _) in zip(dots, places, strict=True)
    ]
    frame = axes.get_window_extent()
    for dot, (x, y) in zip(dots, places, strict=True):
        text = axes.annotate(
            dot.name, (dot.x, dot.y), (0, 0), textcoords="offset pixels", size=size
        )
        halo = [withStroke(linewidth=2, foreground="white")]
        text.set(color=dot.colour, va="center", zorder=5, path_effects=halo)
        text.set_in_layout(False)
        extent = text.get_window_extent()
        options = [
            Bbox.from_bounds(left, y + level * extent.height - extent.height / 2, *extent.size)
            for level in LEVELS
            for left in (x + GAP, x - GAP - extent.width)
        ]
        box = min(options, key=lambda option: _cost(option, taken, bars, frame, y))
        taken.append(box)
        text.set_position((box.x0 - x, (box.y0 + box.y1) / 2 - y))
        if abs((box.y0 + box.y1) / 2 - y) > extent.height:
            _leader(axes, (x, y), box)


def _height(axes: Axes, dot: Dot, end: int) -> float:
    return float(axes.transData.transform((dot.x, dot.bar[end]))[1])


def _cost(
    option: Bbox, taken: Sequence[Bbox], bars: Sequence[Bbox], frame: Bbox, height: float
) -> float:
    """Weigh what a name would cover, and how far it is from its dot, in its own heights."""
    outside = not (frame.x0 <= option.x0 and option.x1 <= frame.x1)
    outside |= not (frame.y0 <= option.y0 and option.y1 <= frame.y1)
    away = float(abs((option.y0 + option.y1) / 2 - height) / option.height)
    return (
        OUTSIDE * outside
        + NAME * option.count_overlaps(list(taken))
        + BAR * option.count_overlaps(list(bars))
        + away
    )


def _leader(axes: Axes, place: tuple[float, float], box: Bbox) -> None:
    """Join a dot with its name, which lies apart from it."""
    x, y = place
    near = box.x0 - 1 if box.x0 > x else box.x1 + 1
    ends = axes.transData.inverted().transform([(x, y), (near, (box.y0 + box.y1) / 2)])
    axes.plot(*ends.T, color=MIST, lw=0.6, zorder=1)
