"""Padded batches of sequences of similar length, gathered in one indexing from mapped arrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqarena.data.store import Array, Split


class Batch(NamedTuple):
    """Sequences side by side; padding is zero and comes last."""

    inputs: Tensor  # (B, T, *feature_shape)
    lengths: Tensor  # (B,)
    targets: Tensor  # (B,) classes or (B, H) values

    def to(self, device: torch.device) -> Batch:
        """Move to a device."""
        return Batch(*(tensor.to(device, non_blocking=True) for tensor in self))


def collate(sequences: list[Array], targets: Array | None = None) -> Batch:
    """Pad separate sequences, each ``(T, *)``, into one batch; missing targets are zeros."""
    lengths = np.array([len(sequence) for sequence in sequences])
    padded = np.zeros((len(sequences), lengths.max(), *sequences[0].shape[1:]), sequences[0].dtype)
    for row, sequence in zip(padded, sequences, strict=True):
        row[: len(sequence)] = sequence
    aims = np.zeros(len(sequences), np.int64) if targets is None else targets
    return Batch(torch.from_numpy(padded), torch.from_numpy(lengths), torch.from_numpy(aims))


class Batches:
    """The batches of a split, in another order each epoch, the same for the same seed and epoch."""

    def __init__(
        self, split: Split, batch_size: int, *, seed: int = 0, epoch_examples: int | None = None
    ) -> None:
        self.split, self.batch_size, self.seed = split, batch_size, seed
        self.epoch_examples = min(epoch_examples or len(split), len(split))

    def __len__(self) -> int:
        return -(-self.epoch_examples // self.batch_size)

    def shuffled(self, epoch: int) -> Iterator[Batch]:
        """Yield one epoch of training: sequences of similar length together, batches shuffled."""
        generator = np.random.default_rng([self.seed, epoch])
        chosen = generator.permutation(len(self.split))[: self.epoch_examples]
        # A stable sort of a random order: equal lengths meet other neighbours each epoch.
        chosen = chosen[np.argsort(self.split.lengths[chosen], kind="stable")]
        for batch in generator.permutation(len(self)):
            yield self._gather(chosen[batch * self.batch_size :][: self.batch_size])

    def in_order(self) -> Iterator[tuple[Array, Batch]]:
        """Yield every sequence once, by length, with its index: for validation and test."""
        order = np.argsort(self.split.lengths, kind="stable")
        for start in range(0, len(order), self.batch_size):
            indices = order[start : start + self.batch_size]
            yield indices, self._gather(indices)

    def _gather(self, indices: Array) -> Batch:
        split = self.split
        lengths = split.lengths[indices].astype(np.int64)
        steps = np.arange(lengths.max())
        real = steps < lengths[:, None]
        places = np.where(real, split.starts[indices][:, None] + steps, 0)
        inputs = split.inputs[places]  # (B, T, *), a copy out of the mapped file
        inputs[~real] = 0
        targets = torch.from_numpy(np.asarray(split.targets[indices]))
        return Batch(torch.from_numpy(inputs), torch.from_numpy(lengths), targets)
