"""Made-up contests of which the truth is known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from scipy.special import ndtr

from seqarena.evaluation.estimates import Floats


@dataclass(frozen=True)
class Spread:
    """By how much scores vary, and over how many test groups."""

    repetition: float  # deviation between the repetitions of a variant
    variant: float  # of a group, for one variant
    shared: float  # of a group, for all variants: some are hard
    rest: float  # of one repetition on one group
    groups: int


SPREADS = {
    "repetitions": Spread(0.03, 0.1, 0.3, 0.2, 1000),
    "test groups": Spread(0.003, 0.2, 0.3, 0.2, 300),
    "both": Spread(0.015, 0.15, 0.3, 0.3, 300),
}


@dataclass(frozen=True)
class World:
    """A contest: true means, and how scores vary around them."""

    means: tuple[float, ...]
    varies: str  # what varies most, of `SPREADS`
    skewed: bool = False  # exponential: few repetitions far below, few groups far above
    unstable: float = 1.0  # times the deviation of the last variant's repetitions
    halves: float = 1.0  # times that of the second half of the variants

    @property
    def spread(self) -> Spread:
        return SPREADS[self.varies]

    @property
    def names(self) -> list[str]:
        return [f"v{number}" for number in range(len(self.means))]

    @property
    def best(self) -> set[str]:
        """The variants that are truly best."""
        top = max(self.means)
        return {name for name, mean in zip(self.names, self.means, strict=True) if mean == top}

    def with_gap(self, gap: float) -> World:
        """Move the first variant ahead of the others."""
        return replace(self, means=(gap, *self.means[1:]))

    def draw(self, random: Generator, repetitions: int) -> tuple[dict[str, Floats], Floats]:
        """Draw units ``(R, G)`` of each variant, and ``(G,)`` of a baseline like the first."""
        count, spread = len(self.means), self.spread
        deviations = np.full(count, spread.repetition)
        deviations[(count + 1) // 2 :] *= self.halves
        deviations[-1] *= self.unstable
        shared = spread.shared * self._draw(random, (spread.groups,))
        by_group = spread.variant * self._draw(random, (count, 1, spread.groups))
        by_repetition = deviations[:, None, None] * -self._draw(random, (count, repetitions, 1))
        rest = spread.rest * self._draw(random, (count, repetitions, spread.groups))
        units = np.array(self.means)[:, None, None] + shared + by_group + by_repetition + rest
        own = spread.variant * self._draw(random, (spread.groups,))
        return dict(zip(self.names, units, strict=True)), self.means[0] + shared + own

    def chance(self, one: int, other: int) -> float:
        """Return P(A > B) of two variants in one repetition on one more test split; not skewed."""
        spread = self.spread
        each = spread.repetition**2 + (spread.variant**2 + spread.rest**2) / spread.groups
        gap = self.means[one] - self.means[other]
        return float(ndtr(gap / (2 * each) ** 0.5))

    def _draw(self, random: Generator, shape: tuple[int, ...]) -> Floats:
        """Draw numbers of mean 0 and deviation 1."""
        drawn: Floats = (
            random.exponential(size=shape) - 1 if self.skewed else random.standard_normal(shape)
        )
        return drawn


def equal(count: int, varies: str) -> World:
    """All variants alike."""
    return World((0.0,) * count, varies)


def clusters(count: int, varies: str, gap: float) -> World:
    """A third of the variants ahead of the others."""
    ahead = max(1, count // 3)
    return World((gap,) * ahead + (0.0,) * (count - ahead), varies)
