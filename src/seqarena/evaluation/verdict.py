"""The verdict on one experiment: one sentence for people that claims no more than was shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from seqarena.plots.formats import Format, listed, metric_name, p_value
from seqarena.records import Comparison, Pair, VariantSummary

TUNED_ONCE = " This holds for the variants as tuned once: another search is not allowed for."


@dataclass(frozen=True, kw_only=True)
class _Case:
    """All that the sentence is made of, and how values are formatted."""

    metric: str
    greater_is_better: bool
    variants: Mapping[str, VariantSummary]
    comparison: Comparison
    baselines: Mapping[str, float]  # best first
    form: Format

    @property
    def best(self) -> str:
        return self.comparison.best

    def mean(self, variant: str) -> float:
        return self.variants[variant].mean

    def interval(self, variant: str) -> str:
        return f"95% interval {self.form.interval(self.variants[variant].ci95)}"

    def reached(self, value: float) -> str:
        return f"{metric_name(self.metric)} {self.form.with_unit(value)}"

    def gap(self, one: float, other: float) -> str:
        return self.form.with_unit(abs(one - other))

    def beats(self, pair: Pair) -> bool:
        return pair.detectable and (pair.difference > 0) == self.greater_is_better

    def loses(self, pair: Pair) -> bool:
        return pair.detectable and (pair.difference > 0) != self.greater_is_better


def verdict(
    metric: str,
    greater_is_better: bool,
    variants: Mapping[str, VariantSummary],
    comparison: Comparison,
    baselines: Mapping[str, float],
    unit: str = "",
    left_out: Iterable[str] = (),
    tuned_once: bool = False,
) -> str:
    """Say which variants are best, by how much, and how they stand to the best baseline.

    A difference is told as one only where the comparison detects it after correction; a baseline
    that the comparison lacks is quoted without a claim; one that is `left_out` could not be fitted.
    Where all repetitions rest on one search, `tuned_once`, the sentence says so.
    """
    ranked = sorted(baselines, key=lambda name: baselines[name], reverse=greater_is_better)
    case = _Case(
        metric=metric,
        greater_is_better=greater_is_better,
        variants=variants,
        comparison=comparison,
        baselines={name: baselines[name] for name in ranked},
        form=Format([*(v.mean for v in variants.values()), *baselines.values()], unit),
    )
    pairs = comparison.baselines.get(ranked[0], {}) if ranked else {}
    if pairs and all(case.loses(pair) for pair in pairs.values()):
        sentence = _losing(case)
    else:
        sentence = "; ".join([_leaders(case), *([_against(case)] if ranked else [])])
    return f"{sentence}.{_left_out(list(left_out))}{TUNED_ONCE if tuned_once else ''}"


def _left_out(names: list[str]) -> str:
    """A sentence on the baselines that are not there to compare with."""
    if not names:
        return ""
    return f" The baseline{'s' * (len(names) > 1)} {listed(names)} could not be fitted."


def _leaders(case: _Case) -> str:
    best, tied = case.best, case.comparison.best_set
    reached = case.reached(case.mean(best))
    if len(case.variants) == 1:
        return f"{best}, the only variant, reaches {reached} ({case.interval(best)})"
    if len(tied) == len(case.variants):
        last = tied[-1]
        few = "the two" if len(tied) == 2 else f"the {len(tied)}"
        return (
            f"No detectable difference between {few} variants ({metric_name(case.metric)} from "
            f"{case.form(case.mean(best))} for {best} "
            f"to {case.form.with_unit(case.mean(last))} for {last})"
        )
    behind = next(name for name in case.comparison.pairs if name not in tied)
    chance = p_value(case.comparison.pairs[behind].p_holm)
    ahead = f"ahead of {behind} by {case.gap(case.mean(best), case.mean(behind))} ({chance})"
    if len(tied) == 1:
        return f"{best} is best ({reached}, {case.interval(best)}), {ahead}"
    return (
        f"{best} is best by mean ({reached}, {case.interval(best)}), "
        f"with no detectable difference from {listed(tied[1:])}, and {ahead}"
    )


def _against(case: _Case) -> str:
    """How the best variants stand to the strongest baseline."""
    name, value = next(iter(case.baselines.items()))
    called = "the baseline" if len(case.baselines) == 1 else "the best baseline,"
    pairs = case.comparison.baselines.get(name)
    if pairs is None:
        return f"{called} {name}{',' * called.endswith(',')} reaches {case.form.with_unit(value)}"
    named = f"{called} {name} ({case.form.with_unit(value)})"
    tied = case.comparison.best_set
    winners = [variant for variant in tied if case.beats(pairs[variant])]
    if len(winners) == 1 == len(tied):
        return f"it beats {named} by {case.gap(case.mean(case.best), value)}"
    if len(winners) == len(tied):
        return f"{'both' if len(tied) == 2 else f'all {len(tied)}'} beat {named}"
    if winners:
        return f"of these only {listed(winners)} detectably beat{'s' * (len(winners) == 1)} {named}"
    if case.loses(pairs[case.best]):
        return f"{case.best} loses to {named}{_weaker(case)}"
    return f"no detectable gain over {named}{_weaker(case)}"


def _losing(case: _Case) -> str:
    name, value = next(iter(case.baselines.items()))
    mean = case.mean(case.best)
    alone = len(case.variants) == 1
    who = f"{case.best}, the only variant, loses" if alone else "Every variant loses"
    subject = "it" if alone else f"the best, {case.best},"
    chance = p_value(case.comparison.baselines[name][case.best].p_holm)
    return (
        f"{who} to the baseline {name} ({case.reached(value)}): {subject} reaches "
        f"{case.form(mean)} ({case.interval(case.best)}), {case.gap(mean, value)} worse ({chance})"
        f"{_weaker(case)}"
    )


def _weaker(case: _Case) -> str:
    """The next baseline that the best variant does beat, where the strongest is not beaten."""
    for name, value in list(case.baselines.items())[1:]:
        pairs = case.comparison.baselines.get(name)
        if pairs and case.beats(pairs[case.best]):
            return f", though {case.best} beats {name} ({case.form.with_unit(value)})"
    return ""
