"""The faults: each is injected at a moment of a run, and says what must hold at once."""

from __future__ import annotations

import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from .arena import Arena

Fault = Callable[[Arena, psutil.Process], None]
STEP = 5.0  # seconds that no training may wait for MLflow
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
    """Kill −9 of a raylet, and a machine that joins instead."""
    arena.nodes.order("kill")
    _expect_progress(arena, PARTITION)
    joined = time.time()
    arena.nodes.order("add")
    _expect_use(arena, joined, PARTITION)


def freeze_machine(arena: Arena, driver: psutil.Process) -> None:
    """A machine that answers no more, as behind a broken network; the run goes on without it."""
    arena.nodes.order("freeze")
    _expect_progress(arena, PARTITION)
    arena.nodes.order("kill")
    arena.nodes.order("add")


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
    most = arena.size()
    driver.rlimit(resource.RLIMIT_FSIZE, (most, most))
    errors = _await_code(arena, {1})
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


def damage_checkpoint(arena: Arena, driver: psutil.Process) -> None:
    """A checkpoint is cut, or a bit of it turns; it is seen, and the one before or none used."""
    kill_driver(arena, driver)
    _damage(arena, sorted((arena.root / "results").rglob("*.pt")))


def damage_model(arena: Arena, driver: psutil.Process) -> None:
    """The weights of a final are cut, or a bit of them turns; it is seen, and trained again."""
    kill_driver(arena, driver)
    arena.damaged += _damage(arena, sorted((arena.root / "models").rglob("*.safetensors")))


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
    "MLflow away for 10 s": (2, stop_mlflow(10)),
    "MLflow away for 60 s": (1, stop_mlflow(60)),
    "MLflow away until the end": (2, stop_mlflow(None)),
    "MLflow that does not answer": (1, freeze_mlflow),
    "SIGINT": (2, interrupt(signal.SIGINT)),
    "SIGTERM": (2, interrupt(signal.SIGTERM)),
    "no room on the disk": (2, fill_disk),
    "the ledger's end torn off": (2, tear_ledger),
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


def _expect_progress(arena: Arena, seconds: float) -> None:
    """See the ledger grow by some epochs within so many seconds, or the stage end."""
    size, end = arena.size(), time.monotonic() + seconds
    while _running(arena) and arena.size() < size + 3000:
        assert time.monotonic() < end, f"{arena.root}: nothing went on in {seconds:g} s"
        time.sleep(0.1)


def _expect_use(arena: Arena, joined: float, seconds: float) -> None:
    """See a process that began since then train, within so many seconds or until the stage ends.

    The other machine's only core is taken, so it is on the one that joined.
    """
    end = time.monotonic() + seconds
    while _running(arena) and all(w.create_time() < joined for w in arena.nodes.training()):
        assert time.monotonic() < end, f"{arena.root}: the new machine is not used"
        time.sleep(0.1)


def _train_meanwhile(arena: Arena, seconds: float) -> None:
    """See that no training waits, for so many seconds or until the stage ends."""
    end = time.monotonic() + seconds
    size, grew = arena.size(), time.monotonic()
    while _running(arena) and time.monotonic() < end:
        time.sleep(0.05)
        if arena.size() > size or not arena.ledger.open_runs():
            size, grew = arena.size(), time.monotonic()
        waited = time.monotonic() - grew
        assert waited < STEP, f"{arena.root}: nothing was recorded for {waited:.0f} s"
    time.sleep(max(0.0, end - time.monotonic()))


def _damage(arena: Arena, paths: list[Path]) -> bool:
    """Damage one of some files, and tell whether there was any."""
    if not paths:
        return False
    path = arena.chance.choice(paths)
    content = bytearray(path.read_bytes())
    if arena.chance.random() < 0.5:
        del content[len(content) // 2 :]
    else:
        content[arena.chance.randrange(len(content))] ^= 1 << arena.chance.randrange(8)
    path.write_bytes(content)
    return True
