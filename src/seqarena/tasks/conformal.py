"""Quantiles that hold what they say: split conformal calibration (CQR, Romano et al. 2019)."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from seqarena.data.batches import Batch
from seqarena.data.store import Array
from seqarena.models.model import SequenceModel
from seqarena.models.outputs import Logits


@dataclass(frozen=True, kw_only=True)
class Calibrated(Logits):
    """What a calibrated model says, with what it said before."""

    uncalibrated: Tensor  # as `logits`


class Calibrates(ABC):
    """A task whose finals are set once more by valid, after training: no trial is."""

    @abstractmethod
    def calibrate(self, model: SequenceModel, outputs: Iterable[tuple[Array, Batch, Any]]) -> None:
        """Set the buffers of a model by its outputs over valid, as `predict_split` yields them."""


def margins_of(quantiles: Tensor, truth: Tensor, levels: Sequence[float]) -> Tensor:
    """Return what each interval lacks at each step ahead, ``(H, K // 2)``, the outermost first.

    Of quantiles ``(N, H, K)`` and truths ``(N, H)``. So much wider at both sides an interval holds
    the share of N + 1 truths that its levels say; a margin is below 0 where it is too wide.
    """
    count, inner = len(truth), len(levels) // 2
    low, high = quantiles[..., :inner], quantiles[..., -inner:].flip(-1)
    outside = torch.maximum(low - truth[..., None], truth[..., None] - high).sort(0).values
    nominal = [levels[-1 - place] - levels[place] for place in range(inner)]
    # Rounded: (9 + 1) * (0.9 - 0.1) is a little more than 8.
    ranks = [math.ceil(round((count + 1) * share, 9)) for share in nominal]
    columns = [outside[min(rank, count) - 1, :, place] for place, rank in enumerate(ranks)]
    return torch.stack(columns, 1)


def widened(quantiles: Tensor, margins: Tensor) -> Tensor:
    """Move quantiles ``(B, H, K)`` out by margins ``(H, K // 2)``, in order still.

    The median stays, and no interval is narrower than one within it.
    """
    inner = margins.shape[1]
    low, middle, high = quantiles.tensor_split((inner, inner + 1), dim=-1)
    low = torch.cat([middle, (low - margins).flip(-1)], -1).cummin(-1).values.flip(-1)
    high = torch.cat([middle, high + margins.flip(-1)], -1).cummax(-1).values
    return torch.cat([low, high[..., 1:]], -1)
