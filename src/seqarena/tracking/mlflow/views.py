"""The saved views of an experiment in MLflow: its verdict, its search, its curves, its pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from seqarena.records import View
from seqarena.tracking.mlflow.charts import (
    Chart,
    SavedView,
    Section,
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
    test = f"test_{facts.summary.metric}"
    score = [
        bars(test),
        bars("ci95_low", test, "ci95_high"),
    ]
    cost = [
        bars("train_seconds"),
        bars("milliseconds"),
        bars("parameters"),
    ]
    worth = [
        dots("train_seconds", test),
        dots("milliseconds", test),
    ]
    sections = [
        Section("Score", 2, score),
        Section("Cost", 3, cost),
        Section("Score by cost", 2, worth),
        Section("Chosen", 1, [parallel(facts.numbers, test)]),
    ]
    name = "Verdict: finals by variant"
    return _view(name, FINALS, facts, test, facts.of_finals, sections, group="variant")


def search(facts: Facts) -> SavedView:
    """Trials, best first: what was tried, and what it came to on valid."""
    tried = [parallel(["variant", *facts.chosen], "objective")]
    each = [dots(name, "objective", parameter=True) for name in facts.numbers[:AXES]]
    cost = dots("seconds", "objective")
    sections = [Section("Tried", 1, tried), Section("Score by cost and choice", 2, [cost, *each])]
    name = "Search: trials, best first"
    return _view(name, TRIALS, facts, "objective", facts.of_trials, sections)


def curves(facts: Facts) -> SavedView:
    """Finals by variant over their epochs."""
    metric = facts.summary.metric
    learning = [
        lines(f"valid_{metric}"),
        lines("valid_loss"),
        lines("train_loss"),
        lines("gradient_norm"),
        lines("learning_rate"),
        lines("examples_per_second"),
    ]
    sections = [Section("By epoch", 2, learning)]
    name = "Curves: finals by epoch"
    return _view(name, FINALS, facts, f"test_{metric}", facts.of_finals, sections, group="variant")


def attention(facts: Facts) -> SavedView:
    """Pictures of finals beside each other, attention first; a slider goes over the examples."""
    sections = [
        Section(kind.capitalize(), 1, [images(kind, found.first)], _height(found.finals))
        for kind, found in list(facts.pictures.items())[:MOST]
    ]
    metric = f"test_{facts.summary.metric}"
    name = "Attention and other pictures"
    return _view(name, PICTURED, facts, metric, facts.of_finals, sections)


def _height(pictures: int) -> int:
    """Return the pixels of a card that shows so many pictures without being scrolled: 3 a row."""
    return 90 + 300 * min(3, -(-pictures // 3))


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
    sections: Sequence[Section],
    group: str | None = None,
) -> SavedView:
    """Return a view with the charts of what is known, best runs first by a metric."""
    drawn = [
        replace(section, charts=[c for c in section.charts if set(_metrics(c)) <= set(known)])
        for section in sections
    ]
    shown = {chart.metric for section in drawn for chart in section.charts}
    return SavedView(
        name=name,
        filter=runs,
        order=f"metrics.`{metric}`",
        ascending=not facts.summary.greater_is_better,
        columns=[
            f"metrics.`{metric}`",
            *(f"params.`{name}`" for name in ("variant", *facts.chosen)),
        ],
        sections=[section for section in drawn if section.charts],
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
