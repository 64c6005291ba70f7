"""The verdict on one experiment: one sentence for people that claims no more than was shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from seqarena.plots.formats import Format, listed, metric_name, p_value, rough
from seqarena.records import Comparison, Pair, VariantSummary, Word

TUNED_ONCE = " This holds for the variants as tuned once: another search is not allowed for."
NAMED = 3  # variants that are not separated from the best; of more, the first and the last


@dataclass(frozen=True, kw_only=True)
class _Case:
    """All that the sentence is made of, and how values are formatted."""

    metric: str
    variants: Mapping[str, VariantSummary]
    comparison: Comparison
    baselines: Mapping[str, float]  # best first
    margin: float | None
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

    def having(self, word: Word) -> list[str]:
        """The variants that stand so to the best by mean, best first."""
        return [name for name, pair in self.comparison.pairs.items() if pair.word == word]

    def behind(self, name: str) -> str:
        """How far a variant is behind the best, and how far it would have to be."""
        pair = self.comparison.pairs[name]
        return f"{name} ({self.form.with_unit(abs(pair.difference))} behind, {self.visible(pair)})"

    def visible(self, pair: Pair) -> str:
        """From which size a gap could be seen, if from any."""
        if pair.visible is None:
            return "no gap could have been seen"
        return f"visible from {self.form(pair.visible)}"


def verdict(
    metric: str,
    greater_is_better: bool,
    variants: Mapping[str, VariantSummary],
    comparison: Comparison,
    baselines: Mapping[str, float],
    unit: str = "",
    left_out: Iterable[str] = (),
    tuned_once: bool = False,
    margin: float | None = None,
) -> str:
    """Say which variants are best, by how much, and how they stand to the best baseline.

    A difference is told as one only where the comparison decides it. A baseline that is `left_out`
    could not be fitted. Where all repetitions rest on one search, `tuned_once`, the sentence says
    so. Differences within `margin` do not matter.
    """
    ranked = sorted(baselines, key=lambda name: baselines[name], reverse=greater_is_better)
    case = _Case(
        metric=metric,
        variants=variants,
        comparison=comparison,
        baselines={name: baselines[name] for name in ranked},
        margin=margin,
        form=Format([*(v.mean for v in variants.values()), *baselines.values()], unit),
    )
    if comparison.loses_to(ranked[0] if ranked else None):
        sentence = _losing(case)
    else:
        sentence = "; ".join([_leaders(case), *([_against(case)] if ranked else [])])
    rest = f"{_needed(case)}{_left_out(list(left_out))}{TUNED_ONCE if tuned_once else ''}"
    return f"{sentence}.{rest}"


def _needed(case: _Case) -> str:
    """A sentence on what would separate the variant that is separated most easily."""
    left = {name: case.comparison.pairs[name] for name in case.having("not separated")}
    counts = {name: p.repetitions for name, p in left.items() if p.repetitions is not None}
    groups = {name: p.groups for name, p in left.items() if p.groups is not None}
    if counts:
        name = min(counts, key=lambda each: counts[each])
        return f" About {counts[name]:,} repetitions would separate {name} from {case.best}."
    if groups:
        name = min(groups, key=lambda each: groups[each])
        found = f"about {rough(groups[name])} independent test groups"
        return f" It takes {found}, not repetitions, to separate {name} from {case.best}."
    return ""


def _left_out(names: list[str]) -> str:
    """A sentence on the baselines that are not there to compare with."""
    if not names:
        return ""
    return f" The baseline{'s' * (len(names) > 1)} {listed(names)} could not be fitted."


def _leaders(case: _Case) -> str:
    best, count = case.best, len(case.variants)
    reached = case.reached(case.mean(best))
    if count == 1:
        return f"{best}, the only variant, reaches {reached} ({case.interval(best)})"
    separated, equal = case.having("worse"), case.having("equivalent")
    if not separated:
        few = "two" if count == 2 else f"{count}"
        how = f"equivalent within {case.margin:g}" if len(equal) == count - 1 else "not separated"
        last = list(case.comparison.pairs)[-1]
        first = f"{metric_name(case.metric)} from {case.form(case.mean(best))} for {best}"
        if how == "not separated":
            return f"The {few} variants are {how}: {first} to {_last(case, last)}"
        return f"The {few} variants are {how}: {first} to {case.form(case.mean(last))} for {last}"
    behind = separated[0]
    chance = p_value(case.comparison.pairs[behind].p_adjusted)
    ahead = f"ahead of {behind} by {case.gap(case.mean(best), case.mean(behind))} ({chance})"
    if len(separated) == count - 1:
        return f"{best} is best ({reached}, {case.interval(best)}), {ahead}"
    others = [*_equivalent(case, equal), *_open(case, case.having("not separated"))]
    return (
        f"{best} has the best mean ({reached}, {case.interval(best)}), {', '.join(others)}, {ahead}"
    )


def _last(case: _Case, name: str) -> str:
    pair = case.comparison.pairs[name]
    seen = case.visible(pair) if pair.visible is None else f"gaps {case.visible(pair)}"
    return f"{case.form(case.mean(name))} for {name} ({seen})"


def _equivalent(case: _Case, names: list[str]) -> list[str]:
    return [f"equivalent within {case.margin:g} to {listed(names)}"] if names else []


def _open(case: _Case, names: list[str]) -> list[str]:
    """Name the variants that are not separated from the best."""
    if not names:
        return []
    if len(names) <= NAMED:
        return [f"not separated from {listed(case.behind(name) for name in names)}"]
    ends = f"from {case.behind(names[0])} to {case.behind(names[-1])}"
    return [f"not separated from {len(names)} others, {ends}"]


def _against(case: _Case) -> str:
    """How the best variants stand to the strongest baseline."""
    name, value = next(iter(case.baselines.items()))
    called = "the baseline" if len(case.baselines) == 1 else "the best baseline,"
    named = f"{called} {name} ({case.form.with_unit(value)})"
    pairs, tied = case.comparison.baselines[name], case.comparison.best_set
    winners = [variant for variant in tied if pairs[variant].word == "better"]
    if len(winners) == 1 == len(tied):
        return f"it beats {named} by {case.gap(case.mean(case.best), value)}"
    if len(winners) == len(tied):
        return f"{'both' if len(tied) == 2 else f'all {len(tied)}'} beat {named}"
    if winners:
        return f"of these only {listed(winners)} beat{'s' * (len(winners) == 1)} {named}"
    pair = pairs[case.best]
    if pair.word == "worse":
        return f"{case.best} loses to {named}{_weaker(case)}"
    if pair.word == "equivalent":
        return f"{case.best} is equivalent within {case.margin:g} to {named}{_weaker(case)}"
    gap = case.gap(case.mean(case.best), value)
    side = "ahead" if pair.chance > 0.5 else "behind"
    seen = f"{gap} {side}, {case.visible(pair)}"
    return f"{case.best} is not separated from {named}, {seen}{_weaker(case)}"


def _losing(case: _Case) -> str:
    name, value = next(iter(case.baselines.items()))
    mean = case.mean(case.best)
    alone = len(case.variants) == 1
    who = f"{case.best}, the only variant, loses" if alone else "Every variant loses"
    subject = "it" if alone else f"the best, {case.best},"
    chance = p_value(case.comparison.baselines[name][case.best].p_adjusted)
    return (
        f"{who} to the baseline {name} ({case.reached(value)}): {subject} reaches "
        f"{case.form(mean)} ({case.interval(case.best)}), {case.gap(mean, value)} worse ({chance})"
        f"{_weaker(case)}"
    )


def _weaker(case: _Case) -> str:
    """The next baseline that the best variant does beat, where the strongest is not beaten."""
    for name, value in list(case.baselines.items())[1:]:
        if case.comparison.baselines[name][case.best].word == "better":
            return f", though {case.best} beats {name} ({case.form.with_unit(value)})"
    return ""
