"""What is known of each competitor's score: against hand-worked examples, and by simulation."""

import numpy as np
import pytest
from scipy import stats

from seqarena.errors import InputError
from seqarena.evaluation.estimates import Estimates
from seqarena.evaluation.moderation import moderated

ANY = (-np.inf, np.inf)
SHARE = (0.0, 1.0)


def crossed(random, over_repetitions, over_groups, rest, repetitions=5, groups=100):
    """Units whose true mean is 0, with a spread of each kind."""
    return (
        over_repetitions * random.standard_normal((repetitions, 1))
        + over_groups * random.standard_normal((1, groups))
        + rest * random.standard_normal((repetitions, groups))
    )


def test_a_difference_has_the_error_of_both_chances():
    random = np.random.default_rng(0)
    a, b = (crossed(random, 1.0, 1.0, 1.0, 4, 30) for _ in "ab")
    found = Estimates.of({"a": a, "b": b}, {}, ANY).difference("a", "b")
    over_repetitions = (a.mean(1).var(ddof=1) + b.mean(1).var(ddof=1)) / 4
    over_groups = (a - b).mean(0).var(ddof=1) / 30
    for units in (a, b):  # what both chances hold, once: the mean square of what is left of both
        left = units - units.mean(0) - units.mean(1, keepdims=True) + units.mean()
        over_groups -= (left**2).sum() / (3 * 29) / (4 * 30)
    over_groups += (2 * found.value / 31) ** 2  # the group that was not tested
    assert found.value == pytest.approx(a.mean() - b.mean())
    assert found.over_groups == pytest.approx((over_groups, 29))
    free = over_repetitions**2 / sum((x.mean(1).var(ddof=1) / 4) ** 2 / 3 for x in (a, b))
    assert found.over_repetitions == pytest.approx((over_repetitions, free))
    half = (
        over_repetitions * stats.t.ppf(0.975, free) ** 2 + over_groups * stats.t.ppf(0.975, 29) ** 2
    )
    assert found.half_width(0.05) == pytest.approx(half**0.5)
    assert found.half_width(found.p) == pytest.approx(abs(found.value))


def test_a_baseline_varies_by_groups_alone():
    units = np.random.default_rng(1).normal(0.6, 0.2, 50)
    estimates = Estimates.of(
        {"a": crossed(np.random.default_rng(2), 1, 1, 1, 3, 50)}, {"b": units}, ANY
    )
    found = estimates.mean("b")
    assert (found.value, found.over_repetitions.variance) == (pytest.approx(units.mean()), 0.0)
    assert found.over_groups == pytest.approx((units.var(ddof=1) / 50, 49))


def test_what_all_find_hard_does_not_blur_a_difference():
    random = np.random.default_rng(3)
    hard = 10 * random.standard_normal(200)
    units = {name: hard + crossed(random, 0.01, 0.1, 0.1, 3, 200) for name in "ab"}
    estimates = Estimates.of(units, {}, ANY)
    assert estimates.difference("a", "b").error < 0.05 < 0.5 < estimates.mean("a").error


@pytest.mark.parametrize(("groups", "low"), [(3, 0.0), (30, 0.91), (300, 0.99)])
def test_all_right_is_no_proof_of_always_right(groups, low):
    interval = Estimates.of({"a": np.ones((3, groups))}, {}, SHARE).interval("a")
    assert interval == (pytest.approx(low, abs=0.004), 1.0)


@pytest.mark.parametrize(("groups", "certain"), [(1, False), (2, False), (3, False), (12, True)])
def test_few_groups_that_agree_decide_nothing(groups, certain):
    """Three of three by chance alone: a sign test of them has p = 0.25."""
    units = {"a": np.ones((3, groups)), "b": np.zeros((3, groups))}
    p = Estimates.of(units, {}, ANY).difference("a", "b").p
    assert (p < 0.05) == certain
    assert p > 0


@pytest.mark.parametrize(
    "spread", [(1.0, 1.0, 0.5), (0.02, 10.0, 1.0), (0.0, 0.5, 10.0), (1.0, 6.0, 10.0)]
)
def test_intervals_cover_the_truth_whatever_varies_most(spread):
    random = np.random.default_rng(4)
    covered = 0
    for _ in range(400):
        units = {name: crossed(random, *spread) for name in "abcd"}
        low, high = Estimates.of(units, {}, ANY).interval("a")
        covered += low <= 0 <= high
    assert covered / 400 >= 0.93


def test_variances_that_are_alike_are_drawn_together():
    variances = np.array([1.0, 1.4, 0.7, 1.1, 0.9])
    drawn, free = moderated(variances, 4)
    assert np.ptp(drawn) < 0.6 * np.ptp(variances)
    assert free.tolist() == [8.0] * 5


@pytest.mark.parametrize(
    "variances", [[1.0, 1.2, 0.9, 1.1, 60.0], [1.0, 2.0], [0.0, 1.0, 1.1]], ids=str
)
def test_variances_that_differ_stay_as_they_are(variances):
    drawn, free = moderated(np.array(variances), 4)
    assert drawn.tolist() == variances
    assert free.tolist() == [4.0] * len(variances)


def test_chance_of_being_ahead():
    random = np.random.default_rng(5)
    near, far = crossed(random, 1.0, 0.0, 0.0), crossed(random, 1.0, 0.0, 0.0)
    estimates = Estimates.of({"a": near, "b": near.copy(), "c": far + 10.0}, {}, ANY)
    assert estimates.chance("a", "b")[0] == 0.5
    middle, (low, high) = estimates.chance("c", "a")
    assert 0.9 < low < middle <= high <= 1.0
    assert estimates.chance("b", "c")[0] == pytest.approx(1 - middle)
    assert estimates.chance("a", "c")[0] == pytest.approx(1 - middle)


def test_chance_of_being_ahead_is_met():
    """Of new repetitions on new groups, as many are ahead as was said."""
    random = np.random.default_rng(6)
    shares, covered = [], 0
    for _ in range(300):
        units = {"a": 0.5 + crossed(random, 0.5, 2.0, 1.0), "b": crossed(random, 0.5, 2.0, 1.0)}
        middle, (low, high) = Estimates.of(units, {}, ANY).chance("a", "b")
        shares.append(middle)
        spread = (2 * (0.25 + 1 / 100) + 2 * 4 / 100) ** 0.5
        covered += low <= stats.norm.cdf(0.5 / spread) <= high
    assert np.median(shares) == pytest.approx(stats.norm.cdf(0.5 / spread), abs=0.04)
    assert covered / 300 >= 0.93


@pytest.mark.parametrize(
    ("variants", "baselines", "message"),
    [
        ({}, {}, "at least one variant"),
        ({"a": np.zeros((1, 5))}, {}, r"scores\.a: expected \(2 or more repetitions"),
        ({"a": np.zeros((3, 5)), "b": np.zeros((3, 4))}, {}, r"scores\.b: expected \(3, 5\)"),
        ({"a": np.full((3, 5), np.nan)}, {}, r"scores\.a: expected finite"),
        ({"a": np.zeros((3, 5))}, {"x": np.zeros(4)}, r"baselines\.x: expected \(5,\)"),
    ],
)
def test_bad_scores_are_named(variants, baselines, message):
    with pytest.raises(InputError, match=message):
        Estimates.of(variants, baselines, ANY)
