"""From an encoded sequence to what a task asks: the last part of every model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

from torch import Tensor, nn

from seqarena.data.batches import Batch
from seqarena.models.attention import Attention, AttentionPooling
from seqarena.models.dropout import Dropout


class Encoded(NamedTuple):
    """What an encoder makes of a batch."""

    states: Tensor  # (B, S, V)
    summary: Tensor  # (B, V), of the whole sequence
    lengths: Tensor  # (B,), after the frontend


class Head(nn.Module, ABC):
    """The part of a model that depends on the task."""

    @abstractmethod
    def forward(self, encoded: Encoded, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Return logits and, where there is attention, its weights ``(B, heads, U, S)``."""


class PooledHead(Head):
    """One answer per sequence, ``(B, outputs)``: attention pooling if any, then a dense layer."""

    def __init__(
        self, width: int, attention: Attention | None, outputs: int, dropout: float
    ) -> None:
        super().__init__()
        self.pooling = None if attention is None else AttentionPooling(attention)
        pooled = width if attention is None else attention.context + width
        self.output = nn.Sequential(Dropout(dropout), nn.Linear(pooled, outputs))

    def forward(self, encoded: Encoded, batch: Batch) -> tuple[Tensor, Tensor | None]:
        summary, weights = encoded.summary, None
        if self.pooling is not None:
            summary, weights = self.pooling(*encoded)
        return self.output(summary), weights
