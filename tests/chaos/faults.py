"""The faults: each is injected at a moment of a run, and says what must hold at once."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from .arena import Arena

Fault = Callable[[Arena, psutil.Process], None]
STEP = 5.0  # seconds that no training may wait for MLflow
UNSEEN = 1.0  # seconds in which no cluster gives a machine up
PARTITION = 120.0  # seconds until a run goes on without a machine


def kill_driver(arena: Arena, driver: psutil.Process) -> None:
    """Kill −9 of the process that decides and records."""
    driver.kill()
    assert arena.process is not None
    arena.process.communicate()
    arena.process = None


def kill_worker(arena: Arena, driver: psutil.Process) -> None:
    """Kill −9 of a process that trains; the run goes on by itself."""
    for worker in arena.nodes.training()[:1]:
        worker.kill()


def kill_machine(arena: Arena, driver: psutil.Process) -> None:
    """Kill −9 of all that runs on a machine, and a machine that joins instead."""
    _await_both(arena)
    arena.nodes.kill()
    _expect_all_to_go_on(arena)
    joined = time.time()
    arena.nodes.add()
    _expect_use(arena, joined)


def freeze_machine(arena: Arena, driver: psutil.Process) -> None:
    """A machine that answers no more; the run goes on without it."""
    _await_both(arena)
    arena.nodes.freeze()
    _expect_all_to_go_on(arena)
    arena.nodes.kill()
    arena.nodes.add()


def break_network(mended: bool) -> Fault:
    """Make a fault: whatever is sent to a machine is lost, for good or until all went on here.

    One that comes back has been given up by the cluster, and ends by itself.
    """

    def inject(arena: Arena, driver: psutil.Process) -> None:
        network = arena.nodes.network
        assert network is not None
        while True:
            _await_both(arena)
            network.cut()
            if _expect_all_to_go_on(arena) > UNSEEN:
                break
            network.mend()  # that machine had just come to the end of a training, or of all
        if mended:
            network.mend()
            assert network.machine is not None
            network.machine.wait(PARTITION)
        arena.nodes.kill()
        network.mend()
        arena.nodes.add()

    return inject


def stop_mlflow(seconds: float | None) -> Fault:
    """Make a fault: MLflow is killed, and back after so many seconds, or at the end of the run."""

    def inject(arena: Arena, driver: psutil.Process) -> None:
        arena.server.send(signal.SIGKILL)
        if seconds is not None:
            _train_meanwhile(arena, seconds)
            arena.server.start()

    return inject


def freeze_mlflow(arena: Arena, driver: psutil.Process) -> None:
    """An MLflow that takes connections and does not answer, for ten seconds."""
    arena.server.start()
    arena.server.send(signal.SIGSTOP)
    try:
        _train_meanwhile(arena, 10)
    finally:
        arena.server.send(signal.SIGCONT)


def interrupt(number: signal.Signals) -> Fault:
    """Make a fault: the driver is asked to end, and does with all runs closed."""

    def inject(arena: Arena, driver: psutil.Process) -> None:
        driver.send_signal(number)
        errors = _await_code(arena, {128 + number, 0})
        assert "Traceback" not in errors, errors
        assert not arena.ledger.open_runs(), arena.root

    return inject


def fill_disk(arena: Arena, driver: psutil.Process) -> None:
    """No byte more can be written by the driver: one line, and the same command goes on."""
    while True:
        stages, most = len(arena.stages), arena.size()
        driver.rlimit(resource.RLIMIT_FSIZE, (most, most))
        errors = _await_code(arena, {0, 1})
        if len(arena.stages) == stages:
            break
        driver = arena.moment()  # that one had just written its last
    assert "File too large" in errors.splitlines()[-1], errors
    assert "Traceback" not in errors, errors


def tear_ledger(arena: Arena, driver: psutil.Process) -> None:
    """The machine goes down, and the end of the ledger with it."""
    kill_driver(arena, driver)
    path = arena.ledger.path
    if path.exists() and path.stat().st_size:
        content = path.read_bytes()
        last = len(content.rstrip(b"\n").rpartition(b"\n")[0])
        path.write_bytes(content[: arena.chance.randint(last + 1, len(content))])


def damage_ledger(arena: Arena, driver: psutil.Process) -> None:
    """A bit of one of the ledger's last lines turns: refused there, with what cuts it off.

    MLflow has what is cut; it shows the run anew.
    """
    kill_driver(arena, driver)
    arena.server.start()
    path = arena.ledger.path
    content = bytearray(path.read_bytes())
    lines = content.splitlines(keepends=True)
    last = sum(map(len, lines[-5:]))
    place = len(content) - 2 - arena.chance.randrange(last - 1)  # not the break at its end
    content[place] ^= 1 << arena.chance.randrange(8)
    path.write_bytes(content)
    arena.process = arena.start()
    refused = _await_code(arena, {2}).splitlines()[-1]
    found = re.search(r"ledger\.jsonl: damaged at byte (\d+): .*`truncate -s \1`", refused)
    assert found and int(found[1]) <= place, refused
    os.truncate(path, int(found[1]))
    arena.set_apart()


def damage_data(arena: Arena, driver: psutil.Process) -> None:
    """A file of the prepared data is cut, or a bit of it turns: refused by its name."""
    kill_driver(arena, driver)
    data = arena.root / "data" / "prepared" / "toy"
    data.unlink()  # a link to what all runs share
    shutil.copytree(arena.prepared, data)
    path = _damage(arena, [path for path in sorted(data.rglob("*")) if path.is_file()])
    assert path is not None
    arena.process = arena.start()
    refused = _await_code(arena, {2}).splitlines()[-1]
    assert f"{path.relative_to(arena.root)}: damaged" in refused, refused
    shutil.rmtree(data)
    data.symlink_to(arena.prepared)


def damage_checkpoint(arena: Arena, driver: psutil.Process) -> None:
    """A checkpoint is cut, or a bit of it turns; it is seen, and the one before or none used."""
    kill_driver(arena, driver)
    _damage(arena, sorted((arena.root / "results").rglob("*.pt")))


def damage_model(arena: Arena, driver: psutil.Process) -> None:
    """A file of a final's model is cut, or a bit turns; it is seen, and the final trained again."""
    kill_driver(arena, driver)
    files = sorted((arena.root / "models" / "toy").glob("*/*/*"))
    arena.damaged += _damage(arena, files) is not None


