"""Quality against cost: what a better score takes to keep, to train and to use."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from seqarena.plots.colours import BLUE, MIST, ORANGE, SOFT
from seqarena.plots.formats import format_of, metric_name
from seqarena.plots.labels import Dot, label_dots
from seqarena.plots.spans import score_range
from seqarena.plots.style import picture, shortened
from seqarena.records import Summary, VariantSummary

COSTS: dict[str, Callable[[VariantSummary], float]] = {
    "parameters": lambda variant: variant.parameters,
    "seconds to train": lambda variant: variant.train_seconds,
    "milliseconds per prediction": lambda variant: variant.milliseconds,
}
LEAST = 4.0  # largest over smallest value of an axis: no small ratio is drawn large
ROOM = 0.25  # of the values' range, on either side, for names
HEADROOM = 0.12  # of the scores' range, above them, for names
WIDE = 30.0  # largest over smallest value from which an axis is labelled by powers of ten alone


def costs(summary: Summary, best_set: Collection[str], path: Path) -> None:
    """Draw each variant's mean and interval over its three costs, those of `best_set` in blue.

    The line is the strongest baseline; an arrow points to one that lies far beyond the variants.
    """
    strongest = summary.strongest
    reference = {strongest: summary.references[strongest]} if strongest else {}
    with picture(path, 11.2, 4.4) as figure:
        panels = figure.subplots(1, len(COSTS), sharey=True)
        low, high = score_range(list(summary.variants.values()), reference)
        panels[0].set_ylim(low, high + HEADROOM * (high - low))
        drawn = [
            _panel(axes, summary, best_set, what) for axes, what in zip(panels, COSTS, strict=True)
        ]
        for name, value in reference.items():
            _reference(panels, f"{shortened(name, 20)}\n{format_of(summary)(value)}", value)
        better = "more" if summary.greater_is_better else "less"
        panels[0].set_ylabel(f"{metric_name(summary.metric)}, {better} is better")
        FigureCanvasAgg(figure)
        figure.draw_without_rendering()  # lays it out, and tells how large a name is
        for axes, dots in zip(panels, drawn, strict=True):
            label_dots(axes, dots)


def _panel(axes: Axes, summary: Summary, best_set: Collection[str], what: str) -> list[Dot]:
    """Draw the variants over one cost; return their dots, which are to be named."""
    dots = []
    # The best are named first, each next to its dot.
    for name in sorted(summary.variants, key=lambda name: name not in best_set):
        variant, best = summary.variants[name], name in best_set
        dot = Dot(name, COSTS[what](variant), variant.mean, variant.ci95, BLUE if best else SOFT)
        axes.plot([dot.x, dot.x], dot.bar, color=BLUE if best else MIST, lw=3, alpha=0.35)
        axes.plot([dot.x], [dot.y], "o", color=BLUE if best else MIST, ms=6, zorder=4)
        dots.append(dot)
    _logarithmic(axes, [dot.x for dot in dots])
    axes.set_xlabel(what)
    axes.grid()
    axes.tick_params(which="both", length=0)
    return dots


def _logarithmic(axes: Axes, values: Sequence[float]) -> None:
    low, high = min(values), max(values)
    widen = max(1.0, (LEAST * low / high) ** 0.5)
    low, high = low / widen, high * widen
    ratio = high / low
    axes.set_xscale("log")
    axes.set_xlim(low / ratio**ROOM, high * ratio**ROOM)
    axes.xaxis.set_major_locator(LogLocator(subs=(1,) if ratio > WIDE else (1, 2, 5)))
    axes.xaxis.set_major_formatter(lambda value, _: _short(value))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _short(value: float) -> str:
    return EngFormatter(sep="")(value) if value >= 1000 else f"{value:g}"


def _reference(panels: Sequence[Axes], label: str, value: float) -> None:
    """Draw a baseline through all panels and name it behind the last."""
    low, high = panels[0].get_ylim()
    if low <= value <= high:
        for axes in panels:
            axes.axhline(value, color=ORANGE, lw=1.2, ls=(0, (4, 3)), zorder=1)
    else:
        label = f"{label} {'▾' if value < low else '▴'}"
    panels[-1].annotate(
        label,
        (1, min(max(value, low), high)),
        xycoords=("axes fraction", "data"),
        xytext=(6, 0),
        textcoords="offset points",
        va="bottom" if value < low else "top" if value > high else "center",
        color=ORANGE,
        size=9,
    )
