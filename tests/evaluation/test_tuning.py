"""What searches spent and showed, against sums by hand, other formulas and what is known."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from seqarena.config import Dimension, Range
from seqarena.evaluation.best_of_n import designed_scores, expected_best
from seqarena.evaluation.importance import importances
from seqarena.evaluation.places import places, searched, share
from seqarena.evaluation.tuning import tuning_of
from seqarena.evaluation.tuning_record import FEWEST, Tuning
from seqarena.runs import DESIGNED, Final, StudyResult, TriedTrial
from seqarena.tasks.metric import ERROR, SHARE, Bounds
from support import study_of, tried

SPACE: dict[str, Dimension] = {
    "learning_rate": Range(low=1e-3, high=1e-1, log=True),
    "width": [64, 32, 128],
    "layers": Range(low=1, high=3, integer=True),
    "dropout": Range(low=0.0, high=0.5),
    "embedding": 32,
    "kernel": [3],
}


def final_of(variant: str, repetition: int, seconds: float) -> Final:
    return Final(
        variant=variant,
        repetition=repetition,
        seed=1,
        run="r",
        parameters=1,
        train_seconds=seconds,
        steps=1,
        best_epoch=1,
        score=0.5,
        loss=1.0,
        curve=(),
    )


def test_what_was_spent_adds_up(tmp_path: Path) -> None:
    trials = (tried(0.5), tried(0.6, "pruned"), tried(None, "failed"))
    studies = [
        study_of("gru", 1, trials),
        study_of("gru", 2, trials[:1]),
        study_of("rnn", 1, trials),
    ]
    finals = [final_of("gru", 1, 10.0), final_of("gru", 2, 5.0), final_of("rnn", 1, 1.0)]
    found = tuning_of(studies, finals, {"gru": {}, "rnn": {}}, "accuracy", SHARE)
    gru, _ = found.spent
    assert (gru.trials, gru.finished, gru.pruned, gru.failed) == (4, 2, 1, 1)
    assert gru.epochs == sum(trial.epochs for study in studies[:2] for trial in study.tried)
    assert (gru.search_seconds, gru.final_seconds) == (4 * 2.0, 15.0)
    assert found.importances == found.places == ()
    found.write(tmp_path / "tuning.json")
    assert Tuning.read(tmp_path / "tuning.json") == found


@pytest.mark.parametrize("bounds", [SHARE, ERROR])
def test_the_expected_best_is_the_mean_over_all_subsets(bounds: Bounds) -> None:
    scores = np.random.default_rng(0).random(6).tolist()
    best = max if bounds.greater else min
    expected, low, high = expected_best(scores, bounds)
    for n, value in enumerate(expected, start=1):
        assert value == pytest.approx(np.mean([best(chosen) for chosen in combinations(scores, n)]))
    assert (low <= expected).all() and (expected <= high).all()
    assert np.isfinite(low).all() and np.isfinite(high).all()
    assert expected[-1] == best(scores)


def test_the_band_holds_the_true_curve_as_often_as_it_says() -> None:
    """The best of n uniform scores is expected at n / (n + 1)."""
    random = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        _, low, high = expected_best(random.random(12).tolist(), SHARE)
        truth = np.arange(1, 13) / np.arange(2, 14)
        held += bool((low <= truth).all() and (truth <= high).all())
    assert held >= 0.93 * 200


def test_equal_scores_are_no_trouble() -> None:
    expected, low, _ = expected_best([0.5] * 4, SHARE)
    assert expected.tolist() == [0.5] * 4 and (low < 0.5).all()
    expected, low, high = expected_best([3.0], ERROR)
    assert (low <= expected).all() and (expected == high).all() and expected.tolist() == [3.0]
    expected_best([100 + 1e-12] * 2, Bounds(0.0, 100.0))  # what rounding makes of the best BLEU


def test_only_trials_of_the_design_are_a_sample() -> None:
    designed = (tried(0.5), tried(0.4, "pruned"), tried(None, "failed"), tried(0.7))
    trials = (*designed, *[tried(0.6)] * (DESIGNED - 4), tried(0.9))
    studies = [study_of("gru", repetition, trials) for repetition in (1, 2)]
    rest = [0.6] * (DESIGNED - 4)
    assert designed_scores(studies, SHARE) == [0.5, 0.4, 0.4, 0.7, *rest] * 2
    assert designed_scores(studies, ERROR) == [0.5, 0.4, 0.7, 0.7, *rest] * 2


def drawn(count: int, seed: int = 0) -> list[TriedTrial]:
    """Trials whose score hangs on the learning rate, a little on the width, and on chance."""
    random = np.random.default_rng(seed)
    trials = []
    for _ in range(count):
        rate = random.random()
        width = int(random.choice([32, 64, 128]))
        chosen = {
            "learning_rate": 1e-3 * 100**rate,
            "width": width,
            "layers": int(random.integers(1, 4)),
            "dropout": float(random.uniform(0, 0.5)),
            "embedding": 32,
            "kernel": 3,
        }
        score = 0.8 - (rate - 0.7) ** 2 + 0.001 * width + 0.02 * random.normal()
        trials.append(tried(score, chosen=chosen))
    return trials


def test_what_decides_the_scores_is_found() -> None:
    found = importances(drawn(24), searched(SPACE), SHARE)
    assert found.keys() == {"learning_rate", "width", "layers", "dropout"}
    assert max(found, key=lambda name: found[name]) == "learning_rate"
    assert sum(found.values()) == pytest.approx(1.0)
    assert found == importances(drawn(24), searched(SPACE), SHARE)


def test_few_trials_or_equal_ones_show_nothing() -> None:
    failed = [tried(None, "failed", chosen=trial.hyperparameters) for trial in drawn(5)]
    assert importances(drawn(FEWEST - 1) + failed, searched(SPACE), SHARE) == {}
    equal = [trial.model_copy(update={"score": 0.5}) for trial in drawn(20)]
    assert importances(equal, searched(SPACE), SHARE) == {}
    assert importances(drawn(20), {}, SHARE) == {}


def test_shares_follow_the_scale_of_a_dimension() -> None:
    assert share(SPACE["learning_rate"], 1e-2) == pytest.approx(0.5)
    assert [share(SPACE["width"], value) for value in (32, 64, 128)] == [0.0, 0.5, 1.0]
    assert [share(SPACE["layers"], value) for value in (1, 2, 3)] == [0.0, 0.5, 1.0]


def best_at(**values: list[float | int]) -> list[StudyResult]:
    other = {"learning_rate": 1e-2, "width": 64, "layers": 2, "dropout": 0.2}
    (name,) = values
    return [
        study_of("gru", repetition, (tried(0.5, chosen={**other, name: value}),))
        for repetition, value in enumerate(values[name], start=1)
    ]


@pytest.mark.parametrize(
    ("name", "values", "end"),
    [
        ("learning_rate", [0.099, 0.09, 0.02], "high"),
        ("learning_rate", [0.099, 0.02, 0.02], ""),
        ("learning_rate", [0.00101, 0.001, 0.02], "low"),
        ("learning_rate", [0.099, 0.001], ""),
        ("dropout", [0.0, 0.001, 0.01], ""),  # there is nothing below 0
        ("dropout", [0.5, 0.49, 0.2], "high"),
        ("width", [128, 128, 128], "high"),
        ("width", [128, 128, 32], ""),  # as chance would have it
        ("layers", [3, 3, 3, 3, 2], "high"),
        ("layers", [1, 1, 1, 1, 1], ""),  # nor below one layer
    ],
)
def test_an_end_is_told_where_most_best_values_lie(
    name: str, values: list[float | int], end: str
) -> None:
    found = {p.hyperparameter: p for p in places("gru", best_at(**{name: values}), SPACE)}
    assert found.keys() == {"learning_rate", "width", "layers", "dropout"}
    assert found.pop(name).end == end
    assert all(place.end == "" for place in found.values() if place.hyperparameter == "dropout")


def test_of_a_list_of_two_one_is_always_ahead() -> None:
    space: dict[str, Dimension] = {"width": [32, 64]}
    for count, end in ((3, ""), (5, "high")):
        (found,) = places("gru", best_at(width=[64] * count), space)
        assert (found.end, found.listed, found.shares) == (end, True, (1.0,) * count)
