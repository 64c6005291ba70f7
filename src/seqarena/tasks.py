"""What is asked of a model: its loss, its metrics and its predictions, per kind of task.

A loss is a sum and a count, and metrics are made of additive counts, so that ragged batches and
shards add up to the same figures as one large batch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from seqarena.data.batches import Batch
from seqarena.data.store import DataSpec
from seqarena.errors import unknown
from seqarena.models.attention import Attention
from seqarena.models.heads import Head, PooledHead
from seqarena.models.model import Output, SequenceModel
from seqarena.models.variants import Variant, build_model

Counts = Mapping[str, Tensor]


class Task(ABC):
    """One kind of question about a sequence."""

    metrics: ClassVar[Mapping[str, bool]]  # name -> whether greater is better
    modalities: ClassVar[frozenset[str]]

    def model(
        self, variant: str, spec: DataSpec, hyperparameters: Mapping[str, Any]
    ) -> SequenceModel:
        """Build a variant whose head answers this task."""

        def head(variant: Variant, width: int, attention: Attention | None) -> Head:
            return self.head(variant, width, attention, spec, hyperparameters)

        return build_model(variant, spec, hyperparameters, head)

    def head(
        self,
        variant: Variant,
        width: int,
        attention: Attention | None,
        spec: DataSpec,
        hyperparameters: Mapping[str, Any],
    ) -> Head:
        """Build what answers this task over an encoder's states of so many numbers."""
        return PooledHead(width, attention, self.outputs(spec), hyperparameters["dropout"])

    @abstractmethod
    def outputs(self, spec: DataSpec) -> int:
        """Return how many numbers the head gives per sequence."""

    @abstractmethod
    def loss(self, output: Output, batch: Batch) -> tuple[Tensor, int]:
        """Return the summed loss of the batch and how many terms it sums."""

    @abstractmethod
    def counts(self, output: Output, batch: Batch, spec: DataSpec) -> Counts:
        """Return additive counts from which `scores` makes every metric."""

    @abstractmethod
    def scores(self, counts: Counts, spec: DataSpec) -> dict[str, float]:
        """Turn summed counts into metrics."""

    @abstractmethod
    def per_example(self, metric: str, output: Output, batch: Batch, spec: DataSpec) -> Tensor:
        """Return each sequence's own share of a metric ``(B,)``, in the metric's unit."""

    @abstractmethod
    def predict(self, logits: Tensor, spec: DataSpec) -> list[dict[str, Any]]:
        """Turn logits ``(B, outputs)`` into answers for people."""


class Classification(Task):
    """One of K classes; cross-entropy. ``macro_f1`` is the unweighted mean of the F1 of classes."""

    metrics: ClassVar = {"accuracy": True, "macro_f1": True}
    modalities = frozenset({"text", "audio", "video"})

    def outputs(self, spec: DataSpec) -> int:
        return len(spec.classes)

    def loss(self, output: Output, batch: Batch) -> tuple[Tensor, int]:
        return F.cross_entropy(output.logits, batch.targets, reduction="sum"), len(batch.targets)

    def counts(self, output: Output, batch: Batch, spec: DataSpec) -> Counts:
        k = len(spec.classes)
        pairs = batch.targets * k + output.logits.argmax(1)
        return {"confusion": torch.bincount(pairs, minlength=k * k).view(k, k)}

    def scores(self, counts: Counts, spec: DataSpec) -> dict[str, float]:
        confusion = counts["confusion"].double()
        hits = confusion.diagonal()
        # F1 = 2 TP / (2 TP + FP + FN); a class neither seen nor predicted scores 0.
        f1 = 2 * hits / (confusion.sum(0) + confusion.sum(1)).clamp(min=1)
        return {"accuracy": float(hits.sum() / confusion.sum()), "macro_f1": float(f1.mean())}

    def per_example(self, metric: str, output: Output, batch: Batch, spec: DataSpec) -> Tensor:
        return (output.logits.argmax(1) == batch.targets).float()

    def predict(self, logits: Tensor, spec: DataSpec) -> list[dict[str, Any]]:
        answers = []
        for row in torch.softmax(logits.double(), dim=1).tolist():
            best = max(range(len(row)), key=row.__getitem__)
            answers.append(
                {
                    "label": spec.classes[best],
                    "probability": row[best],
                    "probabilities": dict(zip(spec.classes, row, strict=True)),
                }
            )
        return answers


class Forecasting(Task):
    """H steps ahead; absolute error, so the model aims at the median.

    MAE and RMSE are in the data's unit; MASE divides MAE by the in-sample MAE of the seasonal
    naive forecast (Hyndman & Koehler 2006).
    """

    metrics: ClassVar = {"mae": False, "rmse": False, "mase": False}
    modalities = frozenset({"series"})

    def outputs(self, spec: DataSpec) -> int:
        return spec.horizon

    def loss(self, output: Output, batch: Batch) -> tuple[Tensor, int]:
        return F.l1_loss(output.logits, batch.targets, reduction="sum"), batch.targets.numel()

    def counts(self, output: Output, batch: Batch, spec: DataSpec) -> Counts:
        error = (output.logits - batch.targets).double() * spec.target["std"]
        values = torch.tensor(error.numel(), device=error.device)
        return {"absolute": error.abs().sum(), "squared": error.square().sum(), "values": values}

    def scores(self, counts: Counts, spec: DataSpec) -> dict[str, float]:
        mae = float(counts["absolute"] / counts["values"])
        rmse = float((counts["squared"] / counts["values"]).sqrt())
        return {"mae": mae, "rmse": rmse, "mase": mae / spec.target["naive_mae"]}

    def per_example(self, metric: str, output: Output, batch: Batch, spec: DataSpec) -> Tensor:
        error = (output.logits - batch.targets) * spec.target["std"]
        if metric == "rmse":
            return error.square().mean(1).sqrt()
        mae = error.abs().mean(1)
        return mae / spec.target["naive_mae"] if metric == "mase" else mae

    def predict(self, logits: Tensor, spec: DataSpec) -> list[dict[str, Any]]:
        values = logits.double() * spec.target["std"] + spec.target["mean"]
        return [{"forecast": row} for row in values.tolist()]


def task_for(name: str, where: str = "task") -> Task:
    """Look a task up; raises `InputError` naming the nearest."""
    if name not in TASKS:
        raise unknown(where, "task", name, TASKS)
    return TASKS[name]


TASKS: dict[str, Task] = {"classification": Classification(), "forecasting": Forecasting()}
