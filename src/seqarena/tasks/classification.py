"""One of several classes for a whole sequence."""

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

    def counts(
        self, output: Logits, batch: Batch, spec: DataSpec, metrics: Collection[str]
    ) -> Counts:
        return class_counts(output.logits.argmax(1), batch.targets, len(spec.classes), metrics)

    def scores(self, counts: Counts, spec: DataSpec) -> dict[str, float]:
        return class_scores(counts)

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


def class_counts(predicted: Tensor, truth: Tensor, k: int, metrics: Collection[str]) -> Counts:
    """Count for accuracy and macro F1, where asked for, classes ``(N,)`` of `k`.

    Accuracy takes the hits and N, macro F1 the confusion matrix ``(k, k)``, truth by prediction.
    """
    counts = {}
    if "accuracy" in metrics:
        hits = (predicted == truth).sum()
        counts["accuracy"] = torch.stack([hits, hits.new_tensor(len(truth))])
    if "macro_f1" in metrics:
        pairs = torch.bincount(truth * k + predicted, minlength=k * k)
        counts["macro_f1"] = pairs.view(k, k)
    return counts


def class_scores(counts: Counts) -> dict[str, float]:
    """Turn what `class_counts` counts into accuracy and macro F1."""
    scores = {}
    if "accuracy" in counts:
        hits, total = counts["accuracy"].double()
        scores["accuracy"] = float(hits / total)
    if "macro_f1" in counts:
        confusion = counts["macro_f1"].double()
        # F1 = 2 TP / (2 TP + FP + FN); a class neither seen nor predicted scores 0.
        found = (confusion.sum(0) + confusion.sum(1)).clamp(min=1)
        scores["macro_f1"] = float((2 * confusion.diagonal() / found).mean())
    return scores
