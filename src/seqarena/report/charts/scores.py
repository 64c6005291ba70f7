"""What each competitor scored: repetitions, means and intervals, baselines as bands."""

from __future__ import annotations

from collections.abc import Iterator

from seqarena.plots.formats import Format, format_of, metric_name
from seqarena.plots.spans import score_range
from seqarena.records import BaselineSummary, Interval, Summary, VariantSummary
from seqarena.report.charts.chart import Chart, Colours, Layout, Trace, plain, rounded

ROW, AROUND = 30, 70  # pixels


def scores(summary: Summary, colours: Colours) -> Chart:
    """Draw a row per variant, the best on top, then one per baseline."""
    form, metric = format_of(summary), metric_name(summary.metric)
    span = score_range(list(summary.variants.values()), summary.references)
    names = [*_ranked(summary.means, summary), *_ranked(summary.references, summary)]
    traces: list[Trace] = []
    for name in names:
        if name in summary.variants:
            traces += _variant(name, summary.variants[name], colours, form)
        else:
            traces += _baseline(name, summary.baselines[name], colours, form, span)
    better = "more" if summary.greater_is_better else "less"
    return Chart(
        kind="scores",
        says=f"{metric} with 95% intervals: {'; '.join(_told(summary, names, form))}.",
        height=ROW * len(names) + AROUND,
        traces=traces,
        layout={
            "xaxis": {"range": span, "title": {"text": f"{metric}, {better} is better"}},
            "yaxis": {
                "categoryarray": [plain(name) for name in names],
                "range": [len(names) - 0.5, -0.5],
                "showgrid": False,
            },
            "shapes": list(_bands(summary, span)),
            "annotations": list(_values(summary, names, form, span)),
            "margin": {"r": 52},
            "showlegend": False,
        },
        note="Dots are repetitions, the upright mark is their mean, the pale bar its 95% interval. "
        "A dashed line is a baseline in the band of its own interval.",
    )


def _ranked(values: dict[str, float], summary: Summary) -> list[str]:
    return sorted(values, key=lambda name: values[name], reverse=summary.greater_is_better)


def _variant(name: str, variant: VariantSummary, colours: Colours, form: Format) -> list[Trace]:
    count = len(variant.values)
    told = f"<b>{plain(name)}</b> {form(variant.mean)}<br>95% interval "
    return [
        _interval(name, variant.ci95, colours(name, "40")),
        {
            "type": "scatter", "mode": "markers",
            "x": rounded(variant.values), "y": [plain(name)] * count,
            "text": [f"repetition {n}: {form(v)}" for n, v in enumerate(variant.values, start=1)],
            "hovertemplate": "%{text}<extra></extra>",
            "marker": {"color": colours(name), "size": 7, "opacity": 0.8},
        },
        {
            "type": "scatter", "mode": "markers", "x": rounded([variant.mean]), "y": [plain(name)],
            "hovertemplate": f"{told}{form.interval(variant.ci95)}<extra></extra>",
            "marker": {"symbol": "line-ns", "size": 15, "line": {"width": 2.5, "color": "@ink"}},
        },
    ]  # fmt: skip


def _baseline(
    name: str, baseline: BaselineSummary, colours: Colours, form: Format, span: Interval
) -> list[Trace]:
    if not span[0] <= baseline.value <= span[1]:
        return [{"type": "scatter", "x": [None], "y": [plain(name)]}]  # a row with its arrow alone
    told = f"<b>{plain(name)}</b>, a baseline: {form(baseline.value)}<br>95% interval "
    return [
        _interval(name, baseline.ci95, colours(name, "40")),
        {
            "type": "scatter", "mode": "markers", "x": rounded([baseline.value]),
            "y": [plain(name)], "marker": {"symbol": "diamond", "size": 9, "color": colours(name)},
            "hovertemplate": f"{told}{form.interval(baseline.ci95)}<extra></extra>",
        },
    ]  # fmt: skip


def _interval(name: str, interval: Interval, colour: str) -> Trace:
    line = {"color": colour, "width": 10}
    return {
        "type": "scatter", "mode": "lines", "x": rounded(interval), "y": [plain(name)] * 2,
        "hoverinfo": "skip", "line": line,
    }  # fmt: skip


def _bands(summary: Summary, span: Interval) -> Iterator[Layout]:
    """Yield each baseline that is not beyond the axis, through all rows."""
    low, high = span
    place = {"xref": "x", "yref": "paper", "y0": 0, "y1": 1, "layer": "below"}
    for baseline in summary.baselines.values():
        if low <= baseline.value <= high:
            start, end = (min(max(edge, low), high) for edge in baseline.ci95)
            band = {"x0": start, "x1": end, "fillcolor": "@baseline/0f", "line": {"width": 0}}
            line = {"color": "@baseline", "width": 1.2, "dash": "dash"}
            yield {**place, **band, "type": "rect"}
            yield {**place, "type": "line", "x0": baseline.value, "x1": baseline.value,
                   "line": line}  # fmt: skip


def _values(summary: Summary, names: list[str], form: Format, span: Interval) -> Iterator[Layout]:
    """Yield the values at the right edge, and an arrow where a baseline lies beyond the axis."""
    for name in names:
        value = {**summary.means, **summary.references}[name]
        colour = "@ink" if name in summary.variants else "@baseline"
        here = {"y": plain(name), "showarrow": False, "font": {"color": colour}}
        yield {**here, "xref": "paper", "x": 1, "xanchor": "left", "xshift": 6, "text": form(value)}
        if value < span[0]:
            yield {
                **here,
                "x": span[0],
                "xanchor": "left",
                "xshift": 6,
                "text": "◂ beyond",
            }
        if value > span[1]:
            yield {**here, "x": span[1], "xanchor": "right", "text": "beyond ▸"}


def _told(summary: Summary, names: list[str], form: Format) -> Iterator[str]:
    for name in names:
        variant = summary.variants.get(name)
        if variant is not None:
            yield f"{name} {form(variant.mean)} ({form.interval(variant.ci95)})"
        else:
            known = summary.baselines[name]
            yield f"baseline {name} {form(known.value)} ({form.interval(known.ci95)})"
