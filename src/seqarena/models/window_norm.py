"""Windows of a series by their own level, for one that wanders and never comes back to a mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqarena.data.batches import Batch, mask_of
from seqarena.models.heads import Encoded
from seqarena.models.model import SequenceModel
from seqarena.models.outputs import Carried, Logits

NONE = "none"
SMALLEST = 1e-5  # added to a variance, as Kim et al. do: a window may be constant


class Scale(NamedTuple):
    """What a window is normalised by: ``(values - level) / spread``, ``(B, 1, C)`` each."""

    level: Tensor
    spread: Tensor


def last(values: Tensor, lengths: Tensor) -> Scale:
    """Return the last step of each window, as NLinear takes it (Zeng et al. 2023)."""
    level = values[torch.arange(len(values), device=values.device), lengths - 1][:, None]
    return Scale(level, torch.ones_like(level))


def mean_std(values: Tensor, lengths: Tensor) -> Scale:
    """Return each window's mean and deviation (RevIN, Kim et al. 2022), without learned factors."""
    real = mask_of(lengths, values.shape[1])[:, :, None]
    count = lengths[:, None, None]
    level = (values * real).sum(1, keepdim=True) / count
    variance = ((values - level).square() * real).sum(1, keepdim=True) / count
    return Scale(level, (variance + SMALLEST).sqrt())


NORMS: dict[str, Callable[[Tensor, Tensor], Scale]] = {"last": last, "mean_std": mean_std}
CHOICES = (NONE, *NORMS)


class NormalisedWindows(SequenceModel):
    """A model of windows that are normalised before it, and its forecast put back.

    The features ``(B, T, D)`` are, in this order: `measured` columns, which are normalised; `known`
    columns, now and at each of so many steps `ahead`, of which the level of the lookback is taken,
    ahead too; and the others, the calendar, which are left as they are. What is known is divided by
    no deviation: a holiday beyond a lookback that has none would come out as hundreds. Every output
    is of the first column.
    """

    def __init__(
        self, model: SequenceModel, norm: str, measured: int, known: int = 0, ahead: int = 0
    ) -> None:
        super().__init__(model.frontend, model.encoder, model.head)
        self.scale, self.measured, self.known, self.ahead = NORMS[norm], measured, known, ahead

    def encode(self, batch: Batch, state: Any = None) -> Encoded:
        widths = (self.measured, self.known * (1 + self.ahead))
        values, known, others = batch.inputs.tensor_split((widths[0], sum(widths)), 2)
        level, spread = self.scale(values, batch.lengths)
        now = self.scale(known[..., : self.known], batch.lengths).level.repeat(1, 1, 1 + self.ahead)
        real = mask_of(batch.lengths, values.shape[1])[:, :, None]  # padding stays zero
        shifted = [(values - level) / spread * real, (known - now) * real, others]
        return super().encode(batch._replace(inputs=torch.cat(shifted, 2)), state)

    def forward(self, batch: Batch, state: Carried | None = None) -> Logits:
        output = super().forward(batch, state)
        level, spread = self.scale(batch.inputs[..., :1], batch.lengths)
        # In full precision: what a level adds would else be lost of a small change.
        logits = output.logits.float() * spread[:, 0] + level[:, 0]
        return replace(output, logits=logits)
