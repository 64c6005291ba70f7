"""What the pictures of a search are drawn from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqarena.config import Dimension, Range
from seqarena.evaluation.searches import draw_tuning, merge, ticks_of
from seqarena.evaluation.tuning import tuning_of
from seqarena.plots.parallel import parallel
from seqarena.plots.tuning import best_of_n
from seqarena.tasks.metric import SHARE
from support import study_of, tried

RATE = Range(low=1e-4, high=1e-2, log=True)
SPACES: dict[str, dict[str, Dimension]] = {
    "rnn": {"width": [32, 64], "learning_rate": RATE, "embedding": 8},
    "gru": {"layers": [1, 2], "width": [64, 128], "learning_rate": RATE, "embedding": 8},
    "lstm": {"layers": [2, 3], "width": 32, "learning_rate": RATE},
}


def test_dimensions_of_several_variants_are_one_axis_each() -> None:
    merged = merge(SPACES)
    assert merged == {"learning_rate": RATE, "width": [32, 64, 128], "layers": [1, 2, 3]}
    assert next(iter(merged)) == "learning_rate"  # all variants have it


@pytest.mark.parametrize(
    ("dimension", "labels"),
    [
        (RATE, ["0.0001", "0.001", "0.01"]),
        (Range(low=0.0, high=0.3), ["0", "0.15", "0.3"]),
        (Range(low=1, high=2, integer=True), ["1", "2"]),
        (Range(low=16, high=256, integer=True), ["16", "136", "256"]),
        ([64, 32], ["64", "32"]),
        (["none", "last", "mean_std"], ["none", "last", "mean_std"]),
    ],
)
def test_an_axis_is_labelled_by_values(dimension: Dimension, labels: list[str]) -> None:
    ticks = ticks_of(dimension)
    assert [label for _, label in ticks] == labels
    assert {0.0, 1.0} <= {share for share, _ in ticks}


def test_names_are_an_axis_and_have_no_ends() -> None:
    spaces: dict[str, dict[str, Dimension]] = {
        "rnn": {"width": [32, 64], "norm": ["none", "last"]},
        "gru": {"width": [32, 64], "norm": ["none", "mean"]},
    }
    assert merge(spaces)["norm"] == ["none", "last", "mean"]
    assert [place for place, _ in ticks_of(merge(spaces)["norm"])] == [0.0, 0.5, 1.0]
    studies = [study_of("rnn", 1, (tried(0.5, chosen={"width": 64, "norm": "last"}),))]
    found = tuning_of(studies, [], {"rnn": spaces["rnn"]}, "accuracy", SHARE)
    assert [place.hyperparameter for place in found.places] == ["width"]


def test_failed_trials_and_absent_hyperparameters_leave_gaps() -> None:
    drawn: dict[Callable[..., None], tuple[Any, ...]] = {}

    def pool(draw: Callable[..., None], *what: Any) -> None:
        drawn[draw] = what

    rnn = (tried(0.5, chosen={"width": 64, "learning_rate": 1e-3}), tried(None, "failed"))
    gru = (tried(0.9, chosen={"width": 128, "learning_rate": 1e-2, "layers": 2}),)
    studies = [study_of("rnn", 1, rnn), study_of("gru", 1, gru)]
    tuning = tuning_of(studies, [], SPACES, "accuracy", SHARE)
    draw_tuning(Path("plots"), tuning, studies, SPACES, True, pool)
    scales, scores, *_ = drawn[parallel]
    assert scores.tolist() == [0.5, 0.9]
    found = {scale.name: scale.shares.tolist() for scale in scales}
    assert found.pop("layers") == [pytest.approx(np.nan, nan_ok=True), 0.5]
    assert found == {
        "variant": [0.0, 1.0],  # the better one on top
        "learning_rate": [pytest.approx(0.5), pytest.approx(1.0)],
        "width": [0.5, 1.0],
    }
    assert drawn[best_of_n][0].keys() == {"rnn", "gru"}


def test_where_nothing_is_searched_there_is_nothing_to_draw() -> None:
    drawn: list[Callable[..., None]] = []
    studies = [study_of("rnn", 1, (tried(0.5, chosen={"width": 8}),))]
    tuning = tuning_of(studies, [], {"rnn": {"width": 8}}, "accuracy", SHARE)

    def pool(draw: Callable[..., None], *what: Any) -> None:
        drawn.append(draw)

    draw_tuning(Path("plots"), tuning, studies, {"rnn": {"width": 8}}, True, pool)
    assert drawn == [best_of_n]
