"""What the tables of a report show of an experiment, each value as people read it."""

from __future__ import annotations

from dataclasses import dataclass

from seqarena.evaluation.statistics import best_of
from seqarena.plots.formats import Format, format_of, metric_name, p_value
from seqarena.records import Comparison, Pair, Summary, VariantSummary

NONE = "–"


@dataclass(frozen=True)
class Overview:
    """The best variant by mean and the best baseline, for one line."""

    best: str = NONE
    score: str = NONE
    interval: str = NONE
    baseline: str = NONE


@dataclass(frozen=True)
class Difference:
    """One variant against the best one, or against a baseline."""

    difference: str
    p: str
    detectable: bool
    detail: str


@dataclass(frozen=True)
class Row:
    """A variant or a baseline; a baseline has its value alone."""

    name: str
    baseline: bool
    mean: float
    value: str
    interval: str = ""
    parameters: str = ""
    seconds: str = ""
    best: bool = False  # or not detectably different from the best
    to_best: Difference | None = None
    to_baseline: Difference | None = None
    top: str = NONE


def overview_of(summary: Summary) -> Overview:
    """Return the best variant, its score, its interval and the best baseline."""
    form = format_of(summary)
    strongest = _best_baseline(summary)
    baseline = f"{strongest} {form(summary.baselines[strongest])}" if strongest else NONE
    if not summary.variants:
        return Overview("no variant finished", baseline=baseline)
    best = best_of(summary.means, summary.greater_is_better)
    variant = summary.variants[best]
    score = f"{metric_name(summary.metric)} {form(variant.mean)}"
    return Overview(best, score, form.interval(variant.ci95), baseline)


def rows_of(summary: Summary, comparison: Comparison | None) -> list[Row]:
    """Return variants and baselines in one table, best first."""
    form = format_of(summary)
    rows = [Row(name, True, value, form(value)) for name, value in summary.baselines.items()]
    for name, variant in summary.variants.items():
        rows.append(_variant_row(name, variant, _best_baseline(summary), comparison, form))
    return sorted(rows, key=lambda row: row.mean, reverse=summary.greater_is_better)


def _best_baseline(summary: Summary) -> str | None:
    """Name the strongest baseline, if there is one."""
    return best_of(summary.baselines, summary.greater_is_better) if summary.baselines else None


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
        seconds=f"{variant.train_seconds:,.0f}",
        best=comparison is not None and name in comparison.best_set,
        to_best=_difference(to_best, form) if to_best else None,
        to_baseline=_difference(to_baseline, form) if to_baseline else None,
        top=f"{comparison.top_share[name]:.0%}" if comparison else NONE,
    )


def _difference(pair: Pair, form: Format) -> Difference:
    size = NONE if pair.effect_size is None else f"{pair.effect_size:.1f}"
    low, high = pair.ci95
    return Difference(
        difference=form.signed(pair.difference),
        p=p_value(pair.p_holm),
        detectable=pair.detectable,
        detail=(
            f"95% interval {form.signed(low)} to {form.signed(high)}; before "
            f"correction {p_value(pair.p)}; over seeds alone {p_value(pair.p_seeds)}, g {size}"
        ),
    )
