"""Each remark where it is true, word for word, and silence where it is not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from seqarena.config import Protocol
from seqarena.evaluation.evidence import Course, Evidence, Losses
from seqarena.evaluation.learning import never_left_chance, not_all_seen, overfit, still_learning
from seqarena.evaluation.remarks import (
    best_at_end,
    classes_absent,
    more_trials,
    preview,
    remarks,
    small_test,
)
from seqarena.evaluation.tuning_record import ExpectedBest, Places, Tuning
from seqarena.records import BaselineSummary, Summary, VariantSummary
from seqarena.runs import Final
from seqarena.tasks.metric import ERROR, PERPLEXITY, SHARE, Bounds

EPOCHS = 8
SETTLED = (0.3, 0.5, 0.6, 0.7, 0.75, 0.79, 0.8, 0.8)
FALLING = tuple(Losses(1.0 - 0.1 * n, 1.02 - 0.1 * n) for n in range(EPOCHS))


def course(
    curve: Sequence[float] = SETTLED,
    losses: Sequence[Losses] = FALLING,
    tested: float = 0.8,
    best: int = EPOCHS - 1,
) -> Course:
    final = Final(
        variant="gru",
        repetition=1,
        seed=1,
        run="run",
        parameters=1,
        train_seconds=1.0,
        steps=1,
        best_epoch=best,
        score=curve[best - 1],
        loss=1.0,
        curve=tuple(enumerate(curve, start=1)),
    )
    return Course(final, dict(enumerate(losses, start=1)), tested)


def summary_of(values: dict[str, Sequence[float]], baselines: dict[str, float]) -> Summary:
    variants = {
        name: VariantSummary(
            values=tuple(own),
            mean=sum(own) / len(own),
            ci95=(0.0, 1.0),
            parameters=1,
            train_seconds=1.0,
            milliseconds=1.0,
            test_examples=500,
        )
        for name, own in values.items()
    }
    return Summary(
        metric="accuracy",
        greater_is_better=True,
        baselines={
            name: BaselineSummary(value=value, ci95=(value, value), seconds=1.0)
            for name, value in baselines.items()
        },
        variants=variants,
        verdict="gru is best.",
        ending="gru wins",
        cost="",
    )


def tuning_of(*expected: ExpectedBest, places: Sequence[Places] = ()) -> Tuning:
    return Tuning(
        metric="accuracy",
        trials=2,
        spent=(),
        expected=expected,
        importances=(),
        places=tuple(places),
    )


def rising(variant: str, *expected: float) -> ExpectedBest:
    return ExpectedBest(variant=variant, expected=expected, low=expected, high=expected)


def place(variant: str, name: str, end: Any, listed: bool = False) -> Places:
    return Places(
        variant=variant, hyperparameter=name, listed=listed, low=0, high=1, shares=(1,), end=end
    )


@pytest.fixture
def enough() -> Evidence:
    """An experiment with a budget that leaves nothing to be wished for."""
    courses = [course(), course(tuple(value + 0.01 for value in SETTLED))]
    values = {"gru": (0.804, 0.806), "lstm": (0.70, 0.71), "rnn": (0.60, 0.61)}
    return Evidence(
        protocol=Protocol(name="standard", epochs=EPOCHS),
        bounds=SHARE,
        summary=summary_of(values, {"majority": 0.2, "strong": 0.7}),
        best="gru",
        visible=0.03,
        repetitions_help=False,
        groups=500,
        examples=4000,
        courses=dict.fromkeys(values, courses),
        constants={"majority": 0.2},
        tuning=tuning_of(rising("gru", 0.7, 0.75, 0.76, 0.77), rising("lstm", 0.7)),
        absent={},
    )


def test_where_all_is_well_nothing_is_said(enough: Evidence) -> None:
    assert remarks(enough) == ()


def test_a_preview_says_so_first(enough: Evidence) -> None:
    protocol = Protocol(name="preview", repetitions=3, trials=4, epochs=EPOCHS)
    told = (
        "This is a preview (3 repetitions of 4 trials): `seqarena run --protocol standard` "
        "goes on from here."
    )
    few = replace(enough, protocol=protocol, groups=3)
    assert remarks(few)[0] == preview(few) == told
    assert len(remarks(few)) == 2
    assert preview(replace(enough, protocol=Protocol(name=None))) is None


LATE = (0.3, 0.4, 0.5, 0.55, 0.6, 0.62, 0.66, 0.7)


def test_trainings_that_never_saw_all_of_train(enough: Evidence) -> None:
    protocol = enough.protocol.model_copy(update={"epoch_examples": 300})
    assert not_all_seen(replace(enough, protocol=protocol)) == (
        "No training saw more than 2,400 of 4,000 examples of train, baselines all: "
        "raise `protocol.epochs` to 14."
    )
    assert not_all_seen(replace(enough, protocol=protocol, examples=2400)) is None
    assert not_all_seen(replace(enough, protocol=protocol, examples=None)) is None, "of windows"


def test_finals_that_still_learn_at_the_last_epoch(enough: Evidence) -> None:
    late = course(LATE, best=EPOCHS)
    short = replace(enough, courses={**enough.courses, "lstm": [late, late, course()]})
    told = "2 of 3 finals of lstm were still learning at the last epoch: raise `protocol.epochs`."
    assert still_learning(short) == told
    every = still_learning(replace(enough, courses={v: [late, late] for v in enough.courses}))
    assert every is not None and every.startswith("6 of 6 finals of every variant were")
    few = replace(enough, courses={"lstm": [late, course(), course()]})
    assert still_learning(few) is None, "most finals decide"


def test_the_last_epoch_is_the_best_by_a_hair_where_the_rate_falls_to_zero(
    enough: Evidence,
) -> None:
    hair = course((*SETTLED[:-1], 0.801), best=EPOCHS)
    assert still_learning(replace(enough, courses={"gru": [hair, hair]})) is None


@pytest.mark.parametrize(
    "courses",
    [
        [course(LATE, best=EPOCHS - 1)] * 2,  # a fall at the end
        [course(LATE, best=EPOCHS), course(tuple(v - 0.2 for v in LATE), best=EPOCHS)],  # apart
        [course(LATE[:5], best=5)] * 2,  # ended before its budget
    ],
)
def test_who_is_not_said_to_learn_on(enough: Evidence, courses: list[Course]) -> None:
    assert still_learning(replace(enough, courses={"gru": courses})) is None


def test_a_gain_counts_from_the_smallest_that_is_visible(enough: Evidence) -> None:
    late = {"gru": [course(LATE, best=EPOCHS)] * 2}  # 0.08 in the last quarter
    assert still_learning(replace(enough, courses=late, visible=0.09)) is None
    assert still_learning(replace(enough, courses=late, visible=0.07))
    assert still_learning(replace(enough, courses=late, visible=None))


def test_an_error_that_still_falls(enough: Evidence) -> None:
    falling = course(tuple(1 - value for value in LATE), best=EPOCHS)
    assert still_learning(replace(enough, bounds=ERROR, courses={"gru": [falling] * 2}))
    rising = course(LATE, best=EPOCHS)
    assert still_learning(replace(enough, bounds=ERROR, courses={"gru": [rising] * 2})) is None


def test_finals_that_never_left_chance(enough: Evidence) -> None:
    stuck, learned = course(tested=0.205), course(tested=0.3)
    courses = {"gru": [learned], "rnn": [stuck, stuck], "lstm": [stuck, learned]}
    assert never_left_chance(replace(enough, courses=courses)) == (
        "Both finals of rnn and 1 of 2 finals of lstm did no better than a constant prediction: "
        "widen `space.learning_rate` or raise `protocol.epochs`."
    )


@pytest.mark.parametrize(
    ("metric", "constants", "tested", "stuck"),
    [
        (SHARE, {"majority": 0.2}, 0.1, True),
        (SHARE, {"majority": 0.2}, 0.21, False),
        (SHARE, {"common": 0.0, "majority": 0.5}, 0.3, False),  # the weakest decides
        (SHARE, {"common_tokens": 0.0}, 0.0, True),
        (SHARE, {"majority": 1.0}, 1.0, False),  # nothing is better
        (PERPLEXITY, {"unigram": 400.0}, 398.0, True),
        (PERPLEXITY, {"unigram": 400.0}, 300.0, False),
        (PERPLEXITY, {"unigram": math.inf}, 300.0, False),
    ],
)
def test_chance_is_what_a_constant_prediction_comes_to(
    enough: Evidence, metric: Bounds, constants: dict[str, float], tested: float, stuck: bool
) -> None:
    courses = {"gru": [course(tested=tested)]}
    found = never_left_chance(replace(enough, bounds=metric, constants=constants, courses=courses))
    assert (found is not None) == stuck


def test_without_a_constant_baseline_the_loss_on_train_tells(enough: Evidence) -> None:
    flat = [Losses(1.0 - 0.001 * n, 1.0) for n in range(EPOCHS)]
    without = replace(enough, constants={}, courses={"gru": [course(losses=flat)]})
    assert never_left_chance(without)
    assert never_left_chance(replace(without, courses={"gru": [course()]})) is None
    assert never_left_chance(replace(without, courses={"gru": [course(losses=())]})) is None


def test_best_values_at_an_end_name_the_key_to_widen(enough: Evidence) -> None:
    places = [
        place("gru", "learning_rate", "high"),
        place("lstm", "learning_rate", "high"),
        place("gru", "width", "low", listed=True),
        place("lstm", "width", "", listed=True),
    ]
    assert best_at_end(replace(enough, tuning=tuning_of(places=places))) == (
        "Best values lie at an end of what was searched, learning rate at the upper end of its "
        "range in every variant and width at the smallest of its list in gru: widen "
        "`space.learning_rate` and `space.width`."
    )
    assert best_at_end(replace(enough, tuning=tuning_of(places=places[3:]))) is None


def test_twice_the_trials_where_they_would_bring_what_can_be_seen(enough: Evidence) -> None:
    curves = rising("gru", 0.6, 0.8, 0.85, 0.9), rising("lstm", 0.6, 0.8, 0.8, 0.82)
    rises = replace(enough, tuning=tuning_of(*curves))
    assert more_trials(rises) == (
        "Twice the trials may bring gru 0.095, more than the smallest visible gap, 0.030: raise "
        "`protocol.trials`."
    )
    assert more_trials(replace(rises, visible=0.2)) is None
    assert more_trials(replace(rises, visible=None)) is None
    short = tuning_of(rising("gru", 0.6, 0.8, 0.9))
    assert more_trials(replace(enough, tuning=short)) is None, "twice the trials are not known"
    lucky = tuning_of(rising("gru", 0.4, 0.6, 0.7, 0.8))  # finals are at 0.8
    assert more_trials(replace(enough, tuning=lucky)) is None, "the search has found as much"


def test_a_test_split_of_few_groups(enough: Evidence) -> None:
    assert small_test(replace(enough, groups=14)) == (
        "The test split has 14 independent groups, and 30 are the fewest to judge by: add groups "
        "to test; more repetitions do not help."
    )
    assert small_test(replace(enough, groups=1)) == (
        "The test split has 1 independent group, and 30 are the fewest to judge by, so that "
        "intervals hold the chance of repetitions alone: add groups to test; more repetitions do "
        "not help."
    )
    assert small_test(replace(enough, groups=14, repetitions_help=True)) == (
        "The test split has 14 independent groups, and 30 are the fewest to judge by: add groups "
        "to test."
    )
    assert small_test(replace(enough, groups=30)) is None


def test_a_test_split_too_coarse_for_what_is_compared(enough: Evidence) -> None:
    coarse = replace(enough, visible=0.11)
    assert small_test(coarse) == (
        "With 500 independent groups in test no gap below 0.110 can be seen, and all that is "
        "compared lies within 0.200: add examples to test; more repetitions do not help."
    )
    assert small_test(replace(enough, visible=0.09)) is None
    assert small_test(replace(enough, visible=None)) is None
    said = replace(coarse, repetitions_help=True)
    assert small_test(said) is None, "the verdict says how many repetitions would do"
    varied = summary_of({"gru": (0.75, 0.87), "rnn": (0.6, 0.61)}, {})
    assert small_test(replace(coarse, summary=varied)) is None, "more repetitions would help"
    finals = {"attention": (18.9, 27.3, 25.2), "lstm": (7.0, 13.7, 13.0)}  # of 10,000 sentences
    scattered = replace(
        coarse, summary=summary_of(finals, {"nearest": 31.4}), best="attention", visible=12.3
    )
    assert small_test(scattered) is None, "three repetitions tell little of their deviation"


OVERFIT = [Losses(1.0 - 0.1 * n, 1.0 - 0.02 * n) for n in range(EPOCHS)]


def test_train_and_valid_far_apart(enough: Evidence) -> None:
    by_heart = replace(enough, courses={**enough.courses, "gru": [course(losses=OVERFIT)]})
    assert overfit(by_heart) == (
        "gru overfits (median loss at the best epoch 0.400 on train, 0.880 on valid): add training "
        "data, or raise `space.dropout` or `space.weight_decay`."
    )
    assert overfit(replace(by_heart, best="lstm")) is None, "only the best variant is judged"


@pytest.mark.parametrize(
    "losses",
    [
        [Losses(2.0 / n, 0.3 + 2.0 / n) for n in range(1, EPOCHS + 1)],  # most holds on valid
        [Losses(0.30 - 0.01 * n, 0.29) for n in range(EPOCHS)],  # the first epoch taught nearly all
        [Losses(1.0 - 0.1 * n, math.inf) for n in range(EPOCHS)],  # a text that cannot be spelled
        OVERFIT[:3],  # not known at the best epoch
    ],
)
def test_who_is_not_said_to_overfit(enough: Evidence, losses: list[Losses]) -> None:
    assert overfit(replace(enough, courses={"gru": [course(losses=losses)] * 2})) is None


def test_classes_that_a_split_lacks_are_named(enough: Evidence) -> None:
    lacking = replace(enough, absent={"valid": list("abcde"), "test": ["a"]})
    assert classes_absent(lacking) == (
        "Classes are absent from valid (a, b, c and 2 more) and test (a): divide the data so that "
        "each split has every class (`prepare.valid`, `prepare.test`)."
    )
    three = classes_absent(replace(enough, absent={"test": list("abc")}))
    assert three is not None and "test (a, b and c)" in three
