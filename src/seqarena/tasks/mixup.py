"""Sequences between two of train, whose answer is in part that of each (Zhang et al. 2018)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from seqarena.data.batches import Batch, mask_of

MIXUP = "mixup"  # the hyperparameter: how alike the two parts of a mixture are, 0 for none


class Mixture(NamedTuple):
    """A batch of mixtures, which have the answers of `batch` by its share, else of `other`."""

    batch: Batch
    other: Batch
    share: float


def mixed(batch: Batch, alpha: float) -> Mixture:
    """Mix each sequence ``(T, *)`` with another of its batch, by a share of ``Beta(alpha, alpha)``.

    It keeps its length: of the other that step is taken which is as far along it. Padding stays.
    """
    share = float(torch.distributions.Beta(alpha, alpha).sample())
    inputs, lengths = batch.inputs, batch.lengths
    partner = torch.randperm(len(lengths)).to(lengths.device)
    steps = torch.arange(inputs.shape[1], device=lengths.device)
    place = (steps * lengths[partner, None]).div(lengths[:, None], rounding_mode="floor")
    place = torch.minimum(place, lengths[partner, None] - 1)
    beside = inputs[partner[:, None], place].float()
    real = mask_of(lengths, inputs.shape[1]).view(*inputs.shape[:2], *(1,) * (inputs.ndim - 2))
    mixture = (share * inputs.float() + (1 - share) * beside) * real
    return Mixture(batch._replace(inputs=mixture), _answers_of(batch, partner), share)


def _answers_of(batch: Batch, partner: Tensor) -> Batch:
    """Give each sequence the answer of its partner, and what that counts."""
    weights = None if batch.weights is None else batch.weights[partner]
    return batch._replace(targets=batch.targets[partner], weights=weights)
