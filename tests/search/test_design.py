"""What is tried first: alike for all variants, spread out, and the same whatever else is tried."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from seqarena.config import Dimension, Range
from seqarena.runs import DESIGNED
from seqarena.search.design import Design
from seqarena.spaces import COMMON

Space = dict[str, Dimension]
SPACE: Space = {
    "learning_rate": Range(low=1e-3, high=1e-1, log=True),
    "width": [8, 16],
    "dropout": Range(low=0.0, high=0.5),
    "patch": 4,
    "kernel": Range(low=3, high=9, integer=True),
}
NUMBERS = range(1, DESIGNED + 1)


def points(space: Space, repetition: int = 1, seed: int = 0) -> list[dict[str, object]]:
    design = Design(seed, repetition)
    return [dict(design.point(space, number)) for number in NUMBERS]


def test_a_dimension_that_a_variant_adds_changes_no_draw_of_the_others() -> None:
    more: Space = {"attention": [16, 32, 64], **SPACE, "layers": Range(low=1, high=4, integer=True)}
    for few, many in zip(points(SPACE), points(more), strict=True):
        assert few.items() <= many.items()
    reordered = dict(reversed(SPACE.items()))
    assert points(reordered) == points(SPACE)


@pytest.mark.parametrize("other", [{"repetition": 2}, {"seed": 1}])
def test_repetitions_and_seeds_draw_anew_and_repeat_themselves(other: dict[str, int]) -> None:
    assert points(SPACE) == points(SPACE) != points(SPACE, **other)


def test_values_lie_within_their_dimension_and_fixed_ones_are_not_drawn() -> None:
    for repetition in range(1, 40):
        for point in points(SPACE, repetition):
            assert point.keys() == SPACE.keys() - {"patch"}
            assert 1e-3 <= float(str(point["learning_rate"])) <= 1e-1
            assert point["width"] in (8, 16)
            assert point["kernel"] in range(3, 10)


@pytest.mark.parametrize("name", [*COMMON, "embedding_std"])
def test_each_dimension_is_tried_in_every_part(name: str) -> None:
    """The range cut in as many parts as there are trials: one in each, of the first few as well."""
    for repetition in range(1, 20):
        values = [p[name] for p in points({name: Range(low=0.0, high=1.0)}, repetition)]
        for count in (2, 4, DESIGNED):
            parts = sorted(math.floor(float(str(value)) * count) for value in values[:count])
            assert parts == list(range(count))


def test_what_all_variants_have_is_spread_over_all_of_it_together() -> None:
    """No two of the shared dimensions go up and down together over the repetitions."""
    for one, other in pairwise(COMMON):
        space: Space = {name: Range(low=-1.0, high=1.0) for name in (one, other)}
        signs = [
            float(str(p[one])) * float(str(p[other])) > 0
            for repetition in range(1, 40)
            for p in points(space, repetition)
        ]
        assert 0.35 < sum(signs) / len(signs) < 0.65


def test_a_choice_is_tried_as_often_as_the_others() -> None:
    widths = [p["width"] for p in points(SPACE)]
    assert widths.count(8) == widths.count(16) == DESIGNED / 2
