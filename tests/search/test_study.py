"""A study without a cluster: what it asks for depends on its own history alone."""

from __future__ import annotations

import math
from typing import Any

import pytest
from optuna.trial import TrialState

from seqarena.config import Dimension, Protocol, Range
from seqarena.runs import DESIGNED, Job, Result
from seqarena.search.study import Study
from seqarena.tasks.metric import ERROR, SHARE, Bounds

SPACE: dict[str, Dimension] = {
    "learning_rate": Range(low=1e-3, high=1e-1, log=True),
    "width": [8, 16],
    "patch": 4,
}


def study(bounds: Bounds = SHARE, repetition: int = 1, **protocol: Any) -> Study:
    return Study("gru", repetition, SPACE, bounds, Protocol(**{"trials": 12, **protocol}))


def result(score: float, loss: float = 1.0, **more: Any) -> Result:
    return Result(outcome="finished", best=(score, loss), **more)


def play(made: Study, scores: list[float]) -> list[Job]:
    """Run trials that come to these scores."""
    jobs = []
    for score in scores:
        job = made.next()
        assert job is not None
        made.finish(f"run {job.number}", job, result(score))
        jobs.append(job)
    return jobs


def test_the_same_history_asks_for_the_same() -> None:
    scores = [0.1, 0.5, 0.3, 0.4, 0.45, 0.6, 0.2, 0.15, 0.55, 0.35, 0.25]
    first, second = play(study(), scores), play(study(), scores)
    assert first == second
    assert [job.number for job in first] == list(range(1, 12))
    assert len({job.seed for job in first}) == 11
    assert play(study(seed=1), scores) != first
    assert play(study(repetition=2), scores) != first
    other = play(study(), [1 - score for score in scores])
    assert other[:DESIGNED] == first[:DESIGNED], "the design looks at no score"
    assert other[DESIGNED + 1 :] != first[DESIGNED + 1 :], "what follows does"


def test_a_larger_budget_changes_no_trial_that_was_there() -> None:
    scores = [0.1, 0.5, 0.3, 0.4, 0.45, 0.6, 0.2, 0.15, 0.55, 0.35]
    assert play(study(trials=10), scores) == play(study(trials=50), scores)
    few = study(trials=10)
    play(few, scores)
    assert few.next() is None
    assert few.remaining == 0


def test_trials_are_ordered_by_score_then_by_loss_then_by_number() -> None:
    made = study()
    for score, loss in [(0.5, 2.0), (0.7, 3.0), (0.7, 1.0), (0.7, 1.0), (0.6, 0.1)]:
        job = made.next()
        assert job is not None
        made.finish(f"run {job.number}", job, result(score, loss, seconds=2.0, steps=3))
    best = made.best()
    assert best is not None
    assert (best.run, best.score, best.loss) == ("run 3", 0.7, 1.0)
    assert (best.trials, best.seconds, best.steps) == (5, 10.0, 15)


def test_of_an_error_the_smaller_is_better() -> None:
    made = study(ERROR)
    play(made, [3.0, 2.0, math.inf, 2.5])
    best = made.best()
    assert best is not None
    assert best.score == 2.0
    assert made.study.best_trial.number == 1


def test_a_trial_ends_in_its_study_as_it_ended() -> None:
    made = study()
    outcomes = {
        "finished": result(0.5),
        "pruned": Result(outcome="pruned", best=(0.1, 1.0)),
        "failed": Result(outcome="failed", reason="the loss is not finite"),
    }
    for name, ended in outcomes.items():
        job = made.next()
        assert job is not None
        if name == "pruned":
            made.prune(1, 0.1, 1.0)
        made.finish("run", job, ended)
    states = [trial.state for trial in made.study.trials]
    assert states == [TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL]
    best = made.best()
    assert best is not None
    assert (best.pruned, best.failed) == (1, 1)
    assert [trial.score for trial in best.tried] == [0.5, 0.1, None]


@pytest.mark.parametrize(("grace", "pruned_at"), [(1, 1), (3, 3), (9, None)])
def test_what_is_behind_half_of_those_before_it_is_pruned_after_the_grace(
    grace: int, pruned_at: int | None
) -> None:
    made = study(grace=grace)
    for level in (0.5, 0.6):
        job = made.next()
        assert job is not None
        for epoch in range(1, 6):
            assert not made.prune(epoch, level + epoch / 100, 1.0)
        made.finish("run", job, result(level + 0.05))
    assert made.next() is not None
    pruned = [epoch for epoch in range(1, 6) if made.prune(epoch, 0.4, 1.0)]
    assert pruned[:1] == ([pruned_at] if pruned_at else [])


def test_what_is_ahead_goes_on_and_an_epoch_that_is_run_again_decides_nothing() -> None:
    made = study(grace=1)
    play_with_epochs(made, 0.5)
    play_with_epochs(made, 0.6)
    assert made.next() is not None
    assert not made.prune(1, 0.9, 1.0)
    assert not made.prune(1, 0.0, 1.0), "its worker was lost, and it went on then"


def play_with_epochs(made: Study, level: float) -> None:
    job = made.next()
    assert job is not None
    for epoch in (1, 2):
        made.prune(epoch, level, 1.0)
    made.finish("run", job, result(level))


def test_where_scores_are_equal_the_loss_decides_whom_to_prune() -> None:
    made = study(grace=1)
    for loss in (1.0, 2.0):
        job = made.next()
        assert job is not None
        made.prune(1, 0.5, loss)
        made.finish("run", job, result(0.5, loss))
    assert made.next() is not None
    assert made.prune(1, 0.5, 3.0)
    assert made.next() is not None
    assert not made.prune(1, 0.5, 0.5)
