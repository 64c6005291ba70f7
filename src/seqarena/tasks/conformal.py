"""Intervals that hold what they say: split conformal calibration on valid.

Of quantiles it is CQR (Romano et al. 2019). Of a number alone, all of whose quantiles are itself,
it is that of absolute errors (Lei et al. 2018, JASA 113:1094-1111): one mechanism.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from seqarena.data.batches import Batch
from seqarena.data.store import Array, DataSpec
from seqarena.decode import Decoding
from seqarena.models.attention.memory import Attention
from seqarena.models.heads import Head
from seqarena.models.model import SequenceModel
from seqarena.models.outputs import Logits
from seqarena.models.variant import Variant
from seqarena.tasks.base import PooledTask
from seqarena.tasks.metric import SHARE, Additive

INNER = 0.8  # how much the outermost quantiles, or the ends of an interval, hold between them


@dataclass(frozen=True, kw_only=True)
class Calibrated(Logits):
    """What a calibrated model says, with what it said before."""

    uncalibrated: Tensor  # as `logits`


class Calibrates(PooledTask):
    """A task whose finals are set once more by valid, after training: no trial is.

    The margins that intervals lack are a buffer of the head, 0 until then.
    """

    levels: ClassVar[tuple[float, ...]]  # of its quantiles, the median among them

    @abstractmethod
    def quantiles(self, logits: Tensor) -> Tensor:
        """Return the quantiles that a model says, ``(B, H, K)`` of its logits."""

    @abstractmethod
    def with_margins(self, output: Logits, margins: Tensor) -> Logits:
        """Return an output whose intervals are wider by margins ``(H, K // 2)``."""

    def head(
        self,
        variant: Variant,
        width: int,
        attention: Attention | None,
        spec: DataSpec,
        hyperparameters: Mapping[str, Any],
    ) -> Head:
        head = super().head(variant, width, attention, spec, hyperparameters)
        _, steps, levels = self.quantiles(torch.zeros(1, self.outputs(spec))).shape
        head.register_buffer("margins", torch.zeros(steps, levels // 2))
        return head

    def forward(
        self, model: SequenceModel, batch: Batch, spec: DataSpec, decoding: Decoding | None = None
    ) -> Logits:
        return self._calibrated(model, super().forward(model, batch, spec, decoding))

    def forward_with_targets(
        self, model: SequenceModel, batch: Batch, spec: DataSpec, metrics: Collection[str]
    ) -> Logits:
        return self._calibrated(model, super().forward_with_targets(model, batch, spec, metrics))

    def calibrate(
        self, model: SequenceModel, outputs: Iterable[tuple[Array, Batch, Logits]]
    ) -> None:
        """Set the margins of a model by its outputs over valid, as `predict_split` yields them."""
        margins = model.head.get_buffer("margins")
        margins.zero_()
        parts = [(self.quantiles(output.logits), batch.targets) for _, batch, output in outputs]
        said, truth = (torch.cat(each) for each in zip(*parts, strict=True))
        margins.copy_(margins_of(said, truth, self.levels))

    def _calibrated(self, model: SequenceModel, output: Logits) -> Logits:
        return self.with_margins(output, model.head.get_buffer("margins"))


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


class CoverageError(Additive[Any]):
    """How far the share of numbers within their intervals is from `INNER`.

    A row is ``(2,)``: numbers within, and numbers.
    """

    chooses = False

    def __init__(
        self, ends: Callable[[Any], tuple[Tensor, Tensor]], needs: type[Logits] = Logits
    ) -> None:
        """Take what tells the ends of the intervals of an output, ``(B, H)`` each."""
        super().__init__(SHARE._replace(worst=1.0, best=0.0), needs)
        self.ends = ends

    def statistics(self, output: Logits, batch: Batch, spec: DataSpec) -> Tensor:
        low, high = self.ends(output)
        inside = ((batch.targets >= low) & (batch.targets <= high)).double()
        return torch.stack([inside.sum(1), torch.full_like(inside[:, 0], inside.shape[1])], 1)

    def score(self, sums: Tensor) -> Tensor:
        return (sums[0] / sums[1] - INNER).abs()
