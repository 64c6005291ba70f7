"""Predicted numbers, and their errors, in the data's unit."""

from __future__ import annotations

import torch
from torch import Tensor

from seqarena.data import store
from seqarena.data.batches import Batch
from seqarena.data.store import Array, DataSpec
from seqarena.models.outputs import Logits


def absolute(output: Logits, batch: Batch, spec: DataSpec) -> tuple[Tensor, Tensor]:
    """Return each sequence's sum of absolute errors and their number, ``(B,)`` each."""
    return _summed(_errors(output, batch, spec).abs())


def squared(output: Logits, batch: Batch, spec: DataSpec) -> tuple[Tensor, Tensor]:
    """Return each sequence's sum of squared errors and their number, ``(B,)`` each."""
    return _summed(_errors(output, batch, spec).square())


def scaled(output: Logits, batch: Batch, spec: DataSpec) -> tuple[Tensor, Tensor]:
    """Return what `absolute` does, in errors of the naive forecast on train.

    Where that makes none there is nothing to scale by, and such a sequence does not count.
    """
    naive = scales_of(batch, spec)[:, 2:]
    counts = (naive > 0).double()
    sums, terms = _summed(_errors(output, batch, spec).abs() * counts / naive.where(naive > 0, 1.0))
    return sums, terms * counts[:, 0]


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
