"""The statistics behind a verdict: against hand-worked examples, and by simulation."""

import numpy as np
import pytest
from scipy import stats

from seqarena.errors import InputError
from seqarena.evaluation.statistics import (
    compare,
    crossed_error,
    hedges_g,
    holm,
    mean_interval,
)


def crossed(random, over_seeds, over_examples, rest, seeds=3, examples=100):
    """Differences whose true mean is 0, with a spread of each kind."""
    return (
        over_seeds * random.standard_normal((seeds, 1))
        + over_examples * random.standard_normal((1, examples))
        + rest * random.standard_normal((seeds, examples))
    )


def test_mean_interval_by_hand():
    # sd 0.02, standard error 0.02 / sqrt(3), t(2) 4.3027: half a width of 0.0497.
    mean, (low, high) = mean_interval([0.90, 0.92, 0.94])
    assert mean == pytest.approx(0.92)
    assert (low, high) == pytest.approx((0.8703, 0.9697), abs=1e-4)


def test_mean_interval_of_identical_values_is_a_point():
    assert mean_interval([0.5, 0.5, 0.5]) == (0.5, (0.5, 0.5))


def test_mean_interval_ends_where_a_metric_does():
    # sd 0.2099, standard error 0.1212, t(2) 4.3027: from 0.285 to 1.328.
    _, share = mean_interval([0.57, 0.88, 0.97], (0.0, 1.0))
    assert share == pytest.approx((0.285, 1.0), abs=1e-3)
    _, error = mean_interval([0.57, 0.88, 0.97], (float("inf"), 0.5))
    assert error == pytest.approx((0.5, 1.328), abs=1e-3)


@pytest.mark.parametrize("values", [[0.5], [0.5, float("nan")]])
def test_mean_interval_refuses(values):
    with pytest.raises(InputError, match="two or more finite"):
        mean_interval(values)


def test_holm_against_a_known_table():
    # p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm") in R
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_hedges_g_by_hand():
    assert hedges_g(np.array([1.0, 2.0, 3.0])) == pytest.approx(2 * (1 - 3 / 7))
    assert hedges_g(np.zeros(3)) == 0.0
    assert hedges_g(np.full(3, 0.1)) is None


def test_crossed_error_is_clarks_min_f():
    random = np.random.default_rng(0)
    differences = 0.3 + crossed(random, 0.3, 1.0, 1.0, seeds=4, examples=30)
    f1 = stats.ttest_1samp(differences.mean(axis=1), 0).statistic ** 2
    f2 = stats.ttest_1samp(differences.mean(axis=0), 0).statistic ** 2
    error, free = crossed_error(differences)
    assert (differences.mean() / error) ** 2 == pytest.approx(f1 * f2 / (f1 + f2))
    assert free == pytest.approx((f1 + f2) ** 2 / (f1**2 / 29 + f2**2 / 3))


@pytest.mark.parametrize(
    "spread", [(1.0, 1.0, 0.5), (0.02, 10.0, 1.0), (0.0, 0.5, 10.0), (1.0, 6.0, 10.0)]
)
def test_interval_covers_the_truth_whatever_varies_most(spread):
    random = np.random.default_rng(1)
    covered = 0
    for _ in range(400):
        differences = crossed(random, *spread)
        error, free = crossed_error(differences)
        covered += abs(differences.mean()) <= stats.t.ppf(0.975, free) * error
    assert covered / 400 >= 0.93


def test_seeds_alone_would_miss_the_sampling_of_the_test_set():
    random = np.random.default_rng(2)
    wrong = {"p": 0, "p_seeds": 0}
    for _ in range(100):
        worse = random.standard_normal((3, 50))
        scores = {"a": worse, "b": worse + crossed(random, 0.02, 2.0, 0.2, examples=50)}
        pair = next(iter(compare(scores, True, 0).pairs.values()))
        wrong["p"] += pair.p < 0.05
        wrong["p_seeds"] += pair.p_seeds < 0.05
    assert wrong["p"] <= 10 < 30 < wrong["p_seeds"]


