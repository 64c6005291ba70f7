"""Ways of writing: quality over time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.ticker import LogLocator, NullFormatter

from seqarena.plots.colours import BLUE, INK, ORANGE
from seqarena.plots.formats import metric_name
from seqarena.plots.style import picture

COLOURS = {"greedy": INK, "sample": ORANGE}  # a beam is blue


def trade_off(
    points: Mapping[str, tuple[float, float]], metric: str, greater: bool, count: int, path: Path
) -> None:
    """Draw the score of each way of writing over its time, beams joined by a line.

    `points` maps the ways to milliseconds and score, over `count` examples.
    """
    beams = {name: point for name, point in points.items() if name.startswith("beam")}
    with picture(path, 7.0, 3.8) as figure:
        axes = figure.subplots()
        line: dict[str, Any] = {"color": BLUE, "lw": 1.2, "ms": 6}
        axes.plot(*zip(*beams.values(), strict=True), "-o", **line, label="beam, by its width")
        for name, point in points.items():
            beam = name in beams
            colour = BLUE if beam else COLOURS[name]
            if not beam:
                axes.plot(*point, "D", color=colour, ms=6, zorder=1)
            # Greedy is a beam of 1 in all but the search: they meet, their names do not.
            place: dict[str, Any] = {"textcoords": "offset points", "ha": "center"}
            place |= {"xytext": (0, -8), "va": "top"} if beam else {"xytext": (0, 8)}
            axes.annotate(name.removeprefix("beam "), point, **place, color=colour, size=9)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.margins(0.1, 0.18)
        axes.grid()
        axes.tick_params(which="both", length=0)
        axes.set_xlabel("milliseconds a sequence, 64 side by side on the CPU")
        better = "more" if greater else "less"
        axes.legend(handles=axes.lines[:1], loc="best")
        axes.set_ylabel(f"{metric_name(metric)} of {count} examples, {better} is better")
