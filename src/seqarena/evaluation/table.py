"""variants.csv: every number by variant in one table, which MLflow shows with the verdict."""

from __future__ import annotations

from pathlib import Path

from seqarena.evaluation.tuning_record import Tuning
from seqarena.files import write_csv
from seqarena.records import Comparison, Summary

FILE = "variants.csv"


def write_table(path: Path, summary: Summary, comparison: Comparison, tuning: Tuning) -> None:
    """Write a row per variant, best first, then one per baseline."""
    header = [
        "competitor",
        f"test_{summary.metric}",
        "ci95_low",
        "ci95_high",
        "against_the_best",
        "parameters",
        "train_seconds",
        "milliseconds_per_prediction",
        "search_trials",
        "search_epochs",
        "search_seconds",
        "final_seconds",
    ]
    spent = {each.variant: each for each in tuning.spent}
    words = {comparison.best: "best", **{n: pair.word for n, pair in comparison.pairs.items()}}
    rows: list[list[object]] = []
    for name in words:
        found, search = summary.variants[name], spent[name]
        cost = [found.parameters, found.train_seconds, found.milliseconds]
        searched = [search.trials, search.epochs, search.search_seconds, search.final_seconds]
        rows.append([name, found.mean, *found.ci95, words[name], *cost, *searched])
    for name, baseline in summary.baselines.items():
        rows.append([name, baseline.value, *baseline.ci95, "baseline", *[""] * 7])
    write_csv(path, header, rows)
