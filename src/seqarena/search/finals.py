"""The train stage: the best configuration of every repetition once more, on its own seed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from seqarena.data.store import DataSpec, Prepared
from seqarena.errors import RunError
from seqarena.experiments import ResolvedExperiment
from seqarena.files import digest_of
from seqarena.predict import save_model
from seqarena.progress import Progress
from seqarena.runs import Final, Finals, Job, Result, SearchResult
from seqarena.search.execute import Execution
from seqarena.search.records import Records
from seqarena.search.training_pool import training_pool
from seqarena.tasks import task_for
from seqarena.tracking.recorder import Recorder


class FinalError(RunError):
    """A final that gave no model."""


class FinalTraining:
    """The final of one variant in one repetition: a work of a single training."""

    def __init__(self, experiment: ResolvedExperiment, job: Job, spec: DataSpec) -> None:
        self.experiment, self.job, self.spec = experiment, job, spec
        self.folder = experiment.model_of(job.variant, job.repetition)
        self.run, self.result = "", Result(outcome="failed")
        self.remaining = 1

    def next(self) -> Job | None:
        """Return the training until it is done."""
        return self.job if self.remaining else None

    def usable(self, job: Job, result: Result) -> bool:
        """Tell whether the model is still there as it was written."""
        return not result.model or (self.folder.is_dir() and digest_of(self.folder) == result.model)

    def prune(self, epoch: int, score: float, loss: float) -> bool:
        """Let every final go on."""
        return False

    def keep(self, job: Job, weights: dict[str, Any]) -> str:
        """Write the model and return the digest of its folder."""
        about = {
            "experiment": self.experiment.name,
            "task": self.experiment.config.task,
            "variant": job.variant,
            "hyperparameters": job.hyperparameters,
            "seed": job.seed,
        }
        save_model(self.folder, weights, self.spec, about)
        return digest_of(self.folder)

    def finish(self, run: str, job: Job, result: Result) -> None:
        """Take what came of it."""
        self.run, self.result, self.remaining = run, result, 0


def train_finals(experiment: ResolvedExperiment, found: SearchResult, recorder: Recorder) -> Finals:
    """Train a final of every variant in every repetition, ``models/<variant>/<repetition>`` each.

    Repetitions are paired: all variants have the same seeds, and none is that of a trial. Raises
    `FinalError` when one gives no model; what the others gave stays.
    """
    config, protocol = experiment.config, experiment.config.protocol
    spec = Prepared(experiment.prepared).spec
    jobs = [
        Job("final", variant, repetition, 0, study.hyperparameters, protocol.seed + repetition)
        for variant in config.variants
        for repetition in range(1, protocol.repetitions + 1)
        for study in [found.of(variant, repetition)]
    ]
    trainings = [FinalTraining(experiment, job, spec) for job in jobs]
    records = Records(experiment, recorder, task_for(config.task).metrics[config.metric].bounds)
    display = Progress(f"train {experiment.name}", len(jobs))
    with display, training_pool(experiment, recorder.tags["data.digest"]) as pool:
        # The costliest variants stand last in params.yaml by custom, and begin: none waits for them
        Execution(records, display).run(trainings[::-1], pool)
    recorder.mark_current({training.run for training in trainings}, "final")
    recorder.update()
    failed = [training for training in trainings if training.result.best is None]
    if failed:
        reasons = "; ".join(f"{each.job.name}: {each.result.reason}" for each in failed)
        raise FinalError(f"{experiment.name}: {reasons}")
    _drop_others(experiment, {training.folder for training in trainings})
    return Finals(finals=tuple(_final(training, records) for training in trainings))


def _final(training: FinalTraining, records: Records) -> Final:
    job, result = training.job, training.result
    assert result.best is not None
    score, loss = result.best
    return Final(
        variant=job.variant,
        repetition=job.repetition,
        seed=job.seed,
        run=training.run,
        parameters=result.parameters,
        train_seconds=result.seconds,
        steps=result.steps,
        best_epoch=result.best_epoch,
        score=score,
        loss=loss,
        curve=tuple(records.curve(training.run)),
    )


def _drop_others(experiment: ResolvedExperiment, wanted: set[Path]) -> None:
    """Remove the models of variants and repetitions that are not of the experiment any more."""
    for folder in experiment.models.glob("*/*/"):
        if folder not in wanted:
            shutil.rmtree(folder)
    for folder in experiment.models.glob("*/"):
        if not any(folder.iterdir()):
            folder.rmdir()
