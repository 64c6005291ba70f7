"""A part of `make chaos`: faults after which runs come to what they would have come to."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from .arena import Arena
from .faults import FAULTS
from .network import Network, lacking
from .plan import inject, plan

INJECTED = (  # two of them begin with kill −9 of the driver
    "kill −9 of a worker",
    "MLflow away until the end",
    "a damaged checkpoint",
    "kill −9 of a machine, another joins",
    "the ledger's end torn off",
    "no room on the disk",
    "SIGTERM",
)
# Ray gives a machine up within 10 s, where it takes a minute otherwise; less, and it gives up one
# that is only slow. An MLflow that is away is asked once, not three times.
QUICK = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "RAY_health_check_initial_delay_ms": "5000",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "3000",
    "RAY_health_check_failure_threshold": "3",
}
LACKING = lacking()


@pytest.fixture(scope="module")
def arena(
    prepared: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Arena]:
    """The machines of all tests here."""
    folder = tmp_path_factory.mktemp("chaos")
    network = None if LACKING else Network()
    made = Arena(
        folder,
        prepared["audio"],
        random.Random(0),
        network,
        QUICK,
        trials=1,
        epochs=30,
        batch_size=1,
    )
    try:
        yield made
    finally:
        made.close()


@pytest.mark.whole
@pytest.mark.timeout(600)
def test_nothing_is_lost_and_nothing_is_done_twice(arena: Arena) -> None:
    for name in INJECTED:
        inject(name, arena)
    _comes_to_its_end(arena)


@pytest.mark.whole
@pytest.mark.timeout(600)
@pytest.mark.skipif(bool(LACKING), reason=LACKING)
def test_a_run_goes_on_without_a_machine_behind_a_broken_network(arena: Arena) -> None:
    for name in ("a network that breaks", "a network that breaks and is mended"):
        inject(name, arena)
    _comes_to_its_end(arena)


def _comes_to_its_end(arena: Arena) -> None:
    before = arena.tally.runs
    arena.finish()
    tally = arena.tally
    assert tally.runs > before
    assert tally.metrics > 0
    assert (tally.lost, tally.repeated) == (0, 0)


def test_a_plan_is_of_its_seed_and_leaves_no_kind_out() -> None:
    first, again = (plan(40, random.Random(1), network=True) for _ in range(2))
    assert first == again != plan(40, random.Random(2), network=True)
    assert set(first) == set(FAULTS)
    assert len(first) == 40
    assert set(plan(3, random.Random(1), network=True)) < set(FAULTS)
    assert not [name for name in plan(40, random.Random(1), network=False) if "network" in name]
