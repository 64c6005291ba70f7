"""One number for a whole sequence."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from seqarena.data.batches import Batch
from seqarena.data.store import DataSpec
from seqarena.models.outputs import Logits
from seqarena.tasks.base import Counts, PooledTask
from seqarena.tasks.metric import ERROR


class Regression(PooledTask):
    """A number; squared error, so the model aims at the mean. MSE and MAE are in its own unit."""

    metrics: ClassVar = {"mse": ERROR, "mae": ERROR}
    modalities = frozenset({"text", "audio", "signal", "video", "image"})
    targets = frozenset({"number"})

    def outputs(self, spec: DataSpec) -> int:
        return 1

    def loss(self, output: Logits, batch: Batch) -> tuple[Tensor, int]:
        return F.mse_loss(output.logits, batch.targets, reduction="sum"), len(batch.targets)

    def counts(
        self, output: Logits, batch: Batch, spec: DataSpec, metrics: Collection[str]
    ) -> Counts:
        error = (output.logits - batch.targets).double() * spec.target["std"]
        sums = {"mse": error.square().sum(), "mae": error.abs().sum()}
        values = error.new_tensor(len(error))
        return {metric: torch.stack([sums[metric], values]) for metric in metrics}

    def scores(self, counts: Counts, spec: DataSpec) -> dict[str, float]:
        return {metric: float(total / values) for metric, (total, values) in counts.items()}

    def per_example(self, metric: str, output: Logits, batch: Batch, spec: DataSpec) -> Tensor:
        error = (output.logits - batch.targets).squeeze(1) * spec.target["std"]
        return error.abs() if metric == "mae" else error.square()

    def predict(self, output: Logits, spec: DataSpec) -> list[dict[str, Any]]:
        values = output.logits.double().squeeze(1) * spec.target["std"] + spec.target["mean"]
        return [{"value": value} for value in values.tolist()]
