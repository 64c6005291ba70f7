"""How far back a variant sees is told beside how long the data is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from seqarena.cli.reach import lines
from seqarena.config import Experiment
from seqarena.data.store import DataSpec, write_spec
from seqarena.experiments import ResolvedExperiment
from seqarena.models.causal.tcn import DEEPEST, receptive_field

Make = Callable[..., Experiment]


@pytest.fixture
def told(tmp_path: Path, specs: dict[str, DataSpec], experiment: Make) -> Callable[..., list[str]]:
    def tell(steps: int, **space: object) -> list[str]:
        config = experiment("audio", ("gru", "tcn", "conv1d"))
        config = config.model_copy(update={"space": space})
        found = ResolvedExperiment("toy", config, root=tmp_path)
        found.prepared.mkdir(parents=True, exist_ok=True)
        write_spec(found.prepared / "spec.json", replace(specs["audio"], max_length=steps))
        return list(lines(found))

    return tell


def test_of_all_kernels_that_are_searched(told: Callable[..., list[str]]) -> None:
    fields = [receptive_field(kernel, blocks) for kernel, blocks in ((3, 5), (5, 4), (7, 4))]
    span = f"{min(fields)} to {max(fields)}"
    expected = f"tcn sees {span} steps back; the longest sequence of train has 100"
    assert told(100, blocks=DEEPEST) == [expected]


def test_of_all_depths_that_are_searched(told: Callable[..., list[str]]) -> None:
    expected = (
        f"tcn sees {receptive_field(3, 2)} to {receptive_field(3, 5)} steps back; the longest "
        "sequence of train has 100: where it sees fewer, what lies further back is lost to it"
    )
    assert told(100, kernel=3) == [expected]


def test_steps_are_those_that_the_frontend_leaves(told: Callable[..., list[str]]) -> None:
    expected = "tcn sees 29 steps back; the longest sequence of train has 25"
    assert told(100, kernel=3, blocks=DEEPEST, patch=4) == [expected]


def test_what_is_too_far_back_is_told(told: Callable[..., list[str]]) -> None:
    field = f"{receptive_field(3, DEEPEST):,}"
    (line,) = told(9_000, kernel=3, blocks=DEEPEST)
    assert line.startswith(f"tcn sees {field} steps back; the longest sequence of train has 9,000")
    assert line.endswith("9,000: what lies further back is lost to it")


def test_before_the_data_is_there_nothing_is_told(tmp_path: Path, experiment: Make) -> None:
    found = ResolvedExperiment("toy", experiment("audio", ("tcn",)), root=tmp_path)
    assert list(lines(found)) == []
