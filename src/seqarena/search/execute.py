"""Trainings over the workers of a pool, each recorded in the ledger, none run twice.

What the ledger holds as done under the same key is used; what stands there unfinished goes on from
its checkpoint, in the same run. So any command may be run again after any interruption, and a
larger budget runs what is missing: the result is the one of a run that was never interrupted.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Protocol

from seqarena.cluster.pool import ATTEMPTS, WAIT, CallError, Pool, ProcessLostError, Seat
from seqarena.epochs import Epoch
from seqarena.errors import RunError
from seqarena.progress import Progress as Display
from seqarena.runs import Job, Result
from seqarena.search.checkpoints import Checkpoint
from seqarena.search.records import History, Records
from seqarena.search.worker import Progress
from seqarena.tracking.events import End

NOT_FINITE = "the loss is not finite"


class Work(Protocol):
    """Trainings one after the other, each decided by what came of those before it."""

    @property
    def remaining(self) -> int:
        """How many are still to come, the one that `next` gave last included."""

    def next(self) -> Job | None:
        """Return the next one; None when all are done."""

    def usable(self, job: Job, result: Result) -> bool:
        """Tell whether a result of the ledger still stands."""

    def prune(self, epoch: int, score: float, loss: float) -> bool:
        """Take the best so far after an epoch; return whether the training is to end there."""

    def keep(self, job: Job, weights: dict[str, Any]) -> str:
        """Keep the weights of a training that finished; return the digest of what was written."""

    def finish(self, run: str, job: Job, result: Result) -> None:
        """Take what came of the training."""


@dataclass
class Active:
    """A training that waits for a worker, or that one is busy with."""

    work: Work
    job: Job
    key: str  # of the job, in the ledger
    history: History
    checkpoint: Checkpoint | None
    run: str = ""  # once a worker has it
    attempts: int = 0
    last: float = 0.0  # when its last epoch ended, or this attempt began
    device: str = ""  # that trains it, once a worker has told


class Execution:
    """All trainings of a stage."""

    def __init__(
        self,
        records: Records,
        display: Display,
        *,
        timeout: float | None = None,
        after: Callable[[Any], str] = lambda _: "",
    ) -> None:
        """Call `after` with the work of each training that ended, for a note on how all stand."""
        self.records, self.display, self.after = records, display, after
        self.timeout = timeout or math.inf
        self.waiting: list[Active] = []
        self.active: dict[Seat, Active] = {}
        self.lost: list[str] = []  # what no machine could finish
        self.seconds: dict[str, list[float]] = {}  # variant -> of its trainings

    def run(self, works: Sequence[Work], pool: Pool) -> None:
        """Bring all works to their end; raises `RunError` where machines failed too often.

        An exception on the way, Ctrl-C included, ends all open runs with their true status.
        """
        try:
            for work in works:
                self._go_on(work)
            while self.waiting or self.active:
                pool.resize(len(self.waiting) + len(self.active))
                for seat in pool.idle():
                    self._assign(seat)
                for seat, result in pool.wait(WAIT):
                    self._take(seat, result)
                self._end_overdue(pool)
                self.records.recorder.maybe_update()
        except (KeyboardInterrupt, SystemExit):
            self._abandon("KILLED")
            raise
        except BaseException:
            self._abandon("FAILED")
            raise
        if self.lost:
            self._abandon("FAILED")
            raise RunError("; ".join(self.lost))

    def _go_on(self, work: Work) -> None:
        """Bring a work to its next training that is not done already, and let that wait."""
        while (job := work.next()) is not None:
            key = self.records.keys(job)
            run = self.records.run(key)
            result = self.records.result(run) if run else None
            usable = result is not None and work.usable(job, result)
            checkpoint = self.records.checkpoint(run) if run and not result else None
            done = math.inf if usable else checkpoint.epochs if checkpoint else 0
            history = self.records.history(run, done)
            for best in history.bests:
                work.prune(*best)
            if run is None or result is None or not usable:
                self.waiting.append(Active(work, job, key, history, checkpoint))
                return
            self._finish(work, run.id, job, result)

    def _assign(self, seat: Seat) -> None:
        """Give a worker the training of whose kind most is left to do: it must not come last."""
        if not self.waiting:
            return
        active = max(self.waiting, key=self._left)
        self.waiting.remove(active)
        active.run = self.records.begin(active.job, active.key)
        active.attempts, active.last = active.attempts + 1, time.monotonic()
        self.active[seat] = active
        if active.checkpoint and not active.checkpoint.path.exists():  # others had its room
            self._go_back(active)
        state = active.checkpoint.read() if active.checkpoint else None
        seat.ask("start", active.job, state)

    def _left(self, active: Active) -> float:
        known = self.seconds.get(active.job.variant)
        return active.work.remaining * fmean(known) if known else math.inf

    def _take(self, seat: Seat, result: Callable[[], Progress]) -> None:
        """Take what a call brought, and decide how its training goes on."""
        active = self.active[seat]
        try:
            progress = result()
        except ProcessLostError as error:
            self._lose(self.active.pop(seat), str(error))
            return
        except CallError as error:
            self._fail(self.active.pop(seat), str(error))
            return
        if progress.device != active.device:
            active.device = progress.device
            self.records.about(active.run, progress.about)
        pruned = progress.epoch is not None and self._prunes(
            active, progress.epoch, progress.system
        )
        if progress.state is not None:
            self.records.checkpoints.save(active.run, active.history.epochs, progress.state)
        if pruned or (progress.epoch is not None and progress.epoch.last):
            self._end(self.active.pop(seat), self._result(active, progress, pruned))
        else:
            seat.ask("go_on")

    def _prunes(self, active: Active, epoch: Epoch, system: Mapping[str, float]) -> bool:
        """Record an epoch; return whether the training is to end for being behind others."""
        self.records.epoch(active.run, epoch, system)
        score, history = epoch.scores[self.records.metric_name], active.history
        history.add(epoch.epoch, score, epoch.valid_loss, epoch.seconds, epoch.finite)
        active.last = time.monotonic()
        if epoch.last or not history.bests:
            return False
        return active.work.prune(*history.bests[-1])

    def _result(self, active: Active, progress: Progress, pruned: bool) -> Result:
        history, model = active.history, ""
        spent = Result(
            outcome="pruned" if pruned else "finished",
            epochs=history.epochs,
            steps=progress.steps,
            seconds=history.seconds,
            parameters=progress.parameters,
            device=progress.device,
        )
        if not history.best_epoch:
            return spent.model_copy(update={"outcome": "failed", "reason": NOT_FINITE})
        if progress.weights is not None:
            model = active.work.keep(active.job, progress.weights)
        best = {"best": (history.score, history.loss), "best_epoch": history.best_epoch}
        return spent.model_copy(update={**best, "model": model})

    def _fail(self, active: Active, reason: str, timeout: float | None = None) -> None:
        """End a training that cannot be finished: its trial is spent."""
        spent = active.history.seconds + time.monotonic() - active.last
        epochs = active.history.epochs
        result = Result(outcome="failed", reason=reason, epochs=epochs, seconds=spent)
        self._end(active, result.model_copy(update={"timeout": timeout}))

    def _end(self, active: Active, result: Result) -> None:
        self.records.end(active.run, active.job, result)
        self._finish(active.work, active.run, active.job, result)
        self._go_on(active.work)

    def _finish(self, work: Work, run: str, job: Job, result: Result) -> None:
        self.seconds.setdefault(job.variant, []).append(result.seconds)
        work.finish(run, job, result)
        self.display.advance(self.after(work))

    def _lose(self, active: Active, reason: str) -> None:
        """Let a training whose worker is gone go on elsewhere, from its checkpoint."""
        if active.attempts < ATTEMPTS:
            self._go_back(active)
            self.waiting.append(active)
            return
        message = f"{active.job.name}: its worker was lost {ATTEMPTS} times: {reason}"
        self.records.ledger.end(active.run, "FAILED", message)
        self.lost.append(message)

    def _go_back(self, active: Active) -> None:
        """Let a training go on from what is kept of it by now."""
        run = self.records.ledger.run(active.run)
        active.checkpoint = self.records.checkpoint(run)
        epochs = active.checkpoint.epochs if active.checkpoint else 0
        active.history = self.records.history(run, epochs)

    def _end_overdue(self, pool: Pool) -> None:
        """End trainings that take longer than the protocol allows."""
        if self.timeout == math.inf:
            return
        for seat, active in list(self.active.items()):
            if active.history.seconds + time.monotonic() - active.last > self.timeout:
                pool.end(seat)
                reason = f"it took more than {self.timeout:g} s, protocol.timeout"
                self._fail(self.active.pop(seat), reason, self.timeout)

    def _abandon(self, status: End) -> None:
        """End every open run with `status`."""
        for run in reversed(self.records.ledger.open_runs()):
            self.records.ledger.end(run, status)
        self.records.recorder.update()
