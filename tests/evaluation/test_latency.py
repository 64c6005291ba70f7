"""The time of one prediction: the right number, on one thread, within its budget."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
import torch

from seqarena.evaluation import latency
from seqarena.predict import Predictor


class Sleeper(Predictor):
    """Takes a second per step of a sequence, times `pace`, and notes what it was asked."""

    def __init__(self, pace: float) -> None:
        self.pace = pace
        self.lengths: list[int] = []
        self.threads: set[int] = set()

    def predict(self, sequences: list[Any], decoding: Any = None) -> list[dict[str, Any]]:
        (sequence,) = sequences  # alone
        self.lengths.append(len(sequence))
        self.threads.add(torch.get_num_threads())
        time.sleep(self.pace * len(sequence))
        return [{}]


def sequences(*lengths: int) -> list[Any]:
    return [np.zeros(length) for length in lengths]


def test_the_mean_over_examples_of_what_each_takes() -> None:
    predictors = {"one": Sleeper(0.001), "other": Sleeper(0.003)}
    found = latency.milliseconds(predictors, sequences(1, 2, 6))
    assert list(found) == ["one", "other"]
    assert 3 <= found["one"] < 6
    assert 9 <= found["other"] < 18


def test_one_that_is_slow_stops_after_its_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "SECONDS", 0.1)
    predictors = {"slow": Sleeper(0.03), "fast": Sleeper(0.0001)}
    latency.milliseconds(predictors, sequences(1, 1))
    warm_up, round_ = 1, 2
    assert len(predictors["slow"].lengths) in (warm_up + round_, warm_up + 2 * round_)
    assert len(predictors["fast"].lengths) == warm_up + latency.ROUNDS * round_


def test_it_runs_on_one_thread_and_leaves_the_number_as_it_was() -> None:
    torch.set_num_threads(2)
    try:
        predictor = Sleeper(0.0)
        latency.milliseconds({"only": predictor}, sequences(1))
        assert predictor.threads == {1} and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
