"""What is known of each competitor's score, and how well: from repetitions and test groups.

A score is known per repetition and per independent group of the test split, and both are samples:
other seeds, or another test split, would have given other numbers. They are crossed (every final is
tested on every group), so the variance of a mean is that over repetitions plus that over groups, as
in min F' (Clark 1973, Journal of Verbal Learning and Verbal Behavior 12:335-359).

Repetitions are few, so their variances are moderated: see `moderated`. Groups are shared by all, so
their covariance is used, and what all find hard does not blur a difference.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, stdtrit

from seqarena.errors import InputError
from seqarena.evaluation.moderation import moderated
from seqarena.records import ALPHA, Interval

Floats = NDArray[np.float64]
NOISE = 1e-12  # of the largest score: a spread below it is rounding
LEAST_P = 1e-12  # below it, no p value is told apart


class Part(NamedTuple):
    """A term of a variance and its degrees of freedom."""

    variance: float
    free: float

    def squared_half_width(self, level: float) -> float:
        """Return what `Estimate.half_width` is, squared, by this chance alone."""
        return self.variance * float(stdtrit(self.free, 1 - level / 2)) ** 2


class Estimate(NamedTuple):
    """One number, and by how much it may be off, by each of two independent chances."""

    value: float
    over_repetitions: Part
    over_groups: Part

    @property
    def error(self) -> float:
        """The standard error."""
        return math.sqrt(self.over_repetitions.variance + self.over_groups.variance)

    def half_width(self, level: float) -> float:
        """Return half the width of the interval that misses the truth with probability `level`.

        Each chance is stretched by its own t value: at most `level` then (Banerjee 1961, Sankhya
        A 23:85-90). One t value of Satterthwaite's degrees of freedom for the sum is too small
        where three repetitions happen to agree.
        """
        parts = (self.over_repetitions, self.over_groups)
        return math.sqrt(sum(part.squared_half_width(level) for part in parts))

    @property
    def p(self) -> float:
        """The two-sided p value of zero: the level whose interval ends there."""
        if self.error == 0:
            return 1.0 if self.value == 0 else 0.0
        if self.half_width(LEAST_P) <= abs(self.value):
            return LEAST_P
        return float(brentq(lambda level: self.half_width(level) - abs(self.value), LEAST_P, 1.0))


@dataclass(frozen=True)
class Estimates:
    """All competitors of one experiment: variants, and baselines, which have no repetitions."""

    names: tuple[str, ...]
    bounds: Interval  # the worst and the best value that the metric may have
    examples: int  # of the test split
    means: Floats  # (K,)
    repetitions: int
    spread: Floats  # (K,) moderated variance of one repetition; 0 for a baseline
    together: Floats  # (K,) part of `spread` that falls with the number of groups
    free: Floats  # (K,) degrees of freedom of `spread`
    groups: int
    covariance: Floats  # (K, K) of the means over test groups

    @classmethod
    def of(
        cls,
        variants: Mapping[str, Floats],
        baselines: Mapping[str, Floats],
        bounds: Interval,
        examples: int | None = None,
    ) -> Estimates:
        """Estimate from units ``(R, G)`` of each variant and ``(G,)`` of each baseline.

        A unit is a group's own value of the metric, see `estimand`; groups and repetitions are in
        the same order for all. `bounds` are the metric's worst and best value; `examples` are as
        many as groups, unless they are given. Raises `InputError` for shapes that differ, fewer
        than two repetitions, or a score that is not finite.
        """
        _check(variants, baselines)
        units = np.stack([np.asarray(each, np.float64) for each in variants.values()])
        references = [np.asarray(each, np.float64) for each in baselines.values()]
        rows = np.stack([*units.mean(axis=1), *references])  # (K, G)
        _, repetitions, groups = units.shape
        scores = units.mean(axis=2)
        raw = scores.var(axis=1, ddof=1)
        raw[raw <= (NOISE * np.abs(scores).max()) ** 2] = 0.0
        spread, free = moderated(raw, repetitions - 1)
        additive = scores[:, :, None] + (units.mean(axis=1) - scores.mean(axis=1)[:, None])[:, None]
        left = ((units - additive) ** 2).sum(axis=(1, 2))
        together = left / max(1, (repetitions - 1) * (groups - 1)) / groups
        none, alone = np.zeros(len(references)), np.zeros((len(rows), len(rows)))
        return cls(
            names=(*variants, *baselines),
            bounds=bounds,
            examples=examples or groups,
            means=rows.mean(axis=1),
            repetitions=repetitions,
            spread=np.concatenate([spread, none]),
            together=np.concatenate([np.minimum(together, spread), none]),
            free=np.concatenate([free, none + repetitions - 1]),
            groups=groups,
            covariance=np.atleast_2d(np.cov(rows)) / groups if groups > 1 else alone,
        )

    @property
    def sign(self) -> int:
        """What to multiply a score by, so that the greater one is the better."""
        worst, best = self.bounds
        return 1 if best > worst else -1

    def mean(self, name: str) -> Estimate:
        """Return one competitor's mean."""
        one = self.names.index(name)
        value = float(self.means[one])
        farthest = max(abs(value - end) for end in self.bounds)
        if not np.isfinite(farthest):
            return self._estimate(value, {one: 1}, 0.0)
        # Two groups of an example each: about what Agresti and Coull (1998) add to a share, so that
        # n of n right has the interval of the exact test.
        size = (self.examples + 1) / (self.groups + 1)
        return self._estimate(value, {one: 1}, farthest * math.sqrt(2 / size))

    def interval(self, name: str) -> Interval:
        """Return the 95 % interval of one competitor's mean, within the metric's bounds."""
        estimate = self.mean(name)
        half, (low, high) = estimate.half_width(ALPHA), sorted(self.bounds)
        return max(low, estimate.value - half), min(high, estimate.value + half)

    def difference(self, name: str, reference: str, gap: float | None = None) -> Estimate:
        """Return one competitor's mean minus another's; as if it were `gap`, where that is given.

        The group that was not tested may have it the other way round.
        """
        one, other = self.names.index(name), self.names.index(reference)
        value = float(self.means[one] - self.means[other]) if gap is None else gap
        return self._estimate(value, {one: 1, other: -1}, 2 * abs(value))

    def _estimate(self, value: float, signs: Mapping[int, int], unseen: float) -> Estimate:
        """Add up the terms; groups as if one more had been tested that lies `unseen` away.

        Without it, groups that happen to agree would show no variance at all: three of three says
        less than three hundred of three hundred.
        """
        rows = list(signs)
        parts = [Part(float(self.spread[row]) / self.repetitions, self.free[row]) for row in rows]
        weights = np.array(list(signs.values()))
        over_groups = float(weights @ self.covariance[np.ix_(rows, rows)] @ weights)
        over_groups -= float(self.together[rows].sum()) / self.repetitions  # it is in `spread` too
        away = unseen / (self.groups + 1)  # its square may be infinite, where a power would raise
        over_groups = max(0.0, over_groups) + away * away
        return Estimate(
            value,
            Part(sum(part.variance for part in parts), satterthwaite(parts)),
            Part(over_groups, max(1, self.groups - 1)),
        )

    def chance(self, name: str, reference: str) -> tuple[float, Interval]:
        """Return how likely one competitor beats another in one more repetition, and its interval.

        On one more test split of this size: P(A > B) of Bouthillier et al. (2021, MLSys), of a
        normal distribution, since a few repetitions can be counted only coarsely.
        """
        found = self.difference(name, reference)
        over_repetitions, over_groups = found.over_repetitions, found.over_groups
        one_more = math.sqrt(over_repetitions.variance * self.repetitions + over_groups.variance)
        if one_more == 0:
            even = 0.5 if found.value == 0 else float(self.sign * found.value > 0)
            return even, (even, even)
        size = self.sign * found.value / one_more
        free = satterthwaite([over_repetitions, over_groups])
        # Hedges (1981): the size of an effect varies by the mean's error and that of its divisor.
        half = math.hypot(
            found.half_width(ALPHA) / one_more,
            size * float(stdtrit(free, 1 - ALPHA / 2)) / math.sqrt(2 * free),
        )
        low, middle, high = (float(ndtr(each)) for each in (size - half, size, size + half))
        return middle, (low, high)

    def planned(self, repetitions: int, groups: int) -> Estimates:
        """Return what other numbers of repetitions and groups would be expected to give."""
        scale = self.groups / groups
        ratio = (repetitions - 1) / (self.repetitions - 1)
        return replace(
            self,
            repetitions=repetitions,
            spread=self.spread - self.together * (1 - scale),
            together=self.together * scale,
            free=self.free * ratio,
            groups=groups,
            covariance=self.covariance * scale,
        )

    def draws(self, count: int) -> Floats:
        """Draw `count` sets of means ``(count, K)`` of which only chance tells one from another."""
        total = np.diag(self.spread / self.repetitions) + self.covariance
        scale = np.sqrt(np.diag(total))
        scale[scale == 0] = 1.0
        correlation = total / np.outer(scale, scale)
        root = np.linalg.cholesky(correlation + 1e-9 * np.eye(len(total)))
        drawn = np.random.default_rng(0).standard_normal((count, len(total)))
        result: Floats = drawn @ root.T * scale
        return result


