"""Metrics of predicted classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqarena.data.batches import Batch
from seqarena.data.store import Array, DataSpec, Split
from seqarena.models.outputs import Logits
from seqarena.tasks.metric import SHARE, Additive, Mean, Metric

UNLABELLED = -1  # the true class of a step without a label
Classes = Callable[[Any, Batch], tuple[Tensor, Tensor]]


def accuracy(classes: Classes) -> Mean[Logits]:
    """The share of right classes; predicted and true ones are ``(B, T)``."""

    def hits(output: Logits, batch: Batch, spec: DataSpec) -> tuple[Tensor, Tensor]:
        said, truth = classes(output, batch)
        return (said == truth).sum(1), (truth != UNLABELLED).sum(1)

    return Mean(SHARE, hits)


class MacroF1(Additive[Logits]):
    """The mean F1 of the classes that occur in the truth, each counting alike.

    A row is sparse, ``(3 classes,)``: how often each class is true, is predicted, and is both.
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

    def score(self, sums: Tensor) -> Tensor:
        true, said, both = sums.view(3, -1)
        present = true > 0
        f1: Tensor = 2 * both[present] / (true + said)[present]  # 2 TP / (2 TP + FP + FN)
        return f1.mean()


class AUROC(Metric[Logits]):
    """The area under the ROC curve of the second of two classes; of more, the mean over classes.

    Each class is judged against the rest, where both occur. A row is the log odds of the classes
    that are judged, then the true class. Ranked against ranked, it is no function of sums: how a
    sequence moves it follows from its placement among the others (DeLong et al. 1988).
    """

    def __init__(self) -> None:
        super().__init__(SHARE)

    def statistics(self, output: Logits, batch: Batch, spec: DataSpec) -> Tensor:
        logs = torch.log_softmax(output.logits.double(), 1)
        if logs.shape[1] == 2:
            logs = logs[:, 1:] - logs[:, :1]  # a probability near 1 would lose its digits
        return torch.cat([logs, batch.targets[:, None].double()], 1)

    def of(self, rows: Tensor) -> float:
        areas = [seen.mean() for _, seen, _ in _judged(rows)]
        return float(np.mean(areas)) if areas else float("nan")

    def derivatives(self, rows: Tensor) -> Tensor:
        judged = list(_judged(rows))
        total = np.zeros(len(rows))
        for true, of_true, of_others in judged:
            total[true] += (of_true - of_true.mean()) / len(of_true)
            total[~true] += (of_others - of_others.mean()) / len(of_others)
        return torch.from_numpy(total / len(judged))

    def undefined(self, split: Split) -> str | None:
        found = np.unique(split.targets)
        return None if len(found) > 1 else f"all sequences are of one class, number {found[0]}"


def _judged(rows: Tensor) -> Iterator[tuple[Array, Array, Array]]:
    """Yield for each class with sequences on both sides, which ``(N,)`` are of it, and placements.

    Those of its sequences are the shares of the others that stand below, those of the others the
    shares of its sequences that stand above; what is equal counts half.
    """
    *columns, classes = rows.cpu().numpy().T
    for number, odds in enumerate(columns, start=1 if len(columns) == 1 else 0):
        true = classes == number
        if true.any() and not true.all():
            own, others = odds[true], odds[~true]
            yield true, _below(own, others), 1 - _below(others, own)


def _below(values: Array, among: Array) -> Array:
    """Return for each of some values the share of others that stand below it."""
    ordered = np.sort(among)
    places = [np.searchsorted(ordered, values, side) for side in ("left", "right")]
    return np.asarray((places[0] + places[1]) / 2 / len(among))
