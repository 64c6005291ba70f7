"""What the searches spent, what more trials would bring, and which hyperparameters mattered."""

from __future__ import annotations

from statistics import fmean

from seqarena.evaluation.tuning_record import ExpectedBest, Tuning
from seqarena.plots.formats import Format, metric_name
from seqarena.report.charts.chart import Chart, Colours, Trace, plain, rounded

ROW, AROUND = 28, 80  # pixels


def spent(tuning: Tuning, colours: Colours) -> Chart | None:
    """Draw the seconds of each variant's trials and finals; None where nothing was trained."""
    if not tuning.spent:
        return None
    names = [each.variant for each in tuning.spent]
    parts = {
        "trials": ([each.search_seconds for each in tuning.spent], ""),
        "finals": ([each.final_seconds for each in tuning.spent], "80"),
    }
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "x": rounded(seconds),
            "y": [plain(name) for name in names],
            "marker": {"color": [colours(name, opacity) for name in names]},
            "hovertemplate": f"<b>%{{y}}</b> {part}: %{{x:,.0f}} s<extra></extra>",
        }
        for part, (seconds, opacity) in parts.items()
    ]
    told = (
        f"{each.variant} {each.search_seconds:,.0f} and {each.final_seconds:,.0f}"
        for each in tuning.spent
    )
    return Chart(
        kind="spent",
        says=f"Seconds of trials and of finals: {'; '.join(told)}.",
        height=ROW * len(names) + AROUND,
        traces=traces,
        layout={
            "barmode": "stack",
            "xaxis": {"title": {"text": "seconds"}},
            "yaxis": {"autorange": "reversed", "showgrid": False},
            "showlegend": False,
        },
        note="Full colour: trials of the search; pale: finals.",
    )


def best_of_n(tuning: Tuning, colours: Colours) -> Chart | None:
    """Draw the expected best of n trials of each variant; None where too few came to a score."""
    if not tuning.expected:
        return None
    form = Format(value for each in tuning.expected for value in each.expected)
    metric, trials = metric_name(tuning.metric), tuning.trials
    line = {"color": "@baseline", "width": 1.2, "dash": "dash"}
    here = {"xref": "x", "yref": "paper", "x0": trials, "x1": trials, "y0": 0, "y1": 1}
    told = (f"{each.variant} {form(each.expected[-1])}" for each in tuning.expected)
    return Chart(
        kind="tuning",
        says=f"{metric} on valid of the best of n trials, at the largest n: {'; '.join(told)}.",
        height=360,
        traces=[_expected(each, colours, form) for each in tuning.expected],
        layout={
            "xaxis": {"title": {"text": "trials, drawn at random"}},
            "yaxis": {"title": {"text": f"{metric} of the best (valid)"}},
            "shapes": [{**here, "type": "line", "line": line}],
        },
        note="The dashed line is what a study had: where a line is flat from there on, more trials "
        "bring little.",
    )


def _expected(best: ExpectedBest, colours: Colours, form: Format) -> Trace:
    bands = [form.interval((low, high)) for low, high in zip(best.low, best.high, strict=True)]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": list(range(1, len(best.expected) + 1)),
        "y": rounded(best.expected),
        "name": plain(best.variant),
        "text": bands,
        "line": {"color": colours(best.variant), "width": 1.8},
        "marker": {"size": 5},
        "hovertemplate": f"<b>{plain(best.variant)}</b> best of %{{x}}: "
        f"%{{y:.{form.decimals}f}}<br>band %{{text}}<extra></extra>",
    }


def importances(tuning: Tuning, colours: Colours) -> Chart | None:
    """Draw what each hyperparameter accounts for, a dot per variant; None where none is known."""
    shares: dict[str, list[float]] = {}
    for each in tuning.importances:
        shares.setdefault(each.hyperparameter, []).append(each.share)
    if not shares:
        return None
    means = {name: fmean(of) for name, of in shares.items()}
    order = sorted(means, key=lambda name: -means[name])
    spelled = {name: plain(name.replace("_", " ")) for name in order}
    bars: Trace = {
        "type": "bar",
        "orientation": "h",
        "x": rounded([means[name] for name in order]),
        "y": [spelled[name] for name in order],
        "marker": {"color": "@line"},
        "showlegend": False,
        "hovertemplate": "%{y}: %{x:.0%} on average<extra></extra>",
    }
    dots = []
    for variant in dict.fromkeys(each.variant for each in tuning.importances):
        own = [each for each in tuning.importances if each.variant == variant]
        dots.append({
            "type": "scatter",
            "mode": "markers",
            "name": plain(variant),
            "x": rounded([each.share for each in own]),
            "y": [spelled[each.hyperparameter] for each in own],
            "marker": {"color": colours(variant), "size": 8},
            "hovertemplate": f"<b>{plain(variant)}</b> %{{y}}: %{{x:.0%}}<extra></extra>",
        })  # fmt: skip
    told = (f"{name.replace('_', ' ')} {means[name]:.0%}" for name in order)
    return Chart(
        kind="importances",
        says=f"Share of the variance of scores, on average: {'; '.join(told)}.",
        height=ROW * len(order) + AROUND + 60,
        traces=[bars, *dots],
        layout={
            "xaxis": {
                "tickformat": ".0%",
                "rangemode": "tozero",
                "title": {"text": "share of the variance of the scores"},
            },
            "yaxis": {"autorange": "reversed", "showgrid": False},
        },
        note="A bar is the mean over variants, a dot one of them.",
    )
