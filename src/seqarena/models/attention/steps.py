"""Attention of the steps of a sequence to one another, where each step has an answer of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqarena.data.batches import mask_of
from seqarena.models.attention.memory import Attention, Memory, Past, following

# Steps that a step sees before itself: what one costs is bounded, whatever is read or written. It
# is twice the longest sentence of `language` and sixteen bars of a chorale; a search would find
# more of it to be no worse, and only slower.
MEMORY = 128
LONGEST_MAP = 512  # steps; of more the weights would fill the memory, and nobody could read them


class Attended(NamedTuple):
    """What the steps of a sequence looked at."""

    contexts: Tensor  # (B, T, context)
    weights: Tensor | None  # (B, heads, T, S), where they are told
    after: Any  # what the next window goes on from


class StepAttention(nn.Module, ABC):
    """Each step is a query of the same sequence."""

    def __init__(self, attention: Attention) -> None:
        super().__init__()
        self.attention, self.context = attention, attention.context

    @abstractmethod
    def forward(self, states: Tensor, before: Any, lengths: Tensor) -> Attended:
        """Attend within ``(B, T, V)``; `before` is what the window before left, None at first."""


class AttentionOverAll(StepAttention):
    """Each step looks at every real one, also at those that come later."""

    def forward(self, states: Tensor, before: Any, lengths: Tensor) -> Attended:
        mask = mask_of(lengths, states.shape[1])[:, None]
        memory = self.attention.build_memory(states, mask)
        return Attended(*self.attention.attend_sequence(states, memory), None)


class AttentionOverPast(StepAttention):
    """Each step looks at itself and at the `MEMORY` steps before it.

    A window goes on from the states of so many steps before it. A longer sequence is read in blocks
    of so many steps, so that time and memory are linear in its length; weights ``(B, heads, T, P +
    T)``, over P steps remembered too, are told of a map that can be read, and not in training.
    """

    def forward(self, states: Tensor, before: Any, lengths: Tensor) -> Attended:
        contexts, maps = [], []
        told = is_told(self, states, before)
        for block, ends in blocks(states, lengths):
            context, weights, before = self._window(block, before, ends, told=told)
            contexts.append(context)
            maps += [] if weights is None else [weights]
        return Attended(whole(contexts), joined(maps) if told else None, before)

    def _window(
        self, states: Tensor, before: Remembered | None, lengths: Tensor, *, told: bool
    ) -> Attended:
        old = nothing(states[:, :0]) if before is None else before
        seen = torch.cat([old.parts[0], states], dim=1) if old.steps else states
        memory = self.attention.build_memory(seen, visible(old, states.shape[1]))
        memory = memory._replace(causal=not old.steps)
        step = torch.full_like(lengths, old.steps)[:, None]
        past = Past(step, self._looked(old, memory, states.shape[1]))
        if not (told or self.attention.looks_back):
            contexts = self.attention.contexts(states, memory, following(past, states))
            return Attended(contexts, None, remember((seen,), old, lengths))
        contexts, weights = self.attention.attend_sequence(states, memory, past)
        parts = (seen,) if past.weights is None else (seen, _last(past.weights, weights, lengths))
        return Attended(contexts, weights, remember(parts, old, lengths))

    def _looked(self, before: Remembered, memory: Memory, steps: int) -> Tensor | None:
        """Return the weights ``(B, 1, P + T)`` of the step before, if the attention looks back."""
        if not self.attention.looks_back:
            return None
        if not before.steps:
            return self.attention.first(memory.of_query(0))
        return F.pad(before.parts[1].mT, (0, steps))


def _last(before: Tensor, weights: Tensor, lengths: Tensor) -> Tensor:
    """Return the weights ``(B, S, 1)`` of each sequence's last step: one `before`, or its own."""
    looked = torch.cat([before, weights.mean(1)], dim=1)
    return looked[torch.arange(len(lengths), device=lengths.device), lengths][:, :, None]


class Remembered(NamedTuple):
    """What is kept of the last steps before a window, at most `MEMORY`."""

    parts: tuple[Tensor, ...]  # (B, P, *) each
    real: Tensor  # (B,), how many of the P there were: the last ones

    @property
    def steps(self) -> int:
        """How many are kept, P."""
        return self.parts[0].shape[1]


def nothing(*parts: Tensor) -> Remembered:
    """Return what is kept before a first step: parts ``(B, 0, *)``."""
    return Remembered(parts, torch.zeros(len(parts[0]), dtype=torch.long, device=parts[0].device))


def remember(parts: tuple[Tensor, ...], before: Remembered, lengths: Tensor) -> Remembered:
    """Keep the last steps of ``(B, P + T, *)`` parts, up to each sequence's own last one.

    P of them are those before; of the T others ``lengths (B,)`` are real.
    """
    size = min(MEMORY, parts[0].shape[1])
    own = (before.steps + lengths)[:, None] - size
    places = (own + torch.arange(size, device=lengths.device)).clamp(min=0)
    first = parts[0].shape[1] * torch.arange(len(lengths), device=lengths.device)[:, None]
    rows = (first + places).flatten()  # whole rows are copied in a third of the time of others
    kept = tuple(
        part.flatten(0, 1).index_select(0, rows).unflatten(0, places.shape) for part in parts
    )
    return Remembered(kept, (before.real + lengths).clamp(max=size))


def visible(before: Remembered, steps: int) -> Tensor:
    """Return what each of so many steps sees of those before and of its own, ``(B, T, P + T)``."""
    past = before.steps
    places = torch.arange(past + steps, device=before.real.device)
    ago = places[past:, None] - places
    near = (ago >= 0) & (ago <= MEMORY)
    if not past:
        return near.expand(len(before.real), -1, -1)
    there = places >= (past - before.real)[:, None]
    return near & there[:, None]


def blocks(x: Tensor, lengths: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Cut ``(B, T, *)`` into blocks of `MEMORY` steps, each with how many are real ``(B,)``."""
    if x.shape[1] <= MEMORY:
        yield x, lengths
        return
    for number, block in enumerate(x.split(MEMORY, dim=1)):
        yield block, (lengths - number * MEMORY).clamp(0, block.shape[1])


def whole(blocks: Sequence[Tensor]) -> Tensor:
    """Join blocks ``(B, T, *)`` of steps; a single one is not copied."""
    return blocks[0] if len(blocks) == 1 else torch.cat([*blocks], dim=1)


def is_told(module: nn.Module, x: Tensor, before: Remembered | None) -> bool:
    """Tell whether weights over ``(B, T, *)`` and what came before are to be told."""
    past = 0 if before is None else before.steps
    return not module.training and past + x.shape[1] <= LONGEST_MAP


def joined(maps: Sequence[Tensor]) -> Tensor:
    """Lay the weights ``(B, heads, U, P + U)`` of blocks below one another, where each looked."""
    steps = [each.shape[2] for each in maps]
    total = maps[0].shape[3] + sum(steps[1:])
    rows, end = [], maps[0].shape[3] - steps[0]
    for each, own in zip(maps, steps, strict=True):
        end += own
        rows.append(F.pad(each, (end - each.shape[3], total - end)))
    return torch.cat(rows, dim=2)
