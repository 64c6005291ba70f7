"""How far `seqarena run` is: a live table on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import psutil
from rich.console import Console
from rich.live import Live
from rich.table import Table

from seqarena.cluster.access import named_cluster
from seqarena.experiments import ResolvedExperiment
from seqarena.records import Summary
from seqarena.tracking.ledger import Ledger

EVERY = 30.0  # seconds between lines of one experiment where there is no terminal


@dataclass(frozen=True)
class Status:
    """How far one experiment is."""

    name: str
    stage: str = "waiting"
    done: str = ""  # trials or finals that ended, of how many
    best: str = ""  # the best validation score of a trial so far, and whose it is
    seconds: float = 0.0
    verdict: str = ""

    def line(self) -> str:
        parts = (f"{self.name}: {self.stage}", self.done, f"{self.seconds:.0f} s", self.best)
        return "  ".join(part for part in parts if part)


class RunDisplay:
    """Shows the statuses of all experiments of a run."""

    def __init__(self, names: Sequence[str]) -> None:
        self.rows = {name: Status(name) for name in names}
        self.reported: dict[str, tuple[str, float]] = {}  # in a log: the last stage and when
        self.terminal = sys.stderr.isatty()
        self.live = Live(console=Console(stderr=True), auto_refresh=False, transient=False)

    def showing(self) -> AbstractContextManager[object]:
        """Return the block in which the table lives; a log has none."""
        return self.live if self.terminal else nullcontext()

    def show(self, status: Status) -> None:
        """Show how far one experiment is."""
        self.rows[status.name] = status
        if self.terminal:
            self.live.update(self._table(), refresh=True)
            return
        stage, when = self.reported.get(status.name, ("", 0.0))
        if stage != status.stage or time.time() - when > EVERY:
            self.reported[status.name] = status.stage, time.time()
            self._print(status.line())

    def verdict(self, experiment: ResolvedExperiment) -> None:
        """Show the verdict that an experiment came to."""
        sentence = Summary.read(experiment.results / "summary.json").verdict
        self._end(experiment.name, "done", sentence)

    def failure(self, name: str, reason: str) -> None:
        """Show why an experiment has no verdict."""
        self._end(name, "failed", reason)

    def _end(self, name: str, stage: str, sentence: str) -> None:
        seconds = self.rows[name].seconds
        self.rows[name] = Status(name, stage, seconds=seconds, verdict=sentence)
        if self.terminal:
            self.live.update(self._table(), refresh=True)
        else:
            self._print(f"{name}: {stage} after {seconds:.0f} s: {sentence}")

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False, expand=True)
        for heading in ("experiment", "stage", "done", "time"):
            table.add_column(heading, no_wrap=True)
        table.add_column("best so far, then the verdict", ratio=1)
        for row in self.rows.values():
            minutes, seconds = divmod(round(row.seconds), 60)
            clock = f"{minutes}:{seconds:02}" if row.stage != "waiting" else ""
            table.add_row(row.name, row.stage, row.done, clock, row.verdict or row.best)
        return table

    def _print(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)


class Share:
    """How busy the cores of this machine were, and how much of that was training."""

    def __init__(self, experiments: Sequence[ResolvedExperiment]) -> None:
        self.experiments = experiments
        self.cores = psutil.cpu_count() or 1
        self.began, self.wall, self.busy = time.time(), 0.0, 0.0
        self._before = psutil.cpu_times()

    def look(self) -> None:
        """Take the time up to now."""
        now = psutil.cpu_times()
        idle = (now.idle + now.iowait) - (self._before.idle + self._before.iowait)
        self.wall = time.time() - self.began
        self.busy = max(0.0, 1 - idle / (self.wall * self.cores))

    def __str__(self) -> str:
        if not self.wall:
            return "Only the report was written."
        trained = sum(map(self._trained, self.experiments))
        if named_cluster()[0]:  # the cores that trained are not those of this machine
            return f"{self.wall / 60:.1f} minutes; all trainings together {trained / 60:.1f}."
        return (
            f"{self.wall / 60:.1f} minutes; {self.cores} cores busy {self.busy:.0%} of them, "
            f"training {trained / self.wall / self.cores:.0%}."
        )

    def _trained(self, experiment: ResolvedExperiment) -> float:
        """Sum the seconds of all epochs that ended since the beginning."""
        since = self.began * 1000  # as the ledger has times
        events = (event.data for event in Ledger(experiment.ledger, experiment.name).events())
        epochs = (e["values"] for e in events if e["event"] == "metrics" and e["time"] >= since)
        return sum(float(values.get("epoch_seconds", 0.0)) for values in epochs)
