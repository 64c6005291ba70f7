"""Which variants may be the best, and how they stand to the baselines: what the verdict rests on.

The best set is a Model Confidence Set (Hansen, Lunde and Nason 2011, Econometrica 79:453-497): a
variant leaves it when it is worse than the best by mean by more than the largest difference that
chance alone makes between *any* two variants still in it, since which one is the best by mean is
chance too. So every variant that is truly best stays in it with 95 %, all of them together.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from itertools import combinations

from seqarena.evaluation.estimates import Estimate, Estimates
from seqarena.evaluation.step_down import Adjusted, Chance, step_down
from seqarena.records import Comparison, Pair, Word

POWER = 0.8
STEPS = 200  # until a gap is found that is visible, or there is none
MOST = 200  # repetitions, or times as many groups, that anyone would plan


def compare(estimates: Estimates, variants: list[str], margin: float | None) -> Comparison:
    """Compare `variants` with the best of them, and with each baseline, the other competitors.

    Differences within `margin` do not matter, if it is given.
    """
    means = dict(zip(estimates.names, estimates.sign * estimates.means, strict=True))
    ranked = sorted(variants, key=lambda name: -means[name])
    best, *others = ranked
    baselines = [name for name in estimates.names if name not in variants]
    chance = Chance(estimates)
    to_best = {name: estimates.difference(name, best) for name in others}
    in_set = step_down(
        {name: found.p for name, found in to_best.items()},
        lambda left: chance.smallest_p(list(combinations([best, *left], 2))),
    )
    to_baseline = {
        (name, other): estimates.difference(name, other) for other in baselines for name in ranked
    }
    against = step_down({pair: found.p for pair, found in to_baseline.items()}, chance.smallest_p)

    def pair(name: str, reference: str, found: Estimate, adjusted: Adjusted) -> Pair:
        return _pair(estimates, name, reference, found, adjusted, margin)

    pairs = {name: pair(name, best, to_best[name], in_set[name]) for name in others}
    return Comparison(
        best=best,
        best_set=(best, *(name for name, pair in pairs.items() if pair.word != "worse")),
        pairs=pairs,
        baselines={
            other: {
                name: pair(name, other, to_baseline[name, other], against[name, other])
                for name in ranked
            }
            for other in baselines
        },
        chances={
            name: {
                other: estimates.chance(name, other)[0]
                for other in estimates.names
                if other != name
            }
            for name in estimates.names
        },
    )


def _pair(
    estimates: Estimates,
    name: str,
    reference: str,
    found: Estimate,
    adjusted: Adjusted,
    margin: float | None,
) -> Pair:
    half = found.half_width(adjusted.level)
    low, high = found.value - half, found.value + half
    chance, interval = estimates.chance(name, reference)
    p = found.p
    decided = p < adjusted.level
    word: Word = "not separated"
    if margin is not None and -margin < low <= high < margin:
        word = "equivalent"
    elif decided:
        word = "better" if estimates.sign * found.value > 0 else "worse"
    return Pair(
        difference=found.value,
        interval=(low, high),
        p=p,
        p_adjusted=adjusted.p,
        decided=decided,
        word=word,
        chance=chance,
        chance_ci95=interval,
        visible=visible_gap(estimates, name, reference, adjusted.level),
        repetitions=None if decided else _repetitions(estimates, name, reference, adjusted.level),
        groups=None if decided else _groups(estimates, name, reference, adjusted.level),
    )


def visible_gap(estimates: Estimates, name: str, reference: str, level: float) -> float | None:
    """Return the smallest gap that would have been decided in four of five tries.

    None where there is none: too few groups, nothing that varied, or more than the metric ranges.
    """
    worst, best = estimates.bounds
    gap = 0.0
    for _ in range(STEPS):
        found = estimates.difference(name, reference, gap)
        before, gap = gap, found.half_width(level) + found.half_width(2 * (1 - POWER))
        if gap <= before * (1 + 1e-6):
            return gap if 0 < gap <= abs(best - worst) and gap < math.inf else None
    return None


def _repetitions(estimates: Estimates, name: str, reference: str, level: float) -> int | None:
    """Return how many repetitions would decide the gap as it was found; None where none would."""

    def enough(count: int) -> bool:
        return _would_decide(estimates.planned(count, estimates.groups), name, reference, level)

    return _least(enough, estimates.repetitions)


def _groups(estimates: Estimates, name: str, reference: str, level: float) -> int | None:
    """Return how many test groups would decide the gap as it was found; None where none would."""

    def enough(times: int) -> bool:
        planned = estimates.planned(estimates.repetitions, times * estimates.groups)
        return _would_decide(planned, name, reference, level)

    times = _least(enough, 1)
    return None if times is None else times * estimates.groups


def _would_decide(planned: Estimates, name: str, reference: str, level: float) -> bool:
    gap = abs(planned.difference(name, reference).value)
    visible = visible_gap(planned, name, reference, level)
    return visible is not None and gap >= visible


def _least(enough: Callable[[int], bool], start: int) -> int | None:
    """Return the least number from `start` to `MOST` that is enough; more never is too many."""
    if not enough(MOST):
        return None
    return bisect_left(range(MOST), True, lo=start, key=enough)
