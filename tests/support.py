"""What several tests do alike: read tables, prepare raw data, keep a model, run a script."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from seqarena.config import Strict
from seqarena.data.batches import Batch
from seqarena.data.modalities.base import Modality
from seqarena.data.store import DataSpec, Prepared
from seqarena.fit import Epoch, Training
from seqarena.models.outputs import Logits
from seqarena.predict import save_model
from seqarena.runs import Final, Hyperparameters, StudyResult, TriedTrial
from seqarena.tasks import AnyTask
from seqarena.tasks.metric import Metric

ROOT = Path(__file__).parents[1]


def rows_of(folder: Path, table: str = "labels.csv") -> list[dict[str, str]]:
    """Read the rows of a CSV table in a folder, by column."""
    with (folder / table).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def prepare_raw(modality: Modality, raw: Path, out: Path, options: Strict) -> Prepared:
    """Do what the stage prepare does."""
    out.mkdir(parents=True, exist_ok=True)
    modality.write(raw, out, options, seed=0)
    prepared = Prepared(out)
    assert prepared.spec.dtype == str(prepared.split("train").inputs.dtype)
    return prepared


def save_trained(folder: Path, training: Training, task: str, variant: str, **more: Any) -> Path:
    """Write the model of a training, as the stage train does, and return its folder."""
    about = {"task": task, "variant": variant, "hyperparameters": training.hyperparameters, **more}
    save_model(folder, training.model.state_dict(), training.spec, about)
    return folder


def final_of(
    training: Training, epochs: list[Epoch], variant: str, repetition: int, seed: int, run: str
) -> Final:
    """Return the record of a training that ended, as the stage train keeps it."""
    best = training.best.epoch
    sign = training.task.metrics[training.metric].bounds.sign
    return Final(
        variant=variant,
        repetition=repetition,
        seed=seed,
        run=run,
        parameters=training.parameters,
        train_seconds=1.0,
        steps=training.optimizer.updates,
        best_epoch=best,
        score=sign * training.best.order[0],
        loss=-training.best.order[1],
        curve=tuple((epoch.epoch, epoch.scores[training.metric]) for epoch in epochs),
    )


def scores_of(task: AnyTask, output: Any, batch: Batch, spec: DataSpec) -> dict[str, float]:
    """Return every score of a task that an output can tell."""
    return {
        name: metric.of(metric.statistics(output, batch, spec))
        for name, metric in task.metrics.items()
        if isinstance(output, metric.needs)
    }


def class_spec(classes: int) -> DataSpec:
    """Return what is known of texts that have one of so many classes."""
    names = tuple(f"class {number}" for number in range(classes))
    return DataSpec(
        modality="text", feature_shape=(), max_length=4, step="token", step_size=1.0, classes=names
    )


def class_rows(metric: Metric[Any], logits: Tensor, truth: Tensor) -> Tensor:
    """Return the rows of a metric of one batch: logits ``(B, *, K)`` and classes ``(B, *)``."""
    lengths = torch.full((len(truth),), 4)
    batch = Batch(torch.empty(len(truth)), lengths, truth)
    output = Logits(logits=logits, lengths=lengths)
    return metric.statistics(output, batch, class_spec(logits.shape[-1]))


def script_environment(**more: str) -> dict[str, str]:
    """Return the environment of a child process that imports this checkout."""
    return {**os.environ, "PYTHONPATH": str(ROOT / "src"), **more}


def tried(
    score: float | None,
    outcome: Literal["finished", "pruned", "failed"] = "finished",
    chosen: Hyperparameters | None = None,
) -> TriedTrial:
    """Return the record of a trial of two seconds and three epochs."""
    return TriedTrial(
        hyperparameters=chosen or {}, outcome=outcome, score=score, epochs=3, seconds=2.0
    )


def study_of(variant: str, repetition: int, trials: tuple[TriedTrial, ...]) -> StudyResult:
    """Return the record of a study of such trials, the greatest score of which is the best."""
    scored = [trial for trial in trials if trial.score is not None]
    best = max(scored, key=lambda trial: trial.score or 0.0)
    outcomes = [trial.outcome for trial in trials]
    return StudyResult(
        variant=variant,
        repetition=repetition,
        hyperparameters=best.hyperparameters,
        score=best.score or 0.0,
        loss=1.0,
        run="run",
        trials=len(trials),
        pruned=outcomes.count("pruned"),
        failed=outcomes.count("failed"),
        epochs=sum(trial.epochs for trial in trials),
        steps=10 * len(trials),
        seconds=sum(trial.seconds for trial in trials),
        tried=trials,
    )
