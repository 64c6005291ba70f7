"""A part of `make chaos`: eight faults, after which runs come to what they would have come to."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from .arena import Arena
from .faults import FAULTS
from .plan import inject, plan

INJECTED = (
    "kill −9 of a worker",
    "MLflow away until the end",
    "kill −9 of the driver",
    "a damaged checkpoint",
    "kill −9 of a machine, another joins",
    "the ledger's end torn off",
    "no room on the disk",
    "SIGTERM",
)


@pytest.mark.timeout(400)
def test_nothing_is_lost_and_nothing_is_done_twice(
    prepared: dict[str, Path], tmp_path: Path
) -> None:
    arena = Arena(tmp_path, prepared["audio"], random.Random(0), trials=2, epochs=16)
    try:
        for name in INJECTED:
            inject(name, arena)
        arena.finish()
    finally:
        arena.close()
    tally = arena.tally
    assert tally.runs > 0
    assert tally.metrics > 0
    assert (tally.lost, tally.repeated) == (0, 0)


def test_a_plan_is_of_its_seed_and_leaves_no_kind_out() -> None:
    first, again = (plan(40, random.Random(1)) for _ in range(2))
    assert first == again != plan(40, random.Random(2))
    assert set(first) == set(FAULTS)
    assert len(first) == 40
    assert set(plan(3, random.Random(1))) < set(FAULTS)
