"""One number for a whole sequence."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor
from torch.nn import functional as F

from seqarena.data.batches import Batch
from seqarena.data.store import DataSpec
from seqarena.models.outputs import Logits
from seqarena.tasks.base import PooledTask
from seqarena.tasks.metric import ERROR, Mean
from seqarena.tasks.number_errors import absolute, in_unit, squared


class Regression(PooledTask):
    """A number; squared error, so the model aims at the mean. MSE and MAE are in its own unit."""

    metrics: ClassVar = {"mse": Mean(ERROR, squared), "mae": Mean(ERROR, absolute)}
    modalities = frozenset({"text", "audio", "signal", "video", "image"})
    targets = frozenset({"number"})

    def outputs(self, spec: DataSpec) -> int:
        return 1

    def loss(self, output: Logits, batch: Batch) -> tuple[Tensor, int]:
        return F.mse_loss(output.logits, batch.targets, reduction="sum"), len(batch.targets)

    def predict(self, output: Logits, batch: Batch, spec: DataSpec) -> list[dict[str, Any]]:
        values = in_unit(output.logits, batch, spec).squeeze(1)
        return [{"value": value} for value in values.tolist()]
