"""One of several classes for a whole sequence."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from seqarena.data.batches import Batch
from seqarena.data.store import DataSpec
from seqarena.models.outputs import Logits
from seqarena.tasks.base import PooledTask
from seqarena.tasks.class_metrics import AUROC, MacroF1, accuracy


def _classes(output: Logits, batch: Batch) -> tuple[Tensor, Tensor]:
    return output.logits.argmax(1, keepdim=True), batch.targets[:, None]


class Classification(PooledTask):
    """One of K classes; cross-entropy. The metrics are those of `seqarena.tasks.class_metrics`."""

    metrics: ClassVar = {
        "accuracy": accuracy(_classes),
        "macro_f1": MacroF1(_classes),
        "auroc": AUROC(),
    }
    modalities = frozenset({"text", "audio", "signal", "video", "image"})
    targets = frozenset({"label"})

    def outputs(self, spec: DataSpec) -> int:
        return len(spec.classes)

    def loss(self, output: Logits, batch: Batch) -> tuple[Tensor, int]:
        return F.cross_entropy(output.logits, batch.targets, reduction="sum"), len(batch.targets)

    def predict(self, output: Logits, spec: DataSpec) -> list[dict[str, Any]]:
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
