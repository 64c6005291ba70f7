"""`seqarena run`: experiments side by side on one Ray, each by `dvc repro`, then the report."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from seqarena.cli.dvc import LOCKED, TRIES, dvc, environment, reason_in, repro
from seqarena.cli.run_status import RunDisplay, Share, Status
from seqarena.cluster.access import OWN, has_machines
from seqarena.config import PARAMS, read_params
from seqarena.datasets.own.pin import note_changes
from seqarena.errors import RunError
from seqarena.experiments import ResolvedExperiment, load
from seqarena.progress import FOLLOWED
from seqarena.tracking.follower import as_follower
from seqarena.tracking.ledger import Ledger
from seqarena.tracking.lock import only_run
from seqarena.tracking.mlflow.projection import Projection

POLL = 0.5  # seconds between looks at the processes
GRACE = 8.0  # seconds that a process has to end and to record that it was ended
LATE = ("train", "evaluate")  # stages after the search
RUNNING = "Running stage '"  # how DVC announces a stage
COUNTED = re.compile(
    r"(search|train) \S+: (?P<done>\d+/\d+) after \d+ s (?P<best>.*)$"
)  # `Progress`


@dataclass
class Job:
    """One experiment on its way to a verdict: a `dvc repro` in a process group of its own."""

    experiment: ResolvedExperiment
    process: subprocess.Popen[str]
    projection: Projection
    tries: int
    began: float = field(default_factory=time.time)
    stage: str = "starting"
    done: str = ""  # of the trainings of the stage
    best: str = ""
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=50))

    def __post_init__(self) -> None:
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        """Keep all output in ``run.log``, and of it what the display needs."""
        assert self.process.stdout is not None
        with (self.experiment.results / "run.log").open("w") as log:
            for line in self.process.stdout:
                log.write(line)
                log.flush()
                self.tail.append(line)
                if line.startswith(RUNNING):
                    self.stage = line.removeprefix(RUNNING).partition("@")[0].partition("'")[0]
                    self.done = ""
                elif counted := COUNTED.match(line):
                    kind = "trials" if self.stage == "search" else "finals"
                    self.done = f"{counted['done']} {kind}"
                    self.best = counted["best"] or self.best

    @property
    def reason(self) -> str:
        """The line that says why it failed."""
        return reason_in("".join(self.tail))

    @property
    def goes_on(self) -> bool:
        """Whether it failed for the lock of DVC alone, so that the same command goes on."""
        return bool(self.process.returncode) and LOCKED in self.reason and self.tries < TRIES

    def signal(self, number: int) -> bool:
        """Send a signal to the whole group; return whether there was anyone left to take it."""
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return False
        self.process.poll()  # collected here, dvc itself no longer counts as one of the group
        return True

    def status(self) -> Status:
        """Say how far it is."""
        seconds = time.time() - self.began
        return Status(self.experiment.name, self.stage, self.done, self.best, seconds)


def run_experiments(names: Sequence[str], jobs: int) -> tuple[Share | None, list[str]]:
    """Bring experiments to their verdicts, at most `jobs` at a time, and write the report.

    Returns how busy the cores were, None where nothing was to do, and a line for each experiment
    that failed. Raises `InputError` for a mistake in any of their sections before one is started.
    """
    for name in note_changes(names):
        print(f"{name}: its files have changed; {PARAMS} has their new sha256")
    sections = read_params()["experiments"]
    with ExitStack() as stack:
        locks = {
            name: stack.enter_context(only_run(Path("results", name)))
            for name in names
            if name in sections  # `load` refuses the others
        }
        experiments, stale = _load(names)
        waiting = [e for e in experiments if any(s.endswith(f"@{e.name}") for s in stale)]
        if not waiting and "compare" not in stale:
            return None, []
        share = Share(experiments)
        failures = _run_all(waiting, jobs, share, locks) if waiting else []
        repro("compare", "--single-item")
    return share, failures


def _load(names: Sequence[str]) -> tuple[list[ResolvedExperiment], set[str]]:
    """Check experiments, while DVC looks which stages are stale."""
    with subprocess.Popen(
        [sys.executable, "-m", "dvc", "status", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as status:
        try:
            experiments = [load(name) for name in names]
        except BaseException:
            status.kill()
            raise
        return experiments, _stale(status)


def _run_all(
    waiting: list[ResolvedExperiment], jobs: int, share: Share, locks: Mapping[str, int]
) -> list[str]:
    """Run the experiments; return a line for each that failed."""
    from seqarena.cluster.session import cluster, import_meanwhile

    import_meanwhile("seqarena.tracking.mlflow.writer")
    running: list[Job] = []
    failures: list[str] = []
    with ExitStack() as stack:
        address = stack.enter_context(cluster())
        display = RunDisplay([e.name for e in waiting])
        stack.enter_context(display.showing())
        stack.callback(_end_all, running)
        queue = list(waiting)
        while queue or running:
            while queue and _has_room(running, jobs):
                experiment = queue.pop(0)
                running.append(_start(experiment, address, locks[experiment.name]))
            time.sleep(POLL)
            for job in list(running):
                ended = job.process.poll() is not None
                display.show(job.status())
                job.projection.maybe_update()
                if ended:
                    running.remove(job)
                    job.reader.join()
                    if job.goes_on:
                        lock = locks[job.experiment.name]
                        running.append(_start(job.experiment, address, lock, job.tries + 1))
                    else:
                        failures += _finish(job, display)
            share.look()
    return failures


def _has_room(running: list[Job], jobs: int) -> bool:
    """Tell whether one more experiment may begin.

    Half of them may be on their way to their finals: a search has more to do than there are cores,
    and two that share these would both come to their verdicts late.
    """
    early = [job for job in running if job.stage not in LATE]
    return len(running) < jobs and len(early) < (jobs + 1) // 2


def _start(experiment: ResolvedExperiment, address: str, lock: int, tries: int = 1) -> Job:
    projection = Projection(Ledger(experiment.ledger, experiment.name))
    projection.update()  # its experiment stands in MLflow before the next one is made
    joined = {"RAY_ADDRESS": address} if has_machines() else {"RAY_ADDRESS": address, OWN: "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro", f"evaluate@{experiment.name}"],
        env={**environment(), **joined, FOLLOWED: as_follower(), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # Ctrl-C reaches this process alone, which ends the others
        pass_fds=[lock],  # held until it is gone, even where this process was killed
    )
    return Job(experiment, process, projection, tries)


def _finish(job: Job, display: RunDisplay) -> list[str]:
    job.projection.update()
    code = job.process.returncode
    if code == 0:
        display.verdict(job.experiment)
        return []
    display.failure(job.experiment.name, job.reason)
    return [f"{job.experiment.name}: {job.reason} ({job.experiment.results / 'run.log'})"]


def _end_all(jobs: list[Job]) -> None:
    """Ask every process to end, and kill what is left after `GRACE`; DVC alone leaves its stage."""
    for job in jobs:
        job.signal(signal.SIGTERM)
    deadline = time.time() + GRACE
    while time.time() < deadline and any(job.signal(0) for job in jobs):
        time.sleep(0.1)
    for job in jobs:
        job.signal(signal.SIGKILL)
        job.projection.update()


def _stale(status: subprocess.Popen[str]) -> set[str]:
    """Name the stages whose inputs or outputs differ from dvc.lock."""
    printed, errors = status.communicate()
    if status.returncode and LOCKED in errors:
        printed = dvc("status", "--json")
    elif status.returncode:
        raise RunError(reason_in(errors))
    return set(json.loads(printed))
