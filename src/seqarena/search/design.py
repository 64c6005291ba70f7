"""The first trials of a study: points spread over its space, alike for all variants.

A dimension is drawn by its name, the repetition and the number of the trial alone: what variants
share is tried alike, and a dimension that one of them adds changes no draw of the others. All are
scrambled Sobol sequences (Sobol' 1967, Owen 1998): of any first 1, 2, 4 or 8 trials each fills its
part of the range, so that a study of fewer trials than the design is spread as well.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
from scipy.stats import qmc

from seqarena.config import Dimension, Range, Scalar
from seqarena.data.store import Array
from seqarena.runs import DESIGNED, Hyperparameters
from seqarena.spaces import COMMON


class Design:
    """The design of one repetition.

    What all variants have is spread by one sequence, whose points fill the space of all of them
    together; each other dimension is spread by itself.
    """

    def __init__(self, seed: int, repetition: int) -> None:
        self.seed, self.repetition = seed, repetition
        self.shared = dict(zip(COMMON, _spread(len(COMMON), [seed, repetition]), strict=True))

    def point(self, space: dict[str, Dimension], number: int) -> Hyperparameters:
        """Return trial `number` (from 1, at most `DESIGNED`): all that is not fixed in a space."""
        return {
            name: _value(dimension, self._share(name, number))
            for name, dimension in space.items()
            if isinstance(dimension, (Range, list))
        }

    def _share(self, name: str, number: int) -> float:
        """Return how far along its dimension a value lies, from 0 to 1."""
        if name in self.shared:
            return float(self.shared[name][number - 1])
        word = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
        (shares,) = _spread(1, [self.seed, self.repetition, word])
        return float(shares[number - 1])


def _spread(dimensions: int, seed: list[int]) -> Array:
    """Return points of a scrambled Sobol sequence from 0 to 1, ``(dimensions, DESIGNED)``."""
    points = qmc.Sobol(dimensions, rng=np.random.default_rng(seed)).random(DESIGNED)
    return np.asarray(points.T)


def _value(dimension: Range | list[Scalar], share: float) -> Scalar:
    if isinstance(dimension, list):
        return dimension[int(share * len(dimension))]
    low, high = dimension.low, dimension.high + dimension.integer  # whole numbers: up to `high`
    if dimension.log:
        value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
    else:
        value = low + share * (high - low)
    return int(value) if dimension.integer else min(value, dimension.high)
