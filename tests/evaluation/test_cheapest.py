"""The cheapest of the best, and the sentence on it: true numbers in plain words."""

from __future__ import annotations

import pytest
from tests.comparisons import compete

from seqarena.evaluation.cheapest import cheapest, sentence
from seqarena.plots.formats import Format
from seqarena.records import Comparison, VariantSummary

Costs = tuple[int, float, float]  # parameters, training seconds, milliseconds
BEST = (90_000, 60.0, 2.0)


def variant(mean: float, costs: Costs) -> VariantSummary:
    parameters, seconds, milliseconds = costs
    return VariantSummary(
        values=(mean, mean),
        mean=mean,
        ci95=(mean, mean),
        parameters=parameters,
        train_seconds=seconds,
        milliseconds=milliseconds,
        test_examples=100,
    )


def cost_sentence(gru: float, costs: Costs, unit: str = "", best: float = 0.9) -> str:
    """The sentence where gru stands against a best lstm."""
    variants = {"lstm": variant(best, BEST), "gru": variant(gru, costs)}
    return sentence(variants, best_set("lstm", "gru"), None, Format([best, gru], unit))


def best_set(*names: str) -> Comparison:
    """A comparison that leaves these, the first the best by mean, without baselines."""
    return Comparison(best=names[0], best_set=names, pairs={}, baselines={}, chances={})


@pytest.mark.parametrize(
    ("costs", "saved"),
    [
        ((80_000, 20.0, 1.8), "a third of its training time"),
        ((80_000, 31.0, 1.8), "a half of its training time"),
        ((80_000, 42.0, 1.8), "0.7 of its training time"),
        ((22_000, 40.0, 2.0), "a quarter of its parameters"),
        ((90_000, 60.0, 0.4), "a fifth of its time per prediction"),
        ((9_000, 60.0, 2.5), "a tenth of its parameters"),
        ((1_800, 60.0, 2.0), "0.02 of its parameters"),
        ((89_000, 59.0, 1.96), "at about its cost"),
    ],
)
def test_what_is_saved_most_is_named(costs: Costs, saved: str) -> None:
    assert (
        cost_sentence(0.896, costs) == f"If it must be one: gru, within 0.004 of the best, {saved}."
    )


def test_the_gap_is_never_told_smaller_than_it_is() -> None:
    third = (90_000, 20.0, 2.0)
    ending = "of the best, a third of its training time."
    assert cost_sentence(0.8958, third) == f"If it must be one: gru, within 0.005 {ending}"
    assert (
        cost_sentence(53.21, third, "rides", 52.0)
        == f"If it must be one: gru, within 1.3 rides {ending}"
    )
    assert cost_sentence(0.9, third) == (
        "If it must be one: gru, level with the best, a third of its training time."
    )


def test_the_best_may_be_the_cheapest() -> None:
    dear = (90_000, 61.0, 2.0)
    assert cost_sentence(0.89, dear) == "If it must be one: lstm, best by mean and cheapest."


def test_nothing_is_said_where_one_alone_is_best() -> None:
    alone = {"lstm": variant(0.9, BEST)}
    assert sentence(alone, best_set("lstm"), None, Format([0.9])) == ""


def test_a_baseline_that_none_is_shown_to_beat_is_to_be_taken() -> None:
    told = "If it must be one: the baseline majority: no variant is shown to be better."
    assert compete({"gru": 0.8, "lstm": 0.801}, {"majority": 0.8})[0].cost == told
    alone = compete({"gru": 0.8, "lstm": 0.5}, {"majority": 0.8})[0]
    assert (alone.ending, alone.cost) == ("baseline not beaten", told)
    assert compete({"gru": 0.5}, {"majority": 0.8})[0].cost == "", "the verdict says it: all lose"


def test_of_the_best_only_those_are_taken_that_beat_the_baseline() -> None:
    variants = {"lstm": variant(0.9, BEST), "gru": variant(0.89, (1, 1.0, 0.1))}
    word = compete({"lstm": 0.9, "gru": 0.9}, {"majority": 0.1})[1].baselines["majority"]
    behind = {"gru": word["gru"].model_copy(update={"word": "not separated"}), "lstm": word["lstm"]}
    comparison = best_set("lstm", "gru").model_copy(update={"baselines": {"majority": behind}})
    assert sentence(variants, comparison, "majority", Format([0.9])) == (
        "If it must be one: lstm, which alone is shown to beat the baseline."
    )


def test_costs_count_by_their_ratios() -> None:
    """One saves nine tenths of the milliseconds, the other a half of the dearer parameters."""
    variants = {
        "lstm": variant(0.9, BEST),
        "small": variant(0.89, (45_000, 60.0, 2.0)),
        "swift": variant(0.88, (90_000, 60.0, 0.2)),
        "poor": variant(0.1, (1, 1.0, 0.01)),
    }
    found = cheapest(variants, ("lstm", "small", "swift"), "lstm")
    assert (found.name, found.best) == ("swift", "lstm")
    assert found.gap == pytest.approx(0.02)
    shares = (found.parameters, found.train_seconds, found.milliseconds)
    assert shares == pytest.approx((1.0, 1.0, 0.1))
    slower = variant(0.88, (90_000, 60.0 * 6, 0.2))
    among = ("lstm", "small", "swift")
    assert cheapest({**variants, "swift": slower}, among, "lstm").name == "small"


def test_of_equally_cheap_ones_the_first_is_taken() -> None:
    variants = {"gru": variant(0.9, BEST), "lstm": variant(0.9, BEST)}
    assert cheapest(variants, ("lstm", "gru"), "lstm").name == "lstm"
