"""Attention: queries look back over a memory; a variant writes only its scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Memory(NamedTuple):
    """What is looked back over: keys are projected once, however many queries follow."""

    keys: Tensor  # (B, S, K)
    values: Tensor  # (B, S, V)
    mask: Tensor  # (B, S), True where there is a real step


class Attention(nn.Module, ABC):
    """Scores -> mask -> softmax -> weighted sum; `scores` is all that a variant writes."""

    @abstractmethod
    def remember(self, values: Tensor, mask: Tensor) -> Memory:
        """Project the keys of ``(B, S, V)`` values."""

    @abstractmethod
    def scores(self, query: Tensor, memory: Memory, previous: Tensor | None) -> Tensor:
        """Score queries ``(B, U, Q)`` against the memory: ``(B, heads, U, S)``."""

    def forward(
        self, query: Tensor, memory: Memory, previous: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Attend with ``(B, U, Q)``: contexts ``(B, U, heads * V)``, weights ``(B, heads, U, S)``.

        `previous` holds the weights of the step before, for variants that look at them.
        Weights are exactly 0 where masked and each row sums to 1.
        """
        scores = self.scores(query, memory, previous)
        scores = scores.masked_fill(~memory.mask[:, None, None, :], -torch.inf)
        weights = torch.softmax(scores, dim=-1)
        contexts = weights @ memory.values[:, None]  # (B, heads, U, V)
        return contexts.transpose(1, 2).flatten(2), weights


class AdditiveAttention(Attention):
    """``v . tanh(W q + U s)`` (Bahdanau et al. 2015, appendix A.1.2)."""

    def __init__(self, query: int, values: int, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(query, width, bias=False)
        self.key = nn.Linear(values, width)
        self.energy = nn.Linear(width, 1, bias=False)

    def remember(self, values: Tensor, mask: Tensor) -> Memory:
        return Memory(self.key(values), values, mask)

    def scores(self, query: Tensor, memory: Memory, previous: Tensor | None) -> Tensor:
        hidden = self.query(query)[:, :, None] + memory.keys[:, None]  # (B, U, S, K)
        energies: Tensor = self.energy(torch.tanh(hidden)).squeeze(-1)
        return energies[:, None]


class AttentionPooling(nn.Module):
    """Look back over all states with the last one as the query; keep both (Luong et al. 2015)."""

    def __init__(self, attention: Attention) -> None:
        super().__init__()
        self.attention = attention

    def forward(self, states: Tensor, summary: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Pool ``(B, T, V)`` with ``(B, V)``: ``(B, 2 V)`` and weights ``(B, heads, 1, T)``."""
        memory = self.attention.remember(states, mask_of(lengths, states.shape[1]))
        contexts, weights = self.attention(summary[:, None], memory)
        return torch.cat([contexts.squeeze(1), summary], dim=1), weights


def mask_of(lengths: Tensor, steps: int) -> Tensor:
    """Return ``(B, T)``, True on real steps, from lengths ``(B,)``."""
    return torch.arange(steps, device=lengths.device) < lengths[:, None]


ATTENTIONS: dict[str, type[AdditiveAttention]] = {"additive": AdditiveAttention}
