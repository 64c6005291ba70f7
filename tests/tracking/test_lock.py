"""Two runs of an experiment at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from seqarena.config import Experiment, parse
from seqarena.errors import InputError
from seqarena.experiments import ResolvedExperiment
from seqarena.tracking.lock import only_run
from seqarena.tracking.recorder import recorder_for


@pytest.fixture
def toy(tmp_path: Path) -> ResolvedExperiment:
    raw = {
        "data": "spoken_digits",
        "modality": "audio",
        "task": "classification",
        "metric": "accuracy",
        "variants": ["gru"],
    }
    toy = ResolvedExperiment("toy", parse(Experiment, raw, "test"), root=tmp_path)
    toy.prepared.mkdir(parents=True)
    return toy


def test_the_second_is_refused_in_one_line_that_names_the_first(toy: ResolvedExperiment) -> None:
    named = rf"toy: is being run by process {os.getpid()} on \S+ since .*; wait until it is done"
    with only_run(toy.results), pytest.raises(InputError, match=named), recorder_for(toy):
        pass
    with recorder_for(toy) as recorder:
        assert recorder.ledger.experiment == "toy"


def test_a_child_that_outlives_its_parent_holds_it(toy: ResolvedExperiment) -> None:
    with only_run(toy.results) as lock:
        child = subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[lock]
        )
    try:
        with pytest.raises(InputError, match="toy: is being run by"), only_run(toy.results):
            pass
    finally:
        child.communicate(b"\n")
    with only_run(toy.results):
        pass
