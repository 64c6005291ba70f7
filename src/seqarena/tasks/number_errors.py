"""Errors of predicted numbers, in the data's unit."""

from __future__ import annotations

import torch
from torch import Tensor

from seqarena.data.batches import Batch
from seqarena.data.store import DataSpec
from seqarena.models.outputs import Logits


def absolute(output: Logits, batch: Batch, spec: DataSpec) -> tuple[Tensor, Tensor]:
    """Return each sequence's sum of absolute errors and their number, ``(B,)`` each."""
    return _summed(_errors(output, batch, spec).abs())


def squared(output: Logits, batch: Batch, spec: DataSpec) -> tuple[Tensor, Tensor]:
    """Return each sequence's sum of squared errors and their number, ``(B,)`` each."""
    return _summed(_errors(output, batch, spec).square())


def scaled(output: Logits, batch: Batch, spec: DataSpec) -> tuple[Tensor, Tensor]:
    """Return what `absolute` does, in errors of the naive forecast on train."""
    return _summed(_errors(output, batch, spec).abs() / spec.target["naive_mae"])


def root(mean: Tensor) -> Tensor:
    """Return the square root of a mean of squares, with a finite slope at 0 too."""
    return mean.sqrt() if mean > 0 else mean  # no sequence moves a perfect forecast


def _errors(output: Logits, batch: Batch, spec: DataSpec) -> Tensor:
    return (output.logits - batch.targets).double() * spec.target["std"]


def _summed(terms: Tensor) -> tuple[Tensor, Tensor]:
    sums = terms.sum(1)
    return sums, torch.full_like(sums, terms.shape[1])
