"""What the tables of a report show of an experiment, each value as people read it."""

from __future__ import annotations

from dataclasses import dataclass

from seqarena.plots.formats import Format, format_of, metric_name, p_value, per_cent, rough
from seqarena.records import (
    BaselineSummary,
    Comparison,
    Pair,
    Summary,
    VariantSummary,
    best_of,
)

NONE = "–"


@dataclass(frozen=True)
class Overview:
    """How an experiment ended, the best variant by mean and the best baseline, for one line."""

    ending: str
    best: str = NONE
    score: str = NONE
    baseline: str = NONE


@dataclass(frozen=True)
class Difference:
    """One variant against the best one, or against a baseline."""

    difference: str
    word: str
    chance: str  # of being ahead in one more repetition
    visible: str  # the smallest gap that is; empty where the gap at hand is told
    needed: str  # what would separate the two; empty likewise
    detail: str  # on pointing
    chance_detail: str


@dataclass(frozen=True)
class Row:
    """A variant or a baseline; a baseline is not compared, and has no parameters."""

    name: str
    baseline: bool
    mean: float
    value: str
    interval: str = ""
    parameters: str = ""
    seconds: str = ""
    milliseconds: str = ""
    best: bool = False  # of the best set, or the best baseline
    to_best: Difference | None = None
    to_baseline: Difference | None = None


def overview_of(summary: Summary) -> Overview:
    """Return the ending, the best variant, its score and the best baseline."""
    form = format_of(summary)
    strongest = summary.strongest
    baseline = f"{strongest} {form(summary.references[strongest])}" if strongest else NONE
    best = best_of(summary.means, summary.greater_is_better)
    score = f"{metric_name(summary.metric)} {form(summary.means[best])}"
    return Overview(summary.ending, best, score, baseline)


def rows_of(summary: Summary, comparison: Comparison | None) -> list[Row]:
    """Return variants and baselines in one table, best first."""
    form = format_of(summary)
    rows = [
        _baseline_row(name, known, name == summary.strongest, form)
        for name, known in summary.baselines.items()
    ]
    for name, variant in summary.variants.items():
        rows.append(_variant_row(name, variant, summary.strongest, comparison, form))
    return sorted(rows, key=lambda row: row.mean, reverse=summary.greater_is_better)


def _baseline_row(name: str, baseline: BaselineSummary, best: bool, form: Format) -> Row:
    return Row(
        name=name,
        baseline=True,
        mean=baseline.value,
        value=form(baseline.value),
        interval=form.interval(baseline.ci95),
        seconds=_short(baseline.seconds),
        best=best,
    )


def _variant_row(
    name: str,
    variant: VariantSummary,
    strongest: str | None,
    comparison: Comparison | None,
    form: Format,
) -> Row:
    to_best = comparison and comparison.pairs.get(name)
    against = comparison.baselines.get(strongest, {}) if comparison and strongest else {}
    to_baseline = against.get(name)
    return Row(
        name=name,
        baseline=False,
        mean=variant.mean,
        value=form(variant.mean),
        interval=form.interval(variant.ci95),
        parameters=f"{variant.parameters:,}",
        seconds=_short(variant.train_seconds),
        milliseconds=_short(variant.milliseconds),
        best=comparison is not None and name in comparison.best_set,
        to_best=difference_of(to_best, form) if to_best else None,
        to_baseline=difference_of(to_baseline, form) if to_baseline else None,
    )


def series_of(summary: Summary) -> list[list[str]]:
    """Return a table of the metric by series, its head first; empty where there are not several."""
    if not summary.series:
        return []
    names = [*summary.variants, *summary.baselines]
    rows = [
        [name, f"{each.test_examples:,}"]
        + [NONE if each.values[who] is None else f"{each.values[who]:.4g}" for who in names]
        for name, each in summary.series.items()
    ]
    return [["series", "windows", *names], *rows]


def _short(value: float) -> str:
    """Format a time: whole from ten on, with two digits below."""
    return f"{value:#.2g}" if value < 9.95 else f"{value:,.0f}"


def difference_of(pair: Pair, form: Format) -> Difference:
    """Return a pair as people read it."""
    low, high = pair.interval
    least, most = pair.chance_ci95
    unclear = pair.word == "not separated"
    visible = NONE if pair.visible is None else form(pair.visible)
    return Difference(
        difference=form.signed(pair.difference),
        word=pair.word,
        chance=per_cent(pair.chance),
        visible=visible if unclear else "",
        needed=_needed(pair) if unclear else "",
        detail=(
            f"95% interval {form.signed(low)} to {form.signed(high)}, together with all others; "
            f"{p_value(pair.p_adjusted)} (alone {p_value(pair.p)}); visible from {visible}; "
            f"ahead in {per_cent(pair.chance)} of repetitions"
        ),
        chance_detail=f"95% interval {per_cent(least)} to {per_cent(most)}",
    )


def _needed(pair: Pair) -> str:
    """Say what would decide the gap as it was found, or that nothing within reach would."""
    if pair.repetitions is not None:
        return f"{pair.repetitions:,} repetitions"
    return f"{rough(pair.groups)} test groups" if pair.groups is not None else "out of reach"
