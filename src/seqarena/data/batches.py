"""Padded batches of sequences of similar length, gathered in one indexing from mapped arrays."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from seqarena.data.store import Array, Split

AHEAD = 2  # batches
T = TypeVar("T")


class Batch(NamedTuple):
    """Sequences side by side; padding is zero and comes last."""

    inputs: Tensor  # (B, T, *feature_shape)
    lengths: Tensor  # (B,)
    targets: Tensor  # (B,) classes, (B, K) of 0 and 1, (B, H) values, (B, U) tokens
    target_lengths: Tensor | None = None  # (B,), where targets are sequences of their own
    scales: Tensor | None = None  # (B, 3) `store.SCALE`, where targets are not all scaled alike
    weights: Tensor | None = None  # (B,), what each counts in the training loss; 1 where None

    def to(self, device: torch.device) -> Batch:
        """Move to a device."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def pinned(self) -> Batch:
        """Copy to memory from which a GPU fetches while it computes."""
        return self._each(Tensor.pin_memory)

    def rows(self, places: slice) -> Batch:
        """Keep some of the sequences."""
        return self._each(lambda tensor: tensor[places])

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        there = {name: t for name, t in self._asdict().items() if t is not None}
        return Batch(**{name: change(tensor) for name, tensor in there.items()})


def moved(batches: Iterator[tuple[T, Batch]], device: torch.device) -> Iterator[tuple[T, Batch]]:
    """Move batches to a device, each beside what it comes with.

    For a GPU the next two are gathered and pinned by a thread while it computes with one; on a CPU
    a thread would take a core from what computes.
    """
    if device.type == "cpu":
        for beside, batch in batches:
            yield beside, batch.to(device)
        return

    def prepare() -> tuple[T, Batch] | None:
        found = next(batches, None)
        return None if found is None else (found[0], found[1].pinned())

    with ThreadPoolExecutor(1) as thread:
        coming = deque(thread.submit(prepare) for _ in range(AHEAD))
        while (found := coming.popleft().result()) is not None:
            coming.append(thread.submit(prepare))
            beside, batch = found
            yield beside, batch.to(device)


def collate(
    sequences: list[Array], targets: Array | None = None, scales: Array | None = None
) -> Batch:
    """Pad separate sequences, each ``(T, *)``, into one batch; missing targets are zeros."""
    lengths = np.array([len(sequence) for sequence in sequences])
    padded = np.zeros((len(sequences), lengths.max(), *sequences[0].shape[1:]), sequences[0].dtype)
    for row, sequence in zip(padded, sequences, strict=True):
        row[: len(sequence)] = sequence
    aims = np.zeros(len(sequences), np.int64) if targets is None else targets
    batch = Batch(torch.from_numpy(padded), torch.from_numpy(lengths), torch.from_numpy(aims))
    return batch if scales is None else batch._replace(scales=torch.from_numpy(scales))


def windows(batch: Batch, steps: int) -> Iterator[tuple[Batch, Tensor]]:
    """Cut a batch with a target per step along time, into windows of so many steps.

    Yields each window with the places ``(B',)``, among the rows of the one before, of those that
    it continues. Its `lengths` are its width; `target_lengths` mark where rows end.
    """
    assert batch.target_lengths is not None
    rows = torch.arange(len(batch.lengths), device=batch.lengths.device)
    for start in range(0, batch.inputs.shape[1], steps):
        going = (batch.lengths[rows] > start).nonzero().squeeze(1)
        rows = rows[going]
        span = slice(start, start + steps)
        inputs = batch.inputs[rows, span]
        lengths = torch.full_like(rows, inputs.shape[1])
        ahead = (batch.target_lengths[rows] - start).clamp(max=steps)
        yield Batch(inputs, lengths, batch.targets[rows, span], ahead), going


