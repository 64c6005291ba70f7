"""Every run names what it is made of; what runs share is written once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

from seqarena.cluster.delivery import DataAddress
from seqarena.cluster.slot import Slot
from seqarena.config import Experiment
from seqarena.experiments import ResolvedExperiment
from seqarena.fit import Epoch
from seqarena.runs import Hyperparameters, Job
from seqarena.search.records import Records
from seqarena.search.worker import Worker
from seqarena.tasks import task_for
from seqarena.tracking import hardware
from seqarena.tracking.environment import environment, installed, processor
from seqarena.tracking.lineage import lineage_of, requirements_in
from seqarena.tracking.recorder import recorder_for

CHOSEN = {"learning_rate": 0.01, "width": 8, "dropout": 0.0, "weight_decay": 0.0}


@pytest.fixture
def toy(
    experiment: Callable[..., Experiment],
    prepared: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[ResolvedExperiment]:
    """An experiment in a project outside of git."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEQARENA_FOLLOWED", "1 0.0")
    monkeypatch.setattr("seqarena.tracking.recorder.end_with", lambda _: None)
    environment.cache_clear()  # of another folder
    found = ResolvedExperiment("toy", experiment("audio", ("gru",)))
    found.prepared.parent.mkdir(parents=True)
    found.prepared.symlink_to(prepared["audio"])
    yield found
    environment.cache_clear()


def records_of(toy: ResolvedExperiment, recorder: object) -> Records:
    bounds = task_for(toy.config.task).metrics[toy.config.metric].bounds
    return Records(toy, recorder, bounds)  # type: ignore[arg-type]


def test_runs_name_the_lineage_that_is_written_once(
    toy: ResolvedExperiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("dvc.yaml").write_text(
        "stages: {train: {foreach: x, do: {deps: [own, 'data/prepared/${key}']}}}"
    )
    Path("own").mkdir()
    Path("own/mine.py").write_text("x = 1\n")
    monkeypatch.setattr(sys, "argv", ["pipelines/train.py", "toy"])
    for _ in range(2):  # a stage that is run again
        with recorder_for(toy) as recorder:
            records = records_of(toy, recorder)
            for job in (Job("trial", "gru", 1, 1, CHOSEN, 7), Job("final", "gru", 1, 0, CHOSEN, 8)):
                records.begin(job, job.name)
    kept = sorted(path.name for path in (toy.results / "lineage").iterdir())
    assert [name.partition("-")[0] for name in kept] == ["lineage", "requirements"]
    runs = recorder.ledger.runs().values()
    assert {run.kind for run in runs} == {"search", "trial", "final"}
    (digest,) = {run.tags["lineage"] for run in runs}
    lineage = lineage_of(toy.results, digest)
    assert lineage is not None and lineage.commit == "none" and lineage.changes == ""
    assert lineage.command.endswith("pipelines/train.py toy")
    assert lineage.inputs.keys() == {"own"}, "nothing else is there, or known to DVC"
    assert lineage.protocol == toy.config.protocol
    assert {run.tags["command"] for run in runs} == {lineage.command}
    requirements = requirements_in(toy.results / "lineage" / lineage.requirements)
    assert requirements["torch"] == version("torch")
    shown = [e.data for e in recorder.ledger.events() if e.data["event"] == "artifact"]
    assert {each["folder"] for each in shown} == {"lineage"}
    kinds = {recorder.ledger.run(each["run"]).kind for each in shown}
    assert kinds == {"search", "final"}, "a trial stands under its search"


def test_all_that_is_installed_is_found_by_the_names_of_folders() -> None:
    found = installed()
    for name in ("numpy", "ray", "mlflow", "scikit-learn", "typing-extensions"):
        assert found[name] == version(name)


def test_a_worker_tells_what_it_computes_on_and_how_busy_that_is(
    toy: ResolvedExperiment,
    hyperparameters: Callable[..., Hyperparameters],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worker = Worker(toy.config, DataAddress.of(toy.prepared, "d"), Slot(1, 0), 60.0)
    assert worker.ready()
    threads = torch.get_num_threads()
    job = Job("final", "gru", 1, 0, hyperparameters("gru", "audio"), 8)
    short = worker.start(job, None)
    assert short.system == {}, "of a training of less than ten seconds nothing is told"
    assert short.about["hardware"] == processor() or torch.cuda.is_available()
    assert short.about["threads"] == str(threads) == "1"
    monkeypatch.setattr(hardware, "EVERY", 0.0)
    longer = worker.start(job, None)
    assert longer.epoch is not None and short.epoch is not None
    assert longer.epoch.train_loss == short.epoch.train_loss, "looking changes nothing"
    assert 0 <= longer.system["system/cpu_utilization_percentage"] <= 100
    assert longer.system["system/system_memory_usage_megabytes"] > 1
    with recorder_for(toy) as recorder:
        records = records_of(toy, recorder)
        run = records.begin(job, "key")
        records.epoch(run, longer.epoch, longer.system)
        (values,) = recorder.ledger.run(run).curve.values()
    assert values.keys() == {*Epoch.values(longer.epoch), *longer.system}


def test_a_gpu_is_told_by_the_names_that_mlflow_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for the driver; its package nvidia-ml-py may be missing."""
    monkeypatch.setattr(hardware, "EVERY", 0.0)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (25_000_000, 100_000_000))
    monkeypatch.setattr(torch.cuda, "utilization", lambda _: 80)
    system = hardware.SystemMetrics(torch.device("cuda"))
    found = system.sample()
    assert found["system/gpu_0_utilization_percentage"] == 80
    assert found["system/gpu_0_memory_usage_megabytes"] == 75
    assert found["system/gpu_0_memory_usage_percentage"] == 75

    def missing(_: object) -> int:
        raise ModuleNotFoundError("pynvml")

    monkeypatch.setattr(torch.cuda, "utilization", missing)
    without = system.sample()
    assert found.keys() - without.keys() == {"system/gpu_0_utilization_percentage"}
