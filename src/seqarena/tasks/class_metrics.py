"""Metrics of predicted classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from seqarena.data.batches import Batch
from seqarena.data.store import DataSpec
from seqarena.models.outputs import Logits
from seqarena.tasks.metric import SHARE, Additive, Mean

UNLABELLED = -1  # the true class of a step without a label
Classes = Callable[[Any, Batch], tuple[Tensor, Tensor]]


def accuracy(classes: Classes) -> Mean[Logits]:
    """The share of right classes; predicted and true ones are ``(B, T)``."""

    def hits(output: Logits, batch: Batch, spec: DataSpec) -> tuple[Tensor, Tensor]:
        said, truth = classes(output, batch)
        return (said == truth).sum(1), (truth != UNLABELLED).sum(1)

    return Mean(SHARE, hits)


class ClassCounts(Additive[Logits]):
    """A score of how often each class is true, is predicted, and is both.

    A row is sparse, ``(3 classes,)``.
    """

    def __init__(self, classes: Classes) -> None:
        super().__init__(SHARE)
        self.classes = classes

    def statistics(self, output: Logits, batch: Batch, spec: DataSpec) -> Tensor:
        said, truth = self.classes(output, batch)
        rows, steps = (truth != UNLABELLED).nonzero(as_tuple=True)
        said, truth, count = said[rows, steps], truth[rows, steps], len(spec.classes)
        right = said == truth
        columns = torch.cat([truth, said + count, truth[right] + 2 * count])
        places = torch.stack([torch.cat([rows, rows, rows[right]]), columns])
        ones = torch.ones_like(columns, dtype=torch.float64)
        size = (len(batch.targets), 3 * count)
        rows_of: Tensor = torch.sparse_coo_tensor(places, ones, size, check_invariants=False)
        return rows_of


class MacroF1(ClassCounts):
    """The mean F1 of the classes that are true or predicted anywhere, each counting alike.

    So scikit-learn takes it: one that is only predicted counts 0.
    """

    def score(self, sums: Tensor) -> Tensor:
        true, said, both = sums.view(3, -1)
        present = true + said > 0
        f1: Tensor = 2 * both[present] / (true + said)[present]  # 2 TP / (2 TP + FP + FN)
        return f1.mean()


class BalancedAccuracy(ClassCounts):
    """The mean recall of the classes that occur in the truth, each counting alike."""

    def score(self, sums: Tensor) -> Tensor:
        true, _, both = sums.view(3, -1)
        present = true > 0
        recall: Tensor = both[present] / true[present]
        return recall.mean()
