"""One of several classes for a whole sequence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from seqarena.data.batches import Batch
from seqarena.data.store import DataSpec
from seqarena.models.outputs import Logits
from seqarena.tasks.base import PooledTask
from seqarena.tasks.calibration import CalibrationError, log_loss
from seqarena.tasks.class_metrics import BalancedAccuracy, MacroF1, accuracy
from seqarena.tasks.metric import ERROR, Mean
from seqarena.tasks.ranking import AUROC, AveragePrecision


def _classes(output: Logits, batch: Batch) -> tuple[Tensor, Tensor]:
    return output.logits.argmax(1, keepdim=True), batch.targets[:, None]


class Classification(PooledTask):
    """One of K classes; cross-entropy.

    The metrics are of what is said, of how it is ranked, and of how far it can be trusted.
    """

    metrics: ClassVar = {
        "accuracy": accuracy(_classes),
        "balanced_accuracy": BalancedAccuracy(_classes),
        "macro_f1": MacroF1(_classes),
        "auroc": AUROC(),
        "auprc": AveragePrecision(),
        "log_loss": Mean(ERROR, log_loss),
        "calibration_error": CalibrationError(),
    }
    modalities = frozenset({"text", "audio", "signal", "video", "image"})
    targets = frozenset({"label"})
    of_one_class = True

    def outputs(self, spec: DataSpec) -> int:
        return len(spec.classes)

    def loss(self, output: Logits, batch: Batch) -> tuple[Tensor, int]:
        return F.cross_entropy(output.logits, batch.targets, reduction="sum"), len(batch.targets)

    def training_loss(
        self, output: Logits, batch: Batch, hyperparameters: Mapping[str, Any]
    ) -> tuple[Tensor, int]:
        """Weigh sequences as the batch says: a batch of weight 1 each has the `loss`."""
        if batch.weights is None:
            return self.loss(output, batch)
        losses = F.cross_entropy(output.logits, batch.targets, reduction="none")
        return (losses * batch.weights).sum(), len(losses)

    def predict(self, output: Logits, batch: Batch, spec: DataSpec) -> list[dict[str, Any]]:
        predictions = []
        for row in torch.softmax(output.logits.double(), dim=1).tolist():
            best = max(range(len(row)), key=row.__getitem__)
            predictions.append(
                {
                    "label": spec.classes[best],
                    "probability": row[best],
                    "probabilities": dict(zip(spec.classes, row, strict=True)),
                }
            )
        return predictions
