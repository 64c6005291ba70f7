"""The charts of an experiment, each made of the record of its results."""

from __future__ import annotations

from seqarena.evaluation.tuning_record import Tuning
from seqarena.records import Comparison, Summary
from seqarena.report.charts.chart import Chart, Colours
from seqarena.report.charts.costs import costs
from seqarena.report.charts.curves import curves
from seqarena.report.charts.pairs import pairs
from seqarena.report.charts.scores import scores
from seqarena.report.charts.search import best_of_n, importances, spent
from seqarena.report.learned import Curve

__all__ = ["Chart", "Colours", "charts_of"]


def charts_of(
    summary: Summary,
    comparison: Comparison | None,
    learned: list[Curve],
    tuning: Tuning | None,
    colours: Colours,
) -> dict[str, list[Chart]]:
    """Return the charts by the kind of picture that each stands for."""
    drawn = [
        scores(summary, colours),
        curves(learned, summary.metric, colours),
        pairs(summary, comparison),
        *costs(summary, colours),
    ]
    if tuning is not None:
        drawn += [draw(tuning, colours) for draw in (spent, best_of_n, importances)]
    found: dict[str, list[Chart]] = {}
    for chart in drawn:
        if chart is not None:
            found.setdefault(chart.kind, []).append(chart)
    return found
