"""Trainings in the ledger, found again by what they train."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from seqarena.config import parse
from seqarena.epochs import Epoch, is_finite
from seqarena.experiments import ResolvedExperiment
from seqarena.runs import Job, Keys, Result, StudyResult
from seqarena.search.checkpoints import Checkpoint, Checkpoints
from seqarena.search.code import training_code
from seqarena.tasks.metric import Bounds
from seqarena.tracking.events import End, Kind, Run
from seqarena.tracking.recorder import Recorder


@dataclass
class History:
    """The epochs of a training so far, and the best of them."""

    bounds: Bounds
    order: tuple[float, float] = (-math.inf, -math.inf)
    score: float = math.nan
    loss: float = math.nan
    best_epoch: int = 0
    epochs: int = 0
    seconds: float = 0.0
    bests: list[tuple[int, float, float]] = field(default_factory=list)  # after each epoch

    def add(self, epoch: int, score: float, loss: float, seconds: float, finite: bool) -> None:
        """Take one more epoch; which is best is decided as `Training` does."""
        order = self.bounds.order(score, loss)
        if finite and order > self.order:
            self.order, self.score, self.loss, self.best_epoch = order, score, loss, epoch
        self.epochs, self.seconds = epoch, self.seconds + seconds
        if self.best_epoch:
            self.bests.append((epoch, self.score, self.loss))


class Records:
    """All trainings of an experiment."""

    def __init__(self, experiment: ResolvedExperiment, recorder: Recorder, bounds: Bounds) -> None:
        self.recorder, self.ledger = recorder, recorder.ledger
        self.keys = Keys(experiment.config, recorder.tags["data.digest"], training_code)
        self.metric_name, self.bounds = experiment.config.metric, bounds
        folder, most = experiment.results / "checkpoints", experiment.config.resources.disk
        self.checkpoints = Checkpoints(folder, most, self._spared)
        self.checkpoints.drop_others(self.ledger.runs())  # a ledger may have lost its last runs
        self.checkpoints.keep_within()

    def run(self, key: str) -> Run | None:
        """Return the run of a key, done or not: the last, begun where others were of no use."""
        return self.ledger.last(key)

    def result(self, run: Run) -> Result | None:
        """Return what came of a run; None where it is not at its end."""
        if run.result is None or run.status == "RUNNING":
            return None
        return parse(Result, run.result, f"{self.ledger.path}: run {run.id}")

    def checkpoint(self, run: Run) -> Checkpoint | None:
        """Return the last state that was kept of a run, if the ledger holds all that led to it.

        Where a machine went down, the ledger may have lost its last epochs, and a newer state not.
        """
        found = self.checkpoints.last(run.id)
        if found is None or found.epochs <= self.history(run).epochs:
            return found
        told = f"of epoch {found.epochs}, which the ledger lost; not used"
        print(f"warning: {found.path}: {told}", file=sys.stderr)
        return None

    def _spared(self, run: str, epochs: int) -> float:
        """Return the seconds of training that a checkpoint spares; 0 where nothing goes on."""
        found = self.ledger.runs().get(run)
        if found is None or self.result(found) or found.tags.get("current") == "false":
            return 0.0
        return self.history(found, epochs).seconds

    def history(self, run: Run | None, epochs: float = math.inf) -> History:
        """Read back the first epochs of a run."""
        history = History(self.bounds)
        for epoch, values in sorted(run.curve.items()) if run else ():
            if epoch <= epochs and "valid_loss" in values:
                loss, seconds = values["valid_loss"], values["epoch_seconds"]
                finite = is_finite(values["train_loss"], loss)
                history.add(epoch, values[f"valid_{self.metric_name}"], loss, seconds, finite)
        return history

    def curve(self, run: str) -> Iterator[tuple[int, float]]:
        """Yield the epochs of a run and their scores on valid, where these are finite."""
        for epoch, values in sorted(self.ledger.run(run).curve.items()):
            score = values.get(f"valid_{self.metric_name}", math.nan)
            if math.isfinite(score):
                yield epoch, score

    def begin(self, job: Job, key: str) -> str:
        """Begin the run of a training under its key, or go on with the one that was begun."""
        params: dict[str, Any] = {"variant": job.variant, "repetition": job.repetition}
        parent = None
        if job.kind == "trial":
            parent = self._begin(
                self.keys.study(job.variant, job.repetition),
                "search",
                f"{job.variant} repetition {job.repetition} search",
                params,
            )
            params = {**params, "trial": job.number}
        params = {**params, "seed": job.seed, **job.hyperparameters}
        return self._begin(key, job.kind, job.name, params, parent)

    def end_study(self, variant: str, repetition: int, best: StudyResult | None) -> None:
        """End the run that the trials of a study stand under, where it is open."""
        run = self.run(self.keys.study(variant, repetition))
        if run is None or run.status == "FINISHED":
            return
        if run.status != "RUNNING":
            self.ledger.resume(run.id)
        if best is None:
            self.ledger.end(run.id, "FAILED", "no trial came to a score")
        else:
            self.ledger.metrics(run.id, best.trials, {"objective": best.score})
            self.ledger.end(run.id, "FINISHED")

    def _begin(
        self,
        key: str,
        kind: Kind,
        name: str,
        params: Mapping[str, Any],
        parent: str | None = None,
    ) -> str:
        known = self.run(key)
        if known is not None and known.result is None:
            if known.status == "RUNNING":
                return known.id
            self.ledger.resume(known.id)
            run = known.id
        else:
            tags = self.recorder.tags
            run = self.ledger.start(kind, name, parent=parent, params=params, tags=tags, key=key)
        if kind != "trial":
            self.recorder.trace(run)
        return run

    def epoch(self, run: str, epoch: Epoch, system: Mapping[str, float]) -> None:
        """Record an epoch and what it took of the machine, unless it was before an interruption."""
        if epoch.epoch not in self.ledger.run(run).curve:
            self.ledger.metrics(run, epoch.epoch, {**epoch.values(), **system})

    def about(self, run: str, tags: Mapping[str, str]) -> None:
        """Tag a run, where it lacks the tags."""
        if not tags.items() <= self.ledger.run(run).tags.items():
            self.ledger.tag(run, tags)

    def end(self, run: str, job: Job, result: Result) -> None:
        """Record what came of a training, and drop its checkpoint."""
        if result.best is not None:
            seconds = "seconds" if job.kind == "trial" else "train_seconds"
            reached = {"objective": result.best[0], seconds: result.seconds}
            self.ledger.metrics(run, result.best_epoch, reached)
        self.about(run, {"outcome": result.outcome})
        status: End = "FAILED" if result.outcome == "failed" else "FINISHED"
        self.ledger.end(run, status, result.reason, result.model_dump(mode="json"))
        self.checkpoints.drop(run)
