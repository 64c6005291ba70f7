"""The results of an experiment as CSV tables, for DVC, MLflow, the report and other tools."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from seqarena.evaluation.tuning_record import Tuning
from seqarena.files import write_csv
from seqarena.records import Comparison, Summary
from seqarena.runs import Final

VARIANTS = "variants.csv"


def write_tables(
    results: Path,
    finals: Iterable[Final],
    summary: Summary,
    comparison: Comparison,
    tuning: Tuning,
) -> None:
    """Write ``variants.csv``, ``scores.csv`` and ``curves.csv``."""
    _write_variants(results / VARIANTS, summary, comparison, tuning)
    scores = (
        [variant, number, value]
        for variant, entry in summary.variants.items()
        for number, value in enumerate(entry.values, start=1)
    )
    write_csv(results / "scores.csv", ["variant", "repetition", "value"], scores)
    curves = (
        [final.variant, final.repetition, epoch, value]
        for final in finals
        for epoch, value in final.curve
    )
    write_csv(results / "curves.csv", ["variant", "repetition", "epoch", "value"], curves)


def _write_variants(path: Path, summary: Summary, comparison: Comparison, tuning: Tuning) -> None:
    """Write every number by variant: a row for each, best first, then one per baseline."""
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
