"""The best set and the words: right by hand and, as often as promised, by simulation."""

import numpy as np
import pytest

from seqarena.evaluation.compare import compare
from seqarena.evaluation.estimates import Estimates
from seqarena.evaluation.step_down import Chance, step_down


def found(variants, baselines=None, sign=1, margin=None):
    estimates = Estimates.of(variants, baselines or {}, (-sign * np.inf, sign * np.inf))
    return compare(estimates, list(variants), margin)


def contest(random, means, over_repetitions=0.02, over_groups=0.2, repetitions=5, groups=300):
    """Units of variants with these true means, on the same groups."""
    hard = 0.3 * random.standard_normal(groups)
    return {
        name: mean
        + over_repetitions * random.standard_normal((repetitions, 1))
        + hard
        + over_groups * random.standard_normal(groups)
        + 0.2 * random.standard_normal((repetitions, groups))
        for name, mean in means.items()
    }


@pytest.mark.parametrize("count", [2, 5, 9])
def test_equal_variants_are_seldom_told_apart(count):
    """The best is chosen after the fact, and still no more than 5 in 100 are wrong."""
    random = np.random.default_rng(count)
    means = dict.fromkeys("abcdefghi"[:count], 0.0)
    wrong = sum(len(found(contest(random, means)).best_set) < count for _ in range(200))
    assert wrong / 200 <= 0.05


def test_the_true_best_stays_in_the_set():
    random = np.random.default_rng(1)
    means = {"a": 0.02, "b": 0.02, "c": 0.0, "d": 0.0, "e": -0.1}
    sets = [found(contest(random, means)).best_set for _ in range(200)]
    assert sum(not {"a", "b"} <= set(best) for best in sets) / 200 <= 0.05
    assert sum("e" in best for best in sets) / 200 <= 0.05


def test_clear_losers_do_not_hide_what_is_close():
    """Each step is made against those that are left: of six far behind, none counts at the end."""
    random = np.random.default_rng(2)
    close = {"a": 0.06, "b": 0.0}
    losers = dict.fromkeys("cdefgh", -2.0)
    together = alone = 0
    for _ in range(60):
        units = contest(random, {**close, **losers})
        together += "b" not in found(units).best_set
        alone += "b" not in found({name: units[name] for name in close}).best_set
    assert alone - 6 <= together <= alone + 3
    assert alone >= 20


@pytest.mark.parametrize(("sign", "best", "word"), [(1, "high", "better"), (-1, "low", "worse")])
def test_direction_and_sign(sign, best, word):
    random = np.random.default_rng(3)
    units = contest(random, {"low": 1.0, "high": 2.0})
    comparison = found(units, {"none": np.zeros(300)}, sign)
    (other,) = units.keys() - {best}
    assert (comparison.best, comparison.best_set) == (best, (best,))
    pair = comparison.pairs[other]
    assert pair.difference == pytest.approx(-sign, abs=0.2)
    assert pair.word == "worse"
    assert pair.chance < 0.01
    assert comparison.baselines["none"]["low"].word == word
    assert comparison.chances[best][other] == pytest.approx(1 - pair.chance)


def test_interval_and_p_agree():
    random = np.random.default_rng(4)
    for _ in range(50):
        means = dict(zip("abcde", random.normal(0, 0.06, 5), strict=True))
        comparison = found(contest(random, means), {"x": np.zeros(300)})
        pairs = [*comparison.pairs.values(), *comparison.baselines["x"].values()]
        for pair in pairs:
            low, high = pair.interval
            assert pair.decided == (low > 0 or high < 0) == (pair.p_adjusted < 0.05)
            assert pair.p <= pair.p_adjusted


def test_a_margin_tells_equal_from_unknown():
    random = np.random.default_rng(5)
    units = contest(random, {"a": 0.0, "b": 0.0}, 0.001, 0.001)
    noisy = contest(random, {"a": 0.0, "b": 0.0}, 0.3)
    words = [
        next(iter(found(each, margin=margin).pairs.values())).word
        for each, margin in ((units, None), (units, 0.1), (noisy, 0.1))
    ]
    assert words == ["not separated", "equivalent", "not separated"]


