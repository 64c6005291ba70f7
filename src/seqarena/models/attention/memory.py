"""What queries look back over, and what all attentions share: a variant writes only its scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Memory(NamedTuple):
    """The states attended to: keys are projected once, however many queries follow."""

    keys: Tensor  # (B, S, K)
    values: Tensor  # (B, heads, S, V)
    mask: Tensor  # (B, U, S), True where a query may look; (B, 1, S) where all may alike
    causal: bool = False  # whether the mask is that of each step over all up to itself

    def of_query(self, place: int) -> Memory:
        """Return the memory as the query of that place may see it."""
        alike = self.mask.shape[1] == 1
        return self if alike else self._replace(mask=self.mask[:, place : place + 1])


class Past(NamedTuple):
    """The history of each of ``U`` queries of a memory."""

    step: Tensor  # (B, U), how many queries came before it
    weights: Tensor | None  # (B, U, S), of the query before, if `looks_back`

    def within(self, memory: Memory) -> Past:
        """Forget what the query before looked at and the next one may not."""
        kept = None if self.weights is None else self.weights * memory.mask
        return Past(self.step, kept)


class Attention(nn.Module, ABC):
    """Scores -> mask -> softmax -> weighted sum; `scores` is all that a variant writes."""

    context: int  # width of the context vector of a query
    looks_back = False  # whether the scores depend on the weights of the query before

    @abstractmethod
    def build_memory(self, values: Tensor, mask: Tensor) -> Memory:
        """Project the keys of ``(B, S, V)`` values; `mask` is that of `Memory`."""

    @abstractmethod
    def scores(self, query: Tensor, memory: Memory, past: Past) -> Tensor:
        """Score queries ``(B, U, Q)`` against the memory: ``(B, heads, U, S)``."""

    def forward(self, query: Tensor, memory: Memory, past: Past) -> tuple[Tensor, Tensor]:
        """Attend with ``(B, U, Q)``: contexts ``(B, U, context)``, weights ``(B, heads, U, S)``.

        Weights are exactly 0 where masked and each row sums to 1.
        """
        scores = masked(self.scores(query, memory, past), memory)
        weights = torch.softmax(scores, dim=-1)
        return contexts_of(weights, memory), weights

    def contexts(self, query: Tensor, memory: Memory, past: Past) -> Tensor:
        """Attend as `forward` does where the weights are not asked for: ``(B, U, context)``."""
        contexts: Tensor = self(query, memory, past)[0]
        return contexts

    def attend_sequence(
        self, query: Tensor, memory: Memory, past: Past | None = None
    ) -> tuple[Tensor, Tensor]:
        """Attend with queries ``(B, U, Q)`` that follow one another; see `forward`.

        All at once where none needs the weights of the one before. `past` is that of the first, by
        default one that none came before.
        """
        past = self.before(memory) if past is None else past
        if not self.looks_back:
            at_once: tuple[Tensor, Tensor] = self(query, memory, following(past, query))
            return at_once
        walked = []
        for place, one in enumerate(query.split(1, dim=1)):
            seen = memory.of_query(place)
            walked.append(self(one, seen, past.within(seen)))
            past = self.after(past, walked[-1][1])
        contexts, weights = zip(*walked, strict=True)
        return torch.cat(contexts, dim=1), torch.cat(weights, dim=2)

    def before(self, memory: Memory) -> Past:
        """Return the past of a first query."""
        step = memory.mask.new_zeros(len(memory.mask), 1, dtype=torch.long)
        return Past(step, self.first(memory.of_query(0)) if self.looks_back else None)

    def first(self, memory: Memory) -> Tensor:
        """Return weights ``(B, 1, S)`` before a first query: even over what it may see."""
        return even(memory)

    def after(self, past: Past, weights: Tensor) -> Past:
        """Return the past of the queries that follow those which had `past` and got `weights`."""
        return Past(past.step + 1, weights.mean(1) if self.looks_back else None)


def masked(scores: Tensor, memory: Memory) -> Tensor:
    """Make scores ``(B, heads, U, S)`` infinitely low where a query may not look."""
    return scores.masked_fill(~memory.mask[:, None], -torch.inf)


def contexts_of(weights: Tensor, memory: Memory) -> Tensor:
    """Return the sums ``(B, U, heads * V)`` of values by weights ``(B, heads, U, S)``."""
    contexts = weights @ memory.values  # (B, heads, U, V)
    return contexts.transpose(1, 2).flatten(2)


def even(memory: Memory) -> Tensor:
    """Return weights ``(B, U, S)`` that are even over what each query may see."""
    return memory.mask.to(memory.values.dtype) / memory.mask.sum(-1, keepdim=True)


def following(first: Past, query: Tensor) -> Past:
    """Return the past of queries ``(B, U, Q)`` that follow one another, of that of the first."""
    return Past(first.step + torch.arange(query.shape[1], device=query.device), None)
