"""Metrics: numbers of a whole split, made of what is known of each of its sequences.

What a metric needs to know of a sequence is a row, and rows come batch by batch. Of any rows a
metric tells its value, and how much each row moves it: what is printed, and what is tested, are
the same number (`seqarena.evaluation.estimand`).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Generic, NamedTuple, TypeVar

import torch
from torch import Tensor

from seqarena.data.batches import Batch
from seqarena.data.store import DataSpec, Split
from seqarena.models.outputs import Output

Scored = TypeVar("Scored", bound=Output)
Terms = Callable[[Scored, Batch, DataSpec], tuple[Tensor, Tensor]]


class Bounds(NamedTuple):
    """The values that a score may take: none is beyond its worst or its best."""

    worst: float
    best: float

    @property
    def greater(self) -> bool:
        """Whether the greater value is the better one."""
        return self.best > self.worst

    @property
    def sign(self) -> int:
        """What to multiply a score by, so that the greater one is the better."""
        return 1 if self.greater else -1

    def order(self, score: float, loss: float) -> tuple[float, float]:
        """Return what is greater for the better: by score, and by loss where scores are equal."""
        return self.sign * score, -loss


SHARE = Bounds(0.0, 1.0)  # of correct predictions, and F1
PERCENT = Bounds(0.0, 100.0)
ERROR = Bounds(math.inf, 0.0)
PERPLEXITY = Bounds(math.inf, 1.0)


class Metric(ABC, Generic[Scored]):
    """A score of many sequences, in whatever batches they came.

    One that `chooses` no model is told beside the others: who always says the same can have the
    best of it, and how surely it is estimated is understated where it is near 0 (the jackknife of
    an absolute value).
    """

    chooses: ClassVar[bool] = True

    def __init__(self, bounds: Bounds, needs: type[Output] = Output) -> None:
        """Take the values that the score may have, and the outputs that can tell it."""
        self.bounds, self.needs = bounds, needs

    @abstractmethod
    def statistics(self, output: Scored, batch: Batch, spec: DataSpec) -> Tensor:
        """Return a row for each sequence, float64 ``(B, K)``; a sparse tensor where K is large."""

    @abstractmethod
    def of(self, rows: Tensor) -> float:
        """Return the score of the sequences of ``(N, K)``; nan where they do not define it."""

    @abstractmethod
    def derivatives(self, rows: Tensor) -> Tensor:
        """Return the derivative of the score by the weight of each sequence, ``(N,)``.

        The weights are 1. It is what the infinitesimal jackknife needs (Efron 1982, chapter 6).
        """

    def condensed(self, rows: Tensor) -> Tensor:
        """Return no more rows than the score of these and others needs."""
        return rows

    def undefined(self, split: Split, spec: DataSpec) -> str | None:
        """Return why no predictions of a split can have a score, or None if they can."""
        return None


class Additive(Metric[Scored]):
    """A function of summed rows, none of which is negative; a sum of rows is a row itself."""

    @abstractmethod
    def score(self, sums: Tensor) -> Tensor:
        """Return the score of summed rows ``(K,)``: a scalar, with finite slopes to autograd."""

    def of(self, rows: Tensor) -> float:
        return float(self.score(_sum(rows)))

    def derivatives(self, rows: Tensor) -> Tensor:
        sums = _sum(rows).clone().requires_grad_()
        (gradient,) = torch.autograd.grad(self.score(sums), sums)
        return rows @ gradient

    def condensed(self, rows: Tensor) -> Tensor:
        return _sum(rows)[None]


class Mean(Additive[Scored]):
    """A mean: the sum of terms over their number, or a function of it."""

    def __init__(
        self,
        bounds: Bounds,
        terms: Terms[Scored],
        of_mean: Callable[[Tensor], Tensor] | None = None,
        needs: type[Output] = Output,
    ) -> None:
        """Take what tells each sequence's sum and number of terms, ``(B,)`` each."""
        super().__init__(bounds, needs)
        self.terms, self.of_mean = terms, of_mean

    def statistics(self, output: Scored, batch: Batch, spec: DataSpec) -> Tensor:
        return torch.stack([part.double() for part in self.terms(output, batch, spec)], 1)

    def score(self, sums: Tensor) -> Tensor:
        mean = sums[0] / sums[1]
        return mean if self.of_mean is None else self.of_mean(mean)


def _sum(rows: Tensor) -> Tensor:
    """Sum rows ``(N, K)``, dense or sparse, to a dense ``(K,)``."""
    if not rows.is_sparse:
        return rows.sum(0)
    sums = torch.zeros(rows.shape[1], dtype=rows.dtype, device=rows.device)
    return sums.index_add_(0, rows._indices()[1], rows._values())  # torch.sparse.sum sorts first