def test_a_difference_that_does_not_matter_leaves_a_variant_among_the_best():
    random = np.random.default_rng(6)
    units = contest(random, {"a": 0.05, "b": 0.0}, 0.001, 0.001)
    pair = found(units, margin=0.2).pairs["b"]
    assert (pair.decided, pair.word) == (True, "equivalent")
    assert found(units, margin=0.2).best_set == ("a", "b")


def measured(units, means):
    """Move units so that their means are these."""
    return {name: each - each.mean() + means[name] for name, each in units.items()}


def test_the_planned_repetitions_do_separate():
    random = np.random.default_rng(7)
    means = {"a": 0.03, "b": 0.0}
    first = [measured(contest(random, means, 0.03, 0.01), means) for _ in range(40)]
    pairs = [found(units).pairs["b"] for units in first]
    needed = int(np.median([pair.repetitions for pair in pairs if pair.repetitions]))
    assert 10 < needed < 40
    again = [found(contest(random, means, 0.03, 0.01, needed)) for _ in range(200)]
    assert 0.65 <= np.mean([len(each.best_set) == 1 for each in again]) <= 0.95


def test_what_repetitions_cannot_separate_groups_may():
    random = np.random.default_rng(8)
    means = {"a": 0.03, "b": 0.0}
    units = contest(random, means, 0.0001, 0.4, groups=100)
    pair = found(measured(units, means)).pairs["b"]
    assert pair.repetitions is None
    again = [found(contest(random, means, 0.0001, 0.4, groups=pair.groups)) for _ in range(100)]
    assert 0.65 <= np.mean([len(each.best_set) == 1 for each in again]) <= 0.95


def test_visible_gaps_are_seen_four_times_in_five():
    random = np.random.default_rng(9)
    (pair,) = found(contest(random, {"a": 0.0, "b": 0.0})).pairs.values()
    means = {"a": pair.visible, "b": 0.0}
    seen = np.mean([len(found(contest(random, means)).best_set) == 1 for _ in range(150)])
    assert 0.6 <= seen <= 0.95


def test_a_gap_that_the_metric_cannot_have_is_not_called_visible():
    random = np.random.default_rng(0)
    scores = {name: random.random((2, 8)).round() for name in "ab"}
    (pair,) = compare(Estimates.of(scores, {}, (0.0, 1.0)), list("ab"), None).pairs.values()
    assert pair.visible is None
    (unbound,) = compare(Estimates.of(scores, {}, (0.0, np.inf)), list("ab"), None).pairs.values()
    assert unbound.visible > 1


@pytest.mark.parametrize("groups", [1, 2, 3, 4])
def test_of_a_few_groups_without_bounds_no_gap_is_visible_and_none_overflows(groups):
    """A perfect baseline of a series of a few days: each larger gap would need a larger one."""
    random = np.random.default_rng(groups)
    for _ in range(20):
        units = {"a": 1 + random.random((2, groups))}
        compared = found(units, {"perfect": np.zeros(groups)}, sign=-1)
        assert compared.baselines["perfect"]["a"].visible is None or groups > 2


def test_identical_variants_are_not_separated():
    same = np.random.default_rng(10).random((3, 20))
    pair = found({"a": same, "b": same.copy()}).pairs["b"]
    assert (pair.difference, pair.p, pair.word, pair.chance) == (0.0, 1.0, "not separated", 0.5)
    assert (pair.repetitions, pair.groups) == (None, None)


def test_one_step_of_two_tests_is_the_larger_of_two_normals():
    units = {name: np.random.default_rng(n).random((2, 2000)) for n, name in enumerate("abcd")}
    chance = Chance(Estimates.of(units, {}, (-np.inf, np.inf)))
    adjusted = step_down({("a", "b"): 0.04, ("c", "d"): 0.9}, chance.smallest_p)
    assert adjusted["a", "b"].p == pytest.approx(1 - 0.96**2, abs=0.006)
    assert adjusted["a", "b"].level == pytest.approx(1 - 0.95**0.5, abs=0.003)


def test_same_units_same_comparison():
    units = contest(np.random.default_rng(11), dict.fromkeys("abc", 0.0))
    assert found(units) == found({name: each.copy() for name, each in units.items()})
