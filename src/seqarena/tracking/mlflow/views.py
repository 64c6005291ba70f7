"""The saved views of an experiment in MLflow: its verdict, its search, its curves, its pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from seqarena.records import View
from seqarena.tracking.mlflow.charts import (
    Chart,
    SavedView,
    bars,
    dots,
    images,
    lines,
    parallel,
)
from seqarena.tracking.mlflow.facts import Facts

CURRENT = "tags.current = 'true' and tags.seqarena.kind"
FINALS, TRIALS = f"{CURRENT} = 'final'", f"{CURRENT} = 'trial'"
PICTURED = f"{FINALS} and tags.mlflow.loggedImages = 'True'"
AXES = 5  # hyperparameters that are charted one by one, the first that differ
MOST = 12  # charts of a view


def verdict(facts: Facts) -> SavedView:
    """Finals by variant: scores and their interval, what they cost, what was chosen."""
    metric = facts.summary.metric
    test = f"test_{metric}"
    interval = (f"{test}_low", test, f"{test}_high")
    score = [
        bars(f"{metric} on test", test),
        bars(f"{metric}: low end, mean, high end", *interval),
        parallel("what was chosen", facts.chosen, test),
    ]
    cost = [
        bars("seconds to train", "train_seconds"),
        bars("ms per prediction", "milliseconds"),
        bars("parameters", "parameters"),
        dots("score by training seconds", "train_seconds", test),
        dots("score by ms per prediction", "milliseconds", test),
    ]
    sections = {"Score": score, "Cost": cost}
    name = "Verdict: finals by variant"
    return _view(name, FINALS, facts, test, facts.of_finals, sections, group="variant")


def search(facts: Facts) -> SavedView:
    """Trials, best first: what was tried, and what it came to on valid."""
    metric = facts.summary.metric
    tried = [
        parallel(f"tried, and {metric} on valid", ["variant", *facts.chosen], "objective"),
        dots("score by seconds", "seconds", "objective"),
    ]
    each = [
        dots(f"score by {name}", name, "objective", parameter=True) for name in facts.chosen[:AXES]
    ]
    sections = {"Tried": tried, "One by one": each}
    return _view(
        "Search: trials, best first", TRIALS, facts, "objective", facts.of_trials, sections
    )


def curves(facts: Facts) -> SavedView:
    """Finals by variant over their epochs."""
    metric = facts.summary.metric
    learning = [
        lines(f"{metric} on valid", f"valid_{metric}"),
        lines("loss on valid", "valid_loss"),
        lines("loss on train", "train_loss"),
    ]
    steps = [
        lines("learning rate", "learning_rate"),
        lines("norm of the gradient", "gradient_norm"),
        lines("examples per second", "examples_per_second"),
    ]
    sections = {"Learning": learning, "Steps": steps}
    name = "Curves: finals by epoch"
    return _view(name, FINALS, facts, f"test_{metric}", facts.of_finals, sections, group="variant")


def attention(facts: Facts) -> SavedView:
    """Pictures of finals beside each other, attention first; a slider goes over the examples."""
    pictures = list(facts.pictures.items())[:MOST]
    sections = {kind: [images(kind, kind, number)] for kind, number in pictures}
    metric = f"test_{facts.summary.metric}"
    name = "Attention and other pictures"
    return _view(name, PICTURED, facts, metric, facts.of_finals, sections)


VIEWS: dict[View, Callable[[Facts], SavedView]] = {
    "verdict": verdict,
    "search": search,
    "curves": curves,
    "attention": attention,
}


def _view(
    name: str,
    runs: str,
    facts: Facts,
    metric: str,
    known: Sequence[str],
    sections: dict[str, list[Chart]],
    group: str | None = None,
) -> SavedView:
    """Return a view with the charts of what is known, best runs first by a metric."""
    drawn = {
        title: [chart for chart in charts if set(_metrics(chart)) <= set(known)]
        for title, charts in sections.items()
    }
    shown = {chart.metric for charts in drawn.values() for chart in charts}
    return SavedView(
        name=name,
        filter=runs,
        order=f"metrics.`{metric}`",
        ascending=not facts.summary.greater_is_better,
        columns=[
            f"metrics.`{metric}`",
            *(f"params.`{name}`" for name in ("variant", *facts.chosen)),
        ],
        sections={title: charts for title, charts in drawn.items() if charts},
        group=group,
        hidden=[name for name in known if name not in shown],
    )


def _metrics(chart: Chart) -> Iterator[str]:
    """Every metric that a chart needs."""
    if chart.metric:
        yield chart.metric
    yield from chart.more.get("selectedMetricKeys", ())
    yield from chart.more.get("selectedMetrics", ())
    for axis in ("xaxis", "yaxis"):
        if chart.more.get(axis, {}).get("type") == "METRIC":
            yield chart.more[axis]["key"]