def start_again(arena: Arena, driver: psutil.Process) -> None:
    """The same command while it runs: refused in a line that names the first."""
    second = arena.start()
    _, errors = second.communicate(timeout=60)
    if driver.is_running() and driver.status() != psutil.STATUS_ZOMBIE:
        assert second.returncode == 2, errors
        assert f"is being run by process {driver.pid}" in errors.splitlines()[-1], errors
    else:  # the first had ended, and this one found all done
        assert second.returncode == 0, errors


FAULTS: dict[str, tuple[int, Fault]] = {  # with how often each is drawn
    "kill −9 of the driver": (4, kill_driver),
    "kill −9 of a worker": (4, kill_worker),
    "kill −9 of a machine, another joins": (2, kill_machine),
    "a machine that answers no more": (1, freeze_machine),
    "a network that breaks": (1, break_network(mended=False)),
    "a network that breaks and is mended": (1, break_network(mended=True)),
    "MLflow away for 10 s": (2, stop_mlflow(10)),
    "MLflow away for 60 s": (1, stop_mlflow(60)),
    "MLflow away until the end": (2, stop_mlflow(None)),
    "MLflow that does not answer": (1, freeze_mlflow),
    "SIGINT": (2, interrupt(signal.SIGINT)),
    "SIGTERM": (2, interrupt(signal.SIGTERM)),
    "no room on the disk": (2, fill_disk),
    "the ledger's end torn off": (2, tear_ledger),
    "a damaged ledger": (2, damage_ledger),
    "damaged data": (2, damage_data),
    "a damaged checkpoint": (2, damage_checkpoint),
    "a damaged model": (2, damage_model),
    "the same command twice": (1, start_again),
}


def _await_code(arena: Arena, codes: set[int]) -> str:
    process = arena.process
    assert process is not None
    _, errors = process.communicate(timeout=60)
    assert process.returncode in codes, (process.returncode, errors)
    if process.returncode == 0:
        arena.stages.pop(0)
    arena.process = None
    return errors


def _running(arena: Arena) -> bool:
    return arena.process is not None and arena.process.poll() is None


def _await_both(arena: Arena) -> None:
    """Wait until both machines, which have a core each, are at work on a training."""
    while arena.nodes.busy() < 2:
        arena.nodes.add_again()
        if not _running(arena):
            arena.moment()
        time.sleep(0.02)


def _expect_all_to_go_on(arena: Arena) -> float:
    """See every training that is under way come to its next epoch, or to its end.

    Returns the seconds until all had, or the stage was at its end.
    """
    began = time.monotonic()
    epochs = {run: len(arena.ledger.run(run).curve) for run in arena.ledger.open_runs()}
    while _running(arena) and epochs:
        for run, count in list(epochs.items()):
            record = arena.ledger.run(run)
            if record.kind == "search" or record.status != "RUNNING" or len(record.curve) > count:
                del epochs[run]
        waited = time.monotonic() - began
        assert waited < PARTITION, f"{arena.root}: {list(epochs)} did not go on in {waited:.0f} s"
        time.sleep(0.1)
    waited = time.monotonic() - began
    arena.tally.moved.append(waited)
    return waited


def _expect_use(arena: Arena, joined: float) -> None:
    """See a process that began since then train, in time or until the stage ends.

    The other machine's only core is taken, so it is on the one that joined.
    """
    end = time.monotonic() + PARTITION
    while _running(arena) and all(w.create_time() < joined for w in arena.nodes.training()):
        arena.nodes.add_again()
        assert time.monotonic() < end, f"{arena.root}: the new machine is not used"
        time.sleep(0.1)


def _train_meanwhile(arena: Arena, seconds: float) -> None:
    """See that no training waits, for so many seconds or until the stage ends.

    One whose worker is busy does not: a worker that is new on a busy machine takes its time.
    """
    end = time.monotonic() + seconds
    size, grew = arena.size(), time.monotonic()
    while _running(arena) and time.monotonic() < end:
        time.sleep(0.05)
        if arena.size() > size or arena.nodes.busy() or not arena.ledger.open_runs():
            size, grew = arena.size(), time.monotonic()
        waited = time.monotonic() - grew
        assert waited < STEP, f"{arena.root}: nothing was recorded for {waited:.0f} s"
    time.sleep(max(0.0, end - time.monotonic()))


def _damage(arena: Arena, paths: list[Path]) -> Path | None:
    """Damage one of some files, and return it; None where there is none."""
    if not paths:
        return None
    path = arena.chance.choice(paths)
    content = bytearray(path.read_bytes())
    if arena.chance.random() < 0.5:
        del content[len(content) // 2 :]
    else:
        content[arena.chance.randrange(len(content))] ^= 1 << arena.chance.randrange(8)
    path.write_bytes(content)
    return path
