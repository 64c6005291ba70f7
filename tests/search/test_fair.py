"""Fairness without a cluster: equal trials for all, and a truthful state for each."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from optuna.trial import TrialState
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher

from seqarena.config import Protocol, Range
from seqarena.search.fair import OBJECTIVE, FairASHA, FairSearch

SPACES = {
    "gru": {"width": [8, 16], "dropout": Range(low=0.0, high=0.5)},
    "conv1d": {"width": [8, 16], "kernel": [3, 5], "patch": 4},
}


def search(trials: int = 3, **protocol: Any) -> FairSearch:
    return FairSearch(SPACES, "max", Protocol(trials=trials, **protocol))


def states(found: FairSearch, variant: str) -> list[TrialState]:
    return [trial.state for trial in found.studies[variant]._ot_study.trials]


def test_every_variant_gets_the_same_number_of_trials() -> None:
    found = search(5)
    drawn = [found.suggest(f"t{n}") for n in range(10)]
    assert found.suggest("t10") == Searcher.FINISHED
    for variant, space in SPACES.items():
        mine = [draw["hyperparameters"] for draw in drawn if draw["variant"] == variant]
        assert len(mine) == 5
        assert all(draw.keys() == space.keys() for draw in mine)
    rounds = [{draw["variant"] for draw in drawn[n : n + 2]} for n in range(0, 10, 2)]
    assert all(each == SPACES.keys() for each in rounds), "round by round, none goes first"


def test_the_same_seed_draws_the_same() -> None:
    first, second, other = search(), search(), search(seed=1)
    draws = [[one.suggest(f"t{n}") for n in range(6)] for one in (first, second, other)]
    assert draws[0] == draws[1] != draws[2]


def test_a_trial_ends_in_its_study_as_it_ended() -> None:
    found = search(4)
    trials = {"whole": "COMPLETE", "stopped": "PRUNED", "nan": "FAIL", "dead": "FAIL"}
    for name in trials:
        while found.suggest(name)["variant"] != "gru":
            continue
    for name in trials:
        score = float("nan") if name == "nan" else 0.5
        result = {
            OBJECTIVE: score,
            "training_iteration": 1,
            "done": True,
            "last": name != "stopped",
        }
        if name != "dead":
            found.on_trial_result(name, result)
        found.on_trial_complete(name, None if name == "dead" else result, error=name == "dead")
    told = states(found, "gru")
    assert told == [TrialState[state] for state in trials.values()]
    assert TrialState.RUNNING not in told, "no trial is stuck"
    assert found.studies["gru"]._ot_study.best_value == 0.5


def test_a_trial_that_brought_nothing_is_a_failure() -> None:
    found = search(1)
    found.suggest("t")
    found.on_trial_complete("t", None)
    assert states(found, "conv1d") == [TrialState.FAIL]


@pytest.fixture
def asha() -> FairASHA:
    protocol = Protocol(epochs=8, grace=2, reduction=2)
    return FairASHA(["gru", "conv1d"], "max", protocol)


def decide(asha: FairASHA, variant: str, name: str, score: float, epoch: int = 2) -> str:
    trial: Any = SimpleNamespace(trial_id=f"{variant} {name}", config={"variant": variant})
    asha.on_trial_add(None, trial)
    result = {OBJECTIVE: score, "epoch": epoch, "training_iteration": epoch}
    return asha.on_trial_result(None, trial, result)


def test_a_trial_is_measured_against_its_own_kind(asha: FairASHA) -> None:
    for n, score in enumerate((0.8, 0.9)):
        assert decide(asha, "gru", str(n), score) == TrialScheduler.CONTINUE
    assert decide(asha, "gru", "bad", 0.1) == TrialScheduler.STOP
    assert decide(asha, "conv1d", "bad", 0.1) == TrialScheduler.CONTINUE


def test_none_is_stopped_within_the_grace(asha: FairASHA) -> None:
    decide(asha, "gru", "good", 0.9)
    assert decide(asha, "gru", "bad", 0.1, epoch=1) == TrialScheduler.CONTINUE
