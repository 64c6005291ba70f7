"""Metrics of predicted probabilities: how much a class that comes true was trusted."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from seqarena.data.batches import Batch
from seqarena.data.store import DataSpec
from seqarena.models.outputs import Logits
from seqarena.tasks.metric import SHARE, Additive

BINS = 15  # of equal width, as Guo et al. (2017) take them


def log_loss(output: Logits, batch: Batch, spec: DataSpec) -> tuple[Tensor, Tensor]:
    """Return the negative log-probability of each true class in nats, and 1, ``(B,)`` each."""
    losses = F.cross_entropy(output.logits.double(), batch.targets, reduction="none")
    return losses, torch.ones_like(losses)


class CalibrationError(Additive[Logits]):
    """The expected calibration error (Naeini et al. 2015): how far confidence is from accuracy.

    Predictions are put into `BINS` by the probability of the predicted class; it is the mean over
    bins, by their size, of the distance between mean probability and share of right ones. A row is
    ``(3 BINS,)``: predictions, probability and right predictions, by bin.
    """

    chooses = False

    def __init__(self) -> None:
        super().__init__(SHARE._replace(worst=1.0, best=0.0))

    def statistics(self, output: Logits, batch: Batch, spec: DataSpec) -> Tensor:
        chances, said = torch.softmax(output.logits.double(), 1).max(1)
        bins = (chances * BINS).ceil().long().clamp(1, BINS) - 1  # a bin holds its upper edge
        parts = [torch.ones_like(chances), chances, (said == batch.targets).double()]
        in_bins = F.one_hot(bins, BINS)
        return torch.cat([part[:, None] * in_bins for part in parts], 1)

    def score(self, sums: Tensor) -> Tensor:
        count, chances, right = sums.view(3, -1)
        error: Tensor = (chances - right).abs().sum() / count.sum()
        return error