def satterthwaite(parts: list[Part]) -> float:
    """Return the degrees of freedom of a sum of variances."""
    total = sum(part.variance for part in parts)
    if total == 0:
        return min(part.free for part in parts)
    return float(total**2 / sum(part.variance**2 / part.free for part in parts))


def _check(variants: Mapping[str, Floats], baselines: Mapping[str, Floats]) -> None:
    if not variants:
        raise InputError("scores: expected at least one variant, found none")
    first, expected = next((name, np.shape(units)) for name, units in variants.items())
    if len(expected) != 2 or expected[0] < 2 or expected[1] < 1:
        raise InputError(
            f"scores.{first}: expected (2 or more repetitions, test groups), found {expected}"
        )
    shapes: list[tuple[str, tuple[int, ...], tuple[int, ...]]] = [
        (f"scores.{name}", np.shape(units), expected) for name, units in variants.items()
    ]
    for name, units in baselines.items():
        shapes.append((f"baselines.{name}", np.shape(units), expected[1:]))
    for where, found, needed in shapes:
        if found != needed:
            raise InputError(f"{where}: expected {needed} as {first} has, found {found}")
    for name, units in [*variants.items(), *baselines.items()]:
        if not np.isfinite(units).all():
            raise InputError(f"scores.{name}: expected finite numbers, found nan or inf")
