"""What an experiment costs is told before it is paid."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from seqarena.cli.cost import cost_of, duration, estimate, lines, slots_here
from seqarena.cli.trying import tried
from seqarena.config import Experiment, Resources
from seqarena.data.store import Prepared
from seqarena.experiments import ResolvedExperiment
from seqarena.fit import Training
from seqarena.tracking.ledger import Ledger

Make = Callable[..., Experiment]
GRU = {"learning_rate": 1e-3, "width": 32, "dropout": 0.1, "weight_decay": 0.0, "patch": 1}
VARIANTS = ("gru", "lstm")


def test_trainings_are_counted(experiment: Make) -> None:
    asked = {"repetitions": 5, "trials": 6, "epochs": 3}
    cost = cost_of(experiment("text", VARIANTS, **asked))
    assert (cost.studies, cost.trials, cost.finals, cost.epochs) == (10, 60, 10, 210)
    shared = cost_of(experiment("text", VARIANTS, search="shared", **asked))
    assert (shared.studies, shared.trials, shared.finals, shared.epochs) == (2, 12, 10, 66)


def test_time_is_told_once_something_ran(
    experiment: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seqarena.cli.cost.slots_here", lambda _: 2)
    config = experiment("text", VARIANTS, repetitions=3, trials=4, epochs=1)
    found = ResolvedExperiment("toy", config, root=tmp_path)
    counted = [
        "2 variants, 3 repetitions",
        "6 studies of 4 trials: 24 trials; 6 finals",
        "1 epoch each at most: 30 epochs in all",
    ]
    assert list(lines(found)) == counted
    ledger = Ledger(found.ledger, "toy")
    for kind, variant, seconds in (
        ("trial", "gru", 10.0),
        ("trial", "gru", 30.0),
        ("final", "gru", 40.0),
        ("trial", "rnn", 1000.0),  # is no longer asked for
    ):
        run = ledger.start(kind, variant, params={"variant": variant})
        ledger.end(run, "FINISHED", result={"seconds": seconds})
    ledger.start("trial", "gru", params={"variant": "gru"})  # still runs
    # Of both variants: 12 trials of 20 s, 3 finals of 40 s, two at a time.
    told = "about 6 minutes of training in all, 2 at a time, by 2 trials and 1 final that ran"
    assert list(lines(found)) == [*counted, told]


def test_time_is_told_before_anything_ran_by_a_try(
    experiment: Make, prepared: dict[str, Path], tmp_path: Path
) -> None:
    before = torch.get_num_threads()
    config = experiment("audio", ("gru", "conv1d"), epochs=5)
    found = ResolvedExperiment("toy", config, root=tmp_path)
    seconds = tried(found, Prepared(prepared["audio"]))
    assert seconds.keys() == {"gru", "conv1d"}
    training = Training(config, Prepared(prepared["audio"]), "gru", GRU, seed=1)
    began = time.perf_counter()
    list(training.epochs())
    took = time.perf_counter() - began
    assert took / 20 < seconds["gru"][0] < 20 * took, "an order of magnitude, on a busy machine"
    assert list(lines(found, seconds))[-1].endswith(" at a time, by a try of each")
    assert torch.get_num_threads() == before


def test_a_search_is_no_shorter_than_a_study(experiment: Make) -> None:
    config = experiment("text", VARIANTS, repetitions=2, trials=5)
    trials, finals = {"gru": [10.0], "lstm": [20.0]}, {"gru": [1.0, 3.0]}
    assert estimate(config, trials, finals, 1) == 2 * 5 * 30 + 2 * (2 + 20)
    assert estimate(config, trials, finals, 100) == 5 * 20 + 20


def test_what_a_training_is_given_says_how_many_run_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    assert [slots_here(Resources(cpus=cpus)) for cpus in (None, 2, 16)] == [8, 4, 1]
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert [slots_here(Resources(gpus=gpus)) for gpus in (None, 0.5, 0)] == [2, 4, 8]
    assert slots_here(Resources(cpus=8, gpus=0.5)) == 1, "the cores are too few for a second one"
    assert slots_here(Resources(cpus=0.1, gpus=0)) == 80, "no core is lost to rounding"


def test_the_cost_is_told_without_ray() -> None:
    code = "import sys, seqarena.cli.cost; print('ray' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "1 second"), (80, "80 seconds"), (200, "3 minutes"), (9000, "2.5 hours")],
)
def test_durations_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said
