"""Killed at any moment, the same command again comes to what it would have come to at once."""

from __future__ import annotations

import errno
import os
import random
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from seqarena.config import Experiment
from seqarena.errors import RunError
from seqarena.search import training_pool
from seqarena.search.checkpoints import Checkpoint, Checkpoints
from seqarena.search.search import search

from . import conftest
from .conftest import over, recorder_at
from .toy import (
    STAGES,
    check_records,
    comparable,
    end_family,
    finish,
    ledger_of,
    make_project,
    start,
    studies,
    wait,
    workers_of,
)

pytestmark = [
    pytest.mark.whole,
    pytest.mark.timeout(600),
]  # a machine that does other work takes its time
SHORT = {"repetitions": 2, "trials": 1, "epochs": 3, "patience": 3, "batch_size": 4}


@pytest.fixture(scope="module")
def uninterrupted(prepared: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_project(tmp_path_factory.mktemp("whole"), prepared["audio"])
    for stage in STAGES:
        finish(root, stage)
    return root


def test_kill_the_driver_or_a_worker_at_any_moment(
    prepared: dict[str, Path], tmp_path: Path, uninterrupted: Path
) -> None:
    """With a Ray of its own, which ends with the driver; on a cluster `make chaos` does this."""
    chance = random.Random(0)
    root = make_project(tmp_path, prepared["audio"])
    for stage, victims in (("search", ("driver", "worker")), ("train", ("worker",))):
        kind = "trial" if stage == "search" else "final"
        for victim in victims:
            process = start(root, stage)
            driver = psutil.Process(process.pid)
            done = len(ledger_of(root).runs(kind)) + chance.randint(1, 2)
            wait(
                lambda kind=kind, done=done, process=process: (
                    len(ledger_of(root).runs(kind)) >= done or process.poll() is not None
                )
            )
            time.sleep(chance.uniform(0, 0.5))
            family = [driver, *driver.children(recursive=True)] if process.poll() is None else []
            for worker in workers_of(driver) if family else []:
                worker.kill()
            if victim == "driver":
                end_family(process, family)
                continue
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors
            assert "Traceback" not in errors
    assert comparable(root) == comparable(uninterrupted)
    check_records(root, uninterrupted)


@pytest.mark.parametrize("stops", ["worker", "driver", "machine", "machine without its runs"])
def test_a_training_goes_on_from_its_checkpoint(
    stops: str,
    prepared: dict[str, Path],
    experiment: Callable[..., Experiment],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ray_here: None,
) -> None:
    """The state is kept after every batch here, and all is stopped after some of them."""
    config = experiment("audio", ("gru",), **SHORT)
    whole = search(over(config, prepared["audio"], tmp_path / "a"), recorder_at(tmp_path / "a"))
    monkeypatch.setattr(training_pool, "CHECKPOINT", 0.0)
    states: list[Checkpoint] = []
    read, save = Checkpoint.read, Checkpoints.save
    saved = 0

    def reading(self: Checkpoint) -> bytes:
        states.append(self)
        return read(self)

    def saving(self: Checkpoints, run: str, epochs: int, state: bytes) -> None:
        nonlocal saved
        save(self, run, epochs, state)
        saved += 1
        if saved == 9:  # amid an epoch
            if stops != "worker":
                raise KeyboardInterrupt
            for worker in workers_of(psutil.Process()):
                worker.kill()

    monkeypatch.setattr(Checkpoint, "read", reading)
    monkeypatch.setattr(Checkpoints, "save", saving)
    toy, recorder = over(config, prepared["audio"], tmp_path / "b"), recorder_at(tmp_path / "b")
    if stops != "worker":
        with pytest.raises(KeyboardInterrupt):
            search(toy, recorder)
        assert {run.status for run in recorder.ledger.runs().values()} == {"KILLED"}
        assert list(tmp_path.rglob("*.pt"))
    if stops.startswith("machine"):  # what it had recorded last is lost, and newer states are not
        recorded = recorder.ledger.path.read_text()
        lost = recorded.rfind('{"event": "metrics"') if stops == "machine" else 0
        recorder.ledger.path.write_text(recorded[: max(lost, 0)])
        recorder = recorder_at(tmp_path / "b")
    result = search(toy, recorder)
    if not stops.startswith("machine"):
        assert states, "none went on from its checkpoint"
    assert conftest.comparable(result) == conftest.comparable(whole)
    runs = recorder.ledger.runs("trial").values()
    assert [run.status for run in runs] == ["FINISHED"] * 2
    assert [sorted(run.curve) for run in runs] == [[1, 2, 3]] * 2
    assert not list(tmp_path.rglob("*.pt"))


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_checkpoint_is_named_and_not_used(
    damage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    checkpoints.save("run", 1, b"one")
    checkpoints.save("run", 2, b"two")
    checkpoints.save("other", 7, b"other")
    last = checkpoints.last("run")
    assert last is not None
    assert (last.epochs, last.read()) == (2, b"two")
    last.path.write_bytes(b"tw" if damage == "cut" else b"twp")
    assert checkpoints.last("run") is None
    assert f"warning: {last.path}: damaged, and removed" in capsys.readouterr().err
    assert not last.path.exists()
    assert checkpoints.last("other") is not None
    checkpoints.drop("other")
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_a_training_that_no_machine_finishes_is_told_and_may_be_tried_again(
    prepared: dict[str, Path],
    experiment: Callable[..., Experiment],
    tmp_path: Path,
    ray_here: None,
) -> None:
    protocol = {"repetitions": 2, "trials": 1, "epochs": 30, "patience": 30, "batch_size": 1}
    config = experiment("audio", ("gru",), **protocol)
    toy, recorder = over(config, prepared["audio"], tmp_path), recorder_at(tmp_path)
    over_now = threading.Event()

    def kill_all() -> None:
        while not over_now.wait(0.1):
            for worker in workers_of(psutil.Process()):
                if "start" in worker.cmdline()[0] or "go_on" in worker.cmdline()[0]:
                    worker.kill()

    killer = threading.Thread(target=kill_all)
    killer.start()
    try:
        with pytest.raises(RunError, match="gru repetition . trial 1: its worker was lost 3 times"):
            search(toy, recorder)
    finally:
        over_now.set()
        killer.join()
    assert {run.status for run in recorder.ledger.runs().values()} == {"FAILED"}
    assert len(search(toy, recorder).studies) == 2
    assert {run.status for run in recorder.ledger.runs().values()} == {"FINISHED"}
    assert len(recorder.ledger.runs("trial")) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="it is the disk without room")
def test_a_full_disk_is_one_line_and_the_same_command_goes_on(
    prepared: dict[str, Path], tmp_path: Path, uninterrupted: Path
) -> None:
    root = make_project(tmp_path, prepared["audio"])
    ledger = ledger_of(root).path
    ledger.parent.mkdir(parents=True)
    ledger.symlink_to("/dev/full")
    process = start(root, "search")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    lines = errors.strip().splitlines()
    assert lines[-1] == "failed: results/toy/ledger.jsonl: No space left on device"
    assert "Traceback" not in errors
    ledger.unlink()
    finish(root, "search")
    assert studies(root) == studies(uninterrupted)


def test_a_checkpoint_that_finds_no_room_is_named(
    prepared: dict[str, Path],
    experiment: Callable[..., Experiment],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ray_here: None,
) -> None:
    """The ledger has room: what it holds then is true, and a second search goes on from there."""
    config = experiment("audio", ("gru",), **SHORT)
    toy, recorder = over(config, prepared["audio"], tmp_path), recorder_at(tmp_path)

    def no_room(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(training_pool, "CHECKPOINT", 0.0)
        patch.setattr(Path, "write_bytes", no_room)
        with pytest.raises(OSError, match=r"No space left on device: '.*checkpoints/.*\.pt'"):
            search(toy, recorder)
    assert {run.status for run in recorder.ledger.runs().values()} == {"FAILED"}
    assert not list(tmp_path.rglob("*.p*t*"))
    assert len(search(toy, recorder).studies) == 2
    assert {run.status for run in recorder.ledger.runs().values()} == {"FINISHED"}


@pytest.fixture
def endless(tmp_path: Path, prepared: dict[str, Path]) -> Iterator[tuple[Path, Any]]:
    """A project whose search would take hours, under way."""
    long = {"epochs": 10**6, "patience": 10**6, "grace": 10**6, "batch_size": 1}
    root = make_project(tmp_path, prepared["audio"], **long)
    process = start(root, "search")
    family = [psutil.Process(process.pid)]
    try:
        wait(lambda: any("train_loss" in r.metrics for r in ledger_of(root).runs("trial").values()))
        family += family[0].children(recursive=True)
        yield root, process
    finally:
        end_family(process, family)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_every_process_and_run(
    number: signal.Signals, endless: tuple[Path, subprocess.Popen[str]]
) -> None:
    root, process = endless
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) > 3, "Ray's daemons and workers are among them"
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 128 + number
    assert "Traceback" not in errors
    assert psutil.wait_procs(family, timeout=10)[1] == []
    runs = ledger_of(root).runs()
    assert {run.status for run in runs.values()} == {"KILLED"}
    assert {run.kind for run in runs.values()} == {"search", "trial"}
    with sqlite3.connect(root / "mlflow.db") as database:
        shown = database.execute("select status, count(*) from runs group by status").fetchall()
    assert shown == [("KILLED", len(runs))]
