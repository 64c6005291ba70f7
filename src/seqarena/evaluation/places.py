"""Where the best values of a search lie in their ranges."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from scipy.stats import binom

from seqarena.config import Dimension, Range, Scalar
from seqarena.evaluation.tuning_record import Places
from seqarena.runs import StudyResult
from seqarena.spaces import LIMITS, are_names, in_order

EDGE = 0.05  # of a range, that counts as its end
CHANCE = 0.05  # so rarely may as many values as were found lie at an end by chance
SMALLEST = (1.0, math.inf)  # limits of what is a size


def searched(space: Mapping[str, Dimension]) -> dict[str, Dimension]:
    """Return the dimensions of a space that have more than one value."""
    return {name: dimension for name, dimension in space.items() if _count(dimension) > 1}


def places(
    variant: str, studies: Sequence[StudyResult], space: Mapping[str, Dimension]
) -> list[Places]:
    """Find the best trial of each study of a variant in every searched dimension of numbers."""
    return [
        _places(variant, name, dimension, [study.hyperparameters[name] for study in studies])
        for name, dimension in searched(space).items()
        if not are_names(dimension)
    ]


def share(dimension: Dimension, value: Scalar) -> float:
    """Return how far along its dimension a value lies: 0 at the low end, 1 at the high one.

    Names lie along it as they are written.
    """
    if isinstance(dimension, Range):
        low, high, at = dimension.low, dimension.high, float(value)
        if dimension.log:
            low, high, at = math.log(low), math.log(high), math.log(at)
        return min(max((at - low) / (high - low), 0.0), 1.0)
    assert isinstance(dimension, list)
    return in_order(dimension).index(value) / (len(set(dimension)) - 1)


def _places(variant: str, name: str, dimension: Dimension, values: Sequence[Scalar]) -> Places:
    shares = tuple(share(dimension, value) for value in values)
    low, high = _ends(dimension)
    return Places(
        variant=variant,
        hyperparameter=name,
        listed=isinstance(dimension, list),
        low=low,
        high=high,
        shares=shares,
        end=_end(name, dimension, shares),
    )


def _end(name: str, dimension: Dimension, shares: Sequence[float]) -> Literal["", "low", "high"]:
    """Return the end at which most studies found their best value, if it may be moved.

    Of a list of two, one is always ahead: so it has to be more than chance would do.
    """
    near = max(EDGE, 1 / _count(dimension))
    ends: tuple[tuple[Literal["low", "high"], int], ...] = (
        ("low", sum(share <= EDGE for share in shares)),
        ("high", sum(share >= 1 - EDGE for share in shares)),
    )
    limits = LIMITS.get(name, SMALLEST)
    for (end, count), limit, border in zip(ends, limits, _ends(dimension), strict=True):
        chance = float(binom.sf(count - 1, len(shares), near))
        if 2 * count > len(shares) and chance < CHANCE and border != limit:
            return end
    return ""


def _ends(dimension: Dimension) -> tuple[float, float]:
    if isinstance(dimension, Range):
        return dimension.low, dimension.high
    assert isinstance(dimension, list)
    numbers = [float(value) for value in dimension]
    return min(numbers), max(numbers)


def _count(dimension: Dimension) -> float:
    """Return how many values a dimension has."""
    if isinstance(dimension, list):
        return len(set(dimension))
    if not isinstance(dimension, Range):
        return 1
    if dimension.integer:
        return dimension.high - dimension.low + 1
    return math.inf if dimension.high > dimension.low else 1