def test_a_true_best_is_seldom_left_out():
    random = np.random.default_rng(3)
    left_out = 0
    for _ in range(100):
        shared = random.standard_normal(40)
        scores = {name: shared + crossed(random, 0.1, 0.5, 0.5, examples=40) for name in "abcdef"}
        left_out += "a" not in compare(scores, True, 0).best_set
    assert left_out <= 8


@pytest.mark.parametrize(("greater", "best"), [(True, "high"), (False, "low")])
def test_direction_and_sign(greater, best):
    random = np.random.default_rng(4)
    low = random.normal(1.0, 0.1, (3, 60))
    scores = {"low": low, "high": low + random.normal(1.0, 0.05, (3, 60))}
    found = compare(scores, greater, 0, baselines={"none": 0.0})
    (other,) = scores.keys() - {best}
    assert (found.best, found.best_set) == (best, (best,))
    assert found.pairs[other].difference == pytest.approx(-1.0 if greater else 1.0, abs=0.05)
    assert found.top_share == {best: 1.0, other: 0.0}
    assert found.baselines["none"]["low"].difference == pytest.approx(low.mean())


def test_identical_variants_are_both_best_and_share_the_top():
    same = np.random.default_rng(5).random((3, 20))
    found = compare({"a": same, "b": same.copy()}, True, 0)
    pair = found.pairs["b"]
    assert found.best_set == ("a", "b")
    assert (pair.difference, pair.p, pair.p_seeds, pair.effect_size) == (0.0, 1.0, 1.0, 0.0)
    assert found.top_share == {"a": 0.5, "b": 0.5}


def test_a_constant_difference_is_certain():
    found = compare({"a": np.full((3, 9), 0.3), "b": np.full((3, 9), 0.1)}, True, 0)
    assert found.pairs["b"].p == 0.0
    assert found.pairs["b"].ci95 == pytest.approx((-0.2, -0.2))


def test_groups_count_as_one_draw_each():
    random = np.random.default_rng(6)
    days = random.standard_normal((1, 10)) + 0.05 * random.standard_normal((3, 10))
    scores = {"a": np.zeros((3, 10)), "b": days}
    hours = {name: np.repeat(values, 24, axis=1) for name, values in scores.items()}
    groups = np.repeat(np.arange(10), 24).tolist()
    by_day, by_group = compare(scores, True, 0), compare(hours, True, 0, groups=groups)
    other = next(iter(by_day.pairs))
    assert by_group.pairs[other].p == pytest.approx(by_day.pairs[other].p)
    assert compare(hours, True, 0).pairs[other].p < by_day.pairs[other].p


def test_same_seed_same_comparison():
    random = np.random.default_rng(7)
    scores = {name: random.random((3, 30)) for name in "abc"}
    found = compare(scores, True, 11, baselines={"flat": random.random(30)})
    assert found.top_share == compare(scores, True, 11).top_share
    assert found.top_share != compare(scores, True, 12).top_share


@pytest.mark.parametrize(
    ("scores", "options", "message"),
    [
        ({}, {}, "at least one variant"),
        ({"a": np.zeros((1, 5))}, {}, r"scores\.a: expected \(2 or more seeds"),
        ({"a": np.zeros((3, 5)), "b": np.zeros((3, 4))}, {}, r"scores\.b: expected \(3, 5\)"),
        ({"a": np.full((3, 5), np.nan)}, {}, r"scores\.a: expected finite"),
        ({"a": np.zeros((3, 5))}, {"baselines": {"x": np.zeros(4)}}, r"baselines\.x: .*\(5,\)"),
        ({"a": np.zeros((3, 5))}, {"groups": [0, 1]}, "groups: expected 5"),
    ],
)
def test_bad_scores_are_named(scores, options, message):
    with pytest.raises(InputError, match=message):
        compare(scores, True, 0, **options)
