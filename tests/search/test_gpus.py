"""Shares of GPUs, on a Ray that counts two which are not there: the scheduling, not the numbers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import ray

from seqarena.cluster import pool
from seqarena.cluster.slot import Slot
from seqarena.config import Experiment, Resources
from seqarena.errors import InputError
from seqarena.search.search import search

from .conftest import comparable, over, recorder_at

Make = Callable[..., Experiment]
SHORT = {"repetitions": 2, "trials": 1, "epochs": 2, "patience": 2}


@pytest.fixture(scope="module")
def two_gpus() -> Iterator[None]:
    ray.init(
        address="local",
        num_cpus=4,
        num_gpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    yield
    ray.shutdown()


@pytest.mark.parametrize(
    ("asked", "slot", "room"),
    [
        ({}, Slot(2.0, 1.0), 2),  # a GPU, and its share of the cores
        ({"gpus": 0.5}, Slot(1.0, 0.5), 4),
        ({"gpus": 0.5, "cpus": 2}, Slot(2.0, 0.5), 2),
        ({"gpus": 0}, Slot(1.0, 0.0), 4),
    ],
)
def test_a_training_gets_its_share(
    asked: dict[str, float], slot: Slot, room: int, two_gpus: None
) -> None:
    found = pool.slot_here(Resources(**asked), "here")
    assert (found, found.room(pool._machines())) == (slot, room)
    assert (pool.memory_of(found) < float("inf")) == (slot.gpus == 0)


def test_more_than_the_largest_machine_has_is_refused(two_gpus: None) -> None:
    with pytest.raises(InputError, match=r"here\.gpus: 3, but the largest node has 2"):
        pool.slot_here(Resources(gpus=3), "here")


@pytest.mark.whole
def test_four_trainings_share_two_gpus(
    prepared: dict[str, Path], experiment: Make, tmp_path: Path, two_gpus: None
) -> None:
    config = experiment("audio", ("conv1d", "gru"), **SHORT)
    visible: list[dict[str, float]] = []
    results = []
    for name, resources in (("cpu", Resources(gpus=0)), ("gpu", Resources(gpus=0.5))):
        asked = config.model_copy(update={"resources": resources})
        recorder = recorder_at(tmp_path / name)
        started = pool.Pool.resize

        def resize(self: pool.Pool, wanted: int, started: Callable[..., None] = started) -> None:
            started(self, wanted)
            visible.append({"gpus": self.slot.gpus, "seats": len(self.seats)})

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pool.Pool, "resize", resize)
            results.append(search(over(asked, prepared["audio"], tmp_path / name), recorder))
    assert comparable(results[0]) == comparable(results[1])
    assert max(look["seats"] for look in visible if look["gpus"] == 0.5) == 4
