"""One of several classes for a whole sequence."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from seqarena.data.batches import Batch
from seqarena.data.store import DataSpec
from seqarena.models.outputs import Logits
from seqarena.tasks.base import Counts, PooledTask
from seqarena.tasks.metric import SHARE


class Classification(PooledTask):
    """One of K classes; cross-entropy. ``macro_f1`` is the unweighted mean of the F1 of classes."""

    metrics: ClassVar = {"accuracy": SHARE, "macro_f1": SHARE}
    modalities = frozenset({"text", "audio", "signal", "video", "image"})
    targets = frozenset({"label"})

    def outputs(self, spec: DataSpec) -> int:
        return len(spec.classes)

    def loss(self, output: Logits, batch: Batch) -> tuple[Tensor, int]:
        return F.cross_entropy(output.logits, batch.targets, reduction="sum"), len(batch.targets)

    def counts(self, output: Logits, batch: Batch, spec: DataSpec) -> Counts:
        k = len(spec.classes)
        pairs = batch.targets * k + output.logits.argmax(1)
        return {"confusion": torch.bincount(pairs, minlength=k * k).view(k, k)}

    def scores(self, counts: Counts, spec: DataSpec) -> dict[str, float]:
        return confusion_scores(counts["confusion"])

    def per_example(self, metric: str, output: Logits, batch: Batch, spec: DataSpec) -> Tensor:
        return (output.logits.argmax(1) == batch.targets).float()

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


def confusion_scores(counts: Tensor) -> dict[str, float]:
    """Turn a confusion matrix ``(K, K)``, truth by prediction, into accuracy and macro F1."""
    confusion = counts.double()
    hits = confusion.diagonal()
    # F1 = 2 TP / (2 TP + FP + FN); a class neither seen nor predicted scores 0.
    f1 = 2 * hits / (confusion.sum(0) + confusion.sum(1)).clamp(min=1)
    return {"accuracy": float(hits.sum() / confusion.sum()), "macro_f1": float(f1.mean())}
