"""Many tests at once, and one error rate for all of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple, TypeVar

import numpy as np
from scipy.special import ndtr

from seqarena.evaluation.estimates import Estimates, Floats
from seqarena.records import ALPHA

DRAWS = 20_000

Test = TypeVar("Test")
Pairs = Collection[tuple[str, str]]


class Adjusted(NamedTuple):
    """A p value corrected for the other tests, and the level at which the test was made."""

    p: float
    level: float  # of a single test: what has its p below it is decided


def step_down(
    p: Mapping[Test, float], smallest: Callable[[list[Test]], Floats]
) -> dict[Test, Adjusted]:
    """Decide tests in steps, each against those that are not decided yet.

    Westfall and Young (1993, Resampling-based multiple testing, section 2.8). `smallest` draws the
    smallest p value that chance alone gives the tests that are left, ``(draws,)``.
    """
    left, found, before = list(p), dict[Test, Adjusted](), 0.0
    while left:
        draws = np.sort(smallest(left))
        level = float(draws[int(np.ceil(ALPHA * len(draws))) - 1])
        decided = [test for test in left if p[test] < level]
        for test in decided or left:
            share = float(np.searchsorted(draws, p[test], side="right")) / len(draws)
            found[test] = Adjusted(max(before, share, p[test]), level)
        if not decided:
            break
        before = max(found[test].p for test in decided)
        left = [test for test in left if test not in decided]
    return found


class Chance:
    """What chance alone does to the differences of competitors, drawn once for all tests."""

    def __init__(self, estimates: Estimates) -> None:
        self._rows = {name: row for row, name in enumerate(estimates.names)}
        self._means = estimates.draws(DRAWS)

    def smallest_p(self, pairs: Pairs) -> Floats:
        """Return the smallest p value among `pairs` in each draw, ``(draws,)``."""
        largest = np.zeros(DRAWS)
        for one, other in pairs:
            differences = self._means[:, self._rows[one]] - self._means[:, self._rows[other]]
            spread = differences.std()
            if spread > 0:
                np.maximum(largest, np.abs(differences) / spread, out=largest)
        smallest: Floats = 2 * ndtr(-largest)
        return smallest