class Batches:
    """The batches of a split, in another order each epoch, the same for the same seed and epoch.

    Where each sequence is of a class, `balance` lets all classes count alike, by the weights of
    their sequences or by how many of them an epoch draws.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        *,
        seed: int = 0,
        epoch_examples: int | None = None,
        balance: Literal["none", "weights", "sampling"] = "none",
    ) -> None:
        self.split, self.batch_size, self.seed = split, batch_size, seed
        self.epoch_examples = min(epoch_examples or len(split), len(split))
        self.weights = even_weights(split.targets) if balance == "weights" else None
        self.draws_evenly = balance == "sampling"

    def __len__(self) -> int:
        return -(-self.epoch_examples // self.batch_size)

    def shuffled(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield one epoch of training, the first is 1, from its batch `start` on.

        Sequences of similar length come together, batches in random order.
        """
        chosen, generator = self._drawn(epoch)
        # A stable sort of a random order: equal lengths meet other neighbours each epoch.
        chosen = chosen[np.lexsort([lengths[chosen] for lengths in self._sizes()])]
        for batch in generator.permutation(len(self))[start:]:
            yield self.gather(chosen[batch * self.batch_size :][: self.batch_size])

    def _drawn(self, epoch: int) -> tuple[Array, np.random.Generator]:
        """Draw the sequences of an epoch; return them, and what to draw their order with.

        Those of several epochs are parts of one permutation, so that few come again before all
        had their turn.
        """
        if self.draws_evenly:
            generator = np.random.default_rng([self.seed, epoch])
            return drawn_evenly(self.split.targets, self.epoch_examples, generator), generator
        passes, place = divmod(epoch - 1, len(self.split) // self.epoch_examples)
        generator = np.random.default_rng([self.seed, passes + 1])
        whole = generator.permutation(len(self.split))
        for _ in range(place):
            generator.permutation(len(self))  # the orders of the parts before
        return whole[place * self.epoch_examples :][: self.epoch_examples], generator

    def in_order(self, first: int = 0, step: int = 1) -> Iterator[tuple[Array, Batch]]:
        """Yield every sequence once, by length, with its index: for validation and test.

        Or, of these batches, every `step`-th from the `first` on.
        """
        order = np.argsort(self.split.lengths, kind="stable")
        for start in range(first * self.batch_size, len(order), step * self.batch_size):
            indices = order[start : start + self.batch_size]
            yield indices, self.gather(indices)

    def _sizes(self) -> list[Array]:
        """Return the sort keys that make batches alike, the most important last."""
        of_targets, lengths = self.split.target_lengths, self.split.lengths
        return [lengths] if of_targets is None else [of_targets, lengths]

    def gather(self, indices: Array) -> Batch:
        """Return these sequences as one batch."""
        split = self.split
        inputs, lengths = _padded(split.inputs, split.starts[indices], split.lengths[indices])
        if split.target_starts is None or split.target_lengths is None:
            targets = torch.from_numpy(np.asarray(split.targets[indices]))
            scales = None if split.scales is None else torch.from_numpy(split.scales[indices])
            weights = None if self.weights is None else torch.from_numpy(self.weights[indices])
            return Batch(inputs, lengths, targets, scales=scales, weights=weights)
        spans = split.target_starts[indices], split.target_lengths[indices]
        return Batch(inputs, lengths, *_padded(split.targets, *spans))


def even_weights(classes: Array) -> Array:
    """Return a weight for each of ``(N,)`` classes, ``N / (K n)`` where n of N are of the class.

    So the weights of every class sum to the same, and their mean is 1.
    """
    _, places, counts = np.unique(classes, return_inverse=True, return_counts=True)
    return (len(classes) / (len(counts) * counts)).astype(np.float32)[places]


def drawn_evenly(classes: Array, count: int, generator: np.random.Generator) -> Array:
    """Draw so many places of ``(N,)`` classes: of each class as many as of any other, or one more.

    None is drawn again before all of its class are.
    """
    _, places, counts = np.unique(classes, return_inverse=True, return_counts=True)
    members = np.split(np.argsort(places, kind="stable"), np.cumsum(counts)[:-1])
    quotas = count // len(members) + (generator.permutation(len(members)) < count % len(members))
    drawn = [
        np.concatenate([generator.permutation(own) for _ in range(-(-quota // len(own)))])[:quota]
        for own, quota in zip(members, quotas.tolist(), strict=True)
        if quota
    ]
    return generator.permutation(np.concatenate(drawn))


def _padded(steps: Array, starts: Array, lengths: Array) -> tuple[Tensor, Tensor]:
    """Gather sequences that lie end to end: ``(B, T, *)`` padded with zeros, lengths ``(B,)``."""
    lengths = lengths.astype(np.int64)
    offsets = np.arange(lengths.max())
    real = offsets < lengths[:, None]
    padded = steps[np.where(real, starts[:, None] + offsets, 0)]  # a copy out of the mapped file
    padded[~real] = 0
    return torch.from_numpy(padded), torch.from_numpy(lengths)


def mask_of(lengths: Tensor, steps: int) -> Tensor:
    """Return ``(B, T)``, True on real steps and False in padding, from lengths ``(B,)``."""
    return torch.arange(steps, device=lengths.device) < lengths[:, None]
