"""Any of several classes for a whole sequence: many of them, one or none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from seqarena.data.batches import Batch
from seqarena.data.store import Array, DataSpec, Split
from seqarena.models.outputs import Logits
from seqarena.tasks.base import PooledTask
from seqarena.tasks.metric import SHARE, Additive, Mean
from seqarena.tasks.ranking import AveragePrecision


def said(output: Logits) -> Tensor:
    """Return which labels are said ``(B, K)``: those of a probability above one half."""
    return output.logits > 0


def all_right(output: Logits, batch: Batch, spec: DataSpec) -> tuple[Tensor, Tensor]:
    """Return whether just the true labels of a sequence are said, and 1, ``(B,)`` each."""
    right = (said(output) == batch.targets.bool()).all(1)
    return right, torch.ones_like(right)


class LabelCounts(Additive[Logits]):
    """A score of how often each label is true, is said, and is both.

    A row is sparse, ``(3 K,)``.
    """

    def __init__(self) -> None:
        super().__init__(SHARE)

    def statistics(self, output: Logits, batch: Batch, spec: DataSpec) -> Tensor:
        true, claimed = batch.targets.bool(), said(output)
        rows: Tensor = torch.cat([true, claimed, true & claimed], 1).double().to_sparse()
        return rows


class MicroF1(LabelCounts):
    """F1 of all pairs of a sequence and a label; 0 where none is true or said."""

    def score(self, sums: Tensor) -> Tensor:
        true, claimed, both = sums.view(3, -1).sum(1)
        return _f1(true, claimed, both)


class MacroF1(LabelCounts):
    """The mean F1 of all labels; of one that is neither true nor said it is 0."""

    def score(self, sums: Tensor) -> Tensor:
        return _f1(*sums.view(3, -1)).mean()


def _f1(true: Tensor, claimed: Tensor, both: Tensor) -> Tensor:
    count = true + claimed  # 2 TP + FP + FN, and 2 TP is 0 where it is 0
    return 2 * both / torch.where(count > 0, count, 1)


class MeanAveragePrecision(AveragePrecision):
    """The mean over labels of their average precision; 0 of a label that is never true.

    A row is the log odds of the labels, then which of them are true.
    """

    def statistics(self, output: Logits, batch: Batch, spec: DataSpec) -> Tensor:
        return torch.cat([output.logits.double(), batch.targets.double()], 1)

    def judgements(self, rows: Tensor) -> Iterator[tuple[float, Array]]:
        odds, truth = np.split(rows.cpu().numpy().T, 2)
        for own, true in zip(odds, truth > 0, strict=True):
            yield self.judged(own, true) if true.any() else (0.0, np.zeros(len(own)))

    def undefined(self, split: Split, spec: DataSpec) -> str | None:
        return None if split.targets.any() else "no sequence has a label"


class MultiLabelClassification(PooledTask):
    """Any of K labels; binary cross-entropy of each.

    A label that no sequence has counts 0 in the means over labels, as scikit-learn has it.
    """

    metrics: ClassVar = {
        "micro_f1": MicroF1(),
        "macro_f1": MacroF1(),
        "mean_average_precision": MeanAveragePrecision(),
        "subset_accuracy": Mean(SHARE, all_right),
    }
    modalities = frozenset({"text", "audio", "signal", "video", "image"})
    targets = frozenset({"label_set"})

    def outputs(self, spec: DataSpec) -> int:
        return len(spec.classes)

    def loss(self, output: Logits, batch: Batch) -> tuple[Tensor, int]:
        truth = batch.targets.to(output.logits.dtype)
        loss = F.binary_cross_entropy_with_logits(output.logits, truth, reduction="sum")
        return loss, truth.numel()

    def predict(self, output: Logits, batch: Batch, spec: DataSpec) -> list[dict[str, Any]]:
        """Return the labels that are said, the surest first, and the probabilities of all."""
        predictions = []
        for row in torch.sigmoid(output.logits.double()).tolist():
            chances = dict(zip(spec.classes, row, strict=True))
            ranked = sorted(chances.items(), key=lambda each: -each[1])
            claimed = {label: chance for label, chance in ranked if chance > 0.5}
            predictions.append({"label_set": claimed, "probabilities": chances})
        return predictions
