"""Predicted numbers, and their errors, in the data's unit."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from seqarena.data import store
from seqarena.data.batches import Batch
from seqarena.data.store import Array, DataSpec, Split
from seqarena.models.outputs import Logits
from seqarena.tasks.metric import ERROR, Mean, Terms


def absolute(output: Logits, batch: Batch, spec: DataSpec) -> tuple[Tensor, Tensor]:
    """Return each sequence's sum of absolute errors and their number, ``(B,)`` each."""
    return _summed(_errors(output, batch, spec).abs())


def squared(output: Logits, batch: Batch, spec: DataSpec) -> tuple[Tensor, Tensor]:
    """Return each sequence's sum of squared errors and their number, ``(B,)`` each."""
    return _summed(_errors(output, batch, spec).square())


class Scaled(Mean[Logits]):
    """A mean of errors, in absolute ones of the naive forecast on train (Hyndman & Koehler 2006).

    Where that makes none there is nothing to scale by, and such a sequence does not count.
    """

    def __init__(self, errors: Terms[Logits]) -> None:
        super().__init__(ERROR, errors)

    def statistics(self, output: Logits, batch: Batch, spec: DataSpec) -> Tensor:
        naive = scales_of(batch, spec)[:, 2:]
        sums, terms = super().statistics(output, batch, spec).hsplit(2)
        return torch.cat([sums / naive.where(naive > 0, math.inf), terms * (naive > 0)], 1)

    def undefined(self, split: Split, spec: DataSpec) -> str | None:
        if (store.scales_of(split, spec)[:, 2] > 0).any():
            return None
        return f"on train the value {spec.options['season']} steps before is always right"


def root(mean: Tensor) -> Tensor:
    """Return the square root of a mean of squares, with a finite slope at 0 too."""
    return mean.sqrt() if mean > 0 else mean  # no sequence moves a perfect forecast


def scales_of(batch: Batch, spec: DataSpec) -> Tensor:
    """Return `store.SCALE` of each sequence ``(B, 3)``, or of all ``(1, 3)``."""
    if batch.scales is not None:
        return batch.scales
    return torch.from_numpy(spec.scale).to(batch.inputs.device)


def in_unit(scaled: Tensor, batch: Batch, spec: DataSpec) -> Array:
    """Return numbers ``(B, *)`` in the unit of the data, float64."""
    scales = scales_of(batch, spec).cpu().numpy()
    return store.in_unit(scaled.double().cpu().numpy(), scales)


def _errors(output: Logits, batch: Batch, spec: DataSpec) -> Tensor:
    return (output.logits - batch.targets).double() * scales_of(batch, spec)[:, 1:2]


def _summed(terms: Tensor) -> tuple[Tensor, Tensor]:
    sums = terms.sum(1)
    return sums, torch.full_like(sums, terms.shape[1])
