"""How the finals learned: the metric on valid, epoch by epoch."""

from __future__ import annotations

from seqarena.plots.formats import Format, metric_name
from seqarena.report.charts.chart import Chart, Colours, Trace, plain, rounded
from seqarena.report.learned import Curve


def curves(found: list[Curve], metric: str, colours: Colours) -> Chart | None:
    """Draw a line per final; None where no epoch is known."""
    if not found:
        return None
    form = Format(score for curve in found for score in curve.scores)
    first: dict[str, Curve] = {}
    for curve in found:
        first.setdefault(curve.variant, curve)
    name, last = metric_name(metric), max(max(curve.epochs) for curve in found)
    return Chart(
        kind="curves",
        says=f"{name} on valid by epoch, a line for each final of {', '.join(first)}.",
        height=380,
        traces=[_line(curve, colours, form, curve is first[curve.variant]) for curve in found],
        layout={
            "xaxis": {"title": {"text": "epoch"}, "range": [0.5, last + 0.5], "tickformat": "d"},
            "yaxis": {"title": {"text": f"{name} (valid)"}},
        },
        note="A line is the final of a repetition. Click a name to see it alone, again for all.",
    )


def _line(curve: Curve, colours: Colours, form: Format, first: bool) -> Trace:
    name = plain(curve.variant)
    told = f"<b>{name}</b> repetition {curve.repetition}<br>epoch %{{x}}: "
    return {
        "type": "scatter",
        "mode": "lines" if len(curve.epochs) > 1 else "markers",
        "x": curve.epochs,
        "y": rounded(curve.scores),
        "name": name,
        "legendgroup": name,
        "showlegend": first,
        "line": {"color": colours(curve.variant), "width": 1.8},
        "marker": {"color": colours(curve.variant)},
        "opacity": 0.85,
        "hovertemplate": f"{told}%{{y:.{form.decimals}f}}<extra></extra>",
    }
