"""Quality against what it takes to keep, to train and to use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import log10

from seqarena.plots.formats import format_of, metric_name
from seqarena.plots.spans import score_range
from seqarena.records import Interval, Summary, VariantSummary
from seqarena.report.charts.chart import Chart, Colours, Layout, Trace, plain, rounded

PANEL = 300, 270  # pixels, about
PLACES = (
    "top center", "bottom center", "middle right", "middle left",
    "top right", "bottom right", "top left", "bottom left",
)  # fmt: skip
Box = tuple[float, float, float, float]  # left, bottom, right, top
COSTS: dict[str, Callable[[VariantSummary], float]] = {
    "parameters": lambda variant: variant.parameters,
    "seconds to train": lambda variant: variant.train_seconds,
    "milliseconds per prediction": lambda variant: variant.milliseconds,
}


def costs(summary: Summary, colours: Colours) -> Iterator[Chart]:
    """Yield quality over each of the costs, a dot per variant with its interval."""
    strongest = summary.strongest
    reference = {strongest: summary.references[strongest]} if strongest else {}
    low, high = score_range(list(summary.variants.values()), reference)
    span = low, high + 0.1 * (high - low)  # room for the highest name
    metric, form = metric_name(summary.metric), format_of(summary)
    for what, cost in COSTS.items():
        order = sorted(summary.variants, key=lambda name: cost(summary.variants[name]))
        told = (
            f"{name} {form(summary.variants[name].mean)} for {cost(summary.variants[name]):,.3g}"
            for name in order
        )
        ends = _range([cost(variant) for variant in summary.variants.values()])
        dots = {
            name: (
                (log10(cost(summary.variants[name])) - ends[0]) / (ends[1] - ends[0]),
                (summary.variants[name].mean - span[0]) / (span[1] - span[0]),
            )
            for name in order
        }
        places = places_of(dots)
        better = "more" if summary.greater_is_better else "less"
        yield Chart(
            kind="costs",
            name=what,
            says=f"{metric} by {what}: {'; '.join(told)}.",
            height=360,
            traces=[_dot(name, place, summary, cost, colours) for name, place in places.items()],
            layout={
                "xaxis": {
                    "type": "log",
                    "title": {"text": what},
                    "range": ends,
                    "dtick": "D2",
                    "tickformat": "~s",
                },
                "yaxis": {"title": {"text": f"{metric}, {better} is better"}, "range": span},
                "showlegend": False,
                **_reference(reference, span),
            },
            note="Bars are 95% intervals; the dashed line is the strongest baseline.",
        )


def _dot(
    name: str,
    place: str,
    summary: Summary,
    cost: Callable[[VariantSummary], float],
    colours: Colours,
) -> Trace:
    variant, form = summary.variants[name], format_of(summary)
    low, high = variant.ci95
    bar = {
        "type": "data",
        "symmetric": False,
        "array": rounded([high - variant.mean]),
        "arrayminus": rounded([variant.mean - low]),
        "color": colours(name, "70"),
        "thickness": 3,
        "width": 0,
    }
    return {
        "type": "scatter",
        "mode": "markers+text",
        "x": rounded([cost(variant)]),
        "y": rounded([variant.mean]),
        "error_y": bar,
        "text": [plain(name)],
        "textposition": place,
        "textfont": {"color": "@ink", "size": 11},
        "marker": {"color": colours(name), "size": 10},
        "cliponaxis": False,
        "hovertemplate": f"<b>{plain(name)}</b> {form(variant.mean)} for %{{x:,.3~g}}"
        f"<br>95% interval {form.interval(variant.ci95)}<extra></extra>",
    }


def places_of(dots: Mapping[str, tuple[float, float]]) -> dict[str, str]:
    """Place names around dots at shares of the panel, each where it covers the least before it."""
    across, high, gap = 6.2 / PANEL[0], 13 / PANEL[1], 8 / PANEL[0]
    taken = [(x - gap / 2, y - gap / 2, x + gap / 2, y + gap / 2) for x, y in dots.values()]
    found = {}
    for name, (x, y) in dots.items():
        wide = across * len(name)
        boxes = {}
        for place in PLACES:
            up, side = place.split()
            bottom = y + {"top": gap, "middle": -high / 2, "bottom": -gap - high}[up]
            left = x + {"left": -gap - wide, "center": -wide / 2, "right": gap}[side]
            boxes[place] = left, bottom, left + wide, bottom + high
        found[name] = min(boxes, key=lambda place: _covered(boxes[place], taken))
        taken.append(boxes[found[name]])
    return found


def _covered(box: Box, taken: Sequence[Box]) -> float:
    """Return how much of a panel a name covers that is taken, or leaves."""

    def shared(other: Box) -> float:
        across = min(box[2], other[2]) - max(box[0], other[0])
        return max(0.0, across) * max(0.0, min(box[3], other[3]) - max(box[1], other[1]))

    whole = (box[2] - box[0]) * (box[3] - box[1])
    return sum(map(shared, taken)) + whole - shared((0.0, 0.0, 1.0, 1.0))


def _range(values: list[float]) -> list[float]:
    """Return the powers of ten at the ends of an axis, with room for names beside the last dots."""
    low, high = log10(min(values)), log10(max(values))
    room = 0.25 * max(high - low, 1.0)
    return rounded([low - room, high + room])


def _reference(reference: dict[str, float], span: Interval) -> Layout:
    """Draw the strongest baseline, where it does not lie beyond the axis."""
    shown = {name: value for name, value in reference.items() if span[0] <= value <= span[1]}
    across = {"xref": "paper", "x0": 0, "x1": 1, "type": "line"}
    line = {"color": "@baseline", "width": 1.2, "dash": "dash"}
    lines = [{**across, "y0": value, "y1": value, "line": line} for value in shown.values()]
    names = [
        {
            "xref": "paper", "x": 1, "xanchor": "right", "y": value, "yanchor": "bottom",
            "showarrow": False, "text": plain(name), "font": {"color": "@baseline", "size": 11},
        }
        for name, value in shown.items()
    ]  # fmt: skip
    return {"shapes": lines, "annotations": names}
