"""From an encoded sequence to the logits of a task: the last part of every model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from seqarena.data.batches import Batch, mask_of
from seqarena.decode import Decoding, Hypothesis
from seqarena.models.attention import Attention, AttentionPooling
from seqarena.models.dropout import Dropout
from seqarena.models.outputs import Logits
from seqarena.models.precision import in_float32


class Encoded(NamedTuple):
    """What an encoder makes of a batch."""

    states: Tensor  # (B, S, V)
    summary: Tensor  # (B, V), of the whole sequence
    lengths: Tensor  # (B,), after the frontend
    state: Any = None  # of the recurrence after the last step, where the encoder returns it

    def output(self, logits: Tensor, weights: Tensor | None) -> Logits:
        """Return what a head makes of this."""
        return Logits(
            logits=logits,
            lengths=self.lengths,
            weights=weights,
            state=self.state,
            states=self.states,
        )


class Head(nn.Module, ABC):
    """The part of a model that depends on the task."""

    progress = 0.0  # the share of training batches done; `Training` sets it

    @abstractmethod
    def forward(self, encoded: Encoded, batch: Batch) -> Logits:
        """Return logits, with the weights of the attention if any and the encoder's state."""


class Writer(Head):
    """A head that writes tokens."""

    @abstractmethod
    def write(
        self, encoded: Encoded, decoding: Decoding, max_length: int
    ) -> list[list[Hypothesis]]:
        """Write at most `max_length` tokens for each sequence; best first."""


class PooledHead(Head):
    """One prediction per sequence, ``(B, outputs)``: attention pooling if any, a dense layer."""

    def __init__(
        self, width: int, attention: Attention | None, outputs: int, dropout: float
    ) -> None:
        super().__init__()
        self.pooling = None if attention is None else AttentionPooling(attention)
        pooled = width if attention is None else attention.context + width
        self.output = nn.Sequential(Dropout(dropout), nn.Linear(pooled, outputs))

    def forward(self, encoded: Encoded, batch: Batch) -> Logits:
        summary, weights = encoded.summary, None
        if self.pooling is not None:
            summary, weights = self.pooling(*encoded[:3])
        # Of values in bfloat16 there are 128 between 1 and 2: forecasts would be steps.
        logits = in_float32(self.output, summary)
        return encoded.output(logits, weights)


class StepHead(Head):
    """One prediction per step, ``(B, T, outputs)``; with attention each step attends to all."""

    def __init__(
        self, width: int, attention: Attention | None, outputs: int, dropout: float
    ) -> None:
        super().__init__()
        self.attention = attention
        inputs = width if attention is None else attention.context + width
        self.output = nn.Sequential(Dropout(dropout), nn.Linear(inputs, outputs))

    def forward(self, encoded: Encoded, batch: Batch) -> Logits:
        states, weights = encoded.states, None
        if self.attention is not None:
            memory = self.attention.build_memory(states, mask_of(encoded.lengths, states.shape[1]))
            contexts, weights = self.attention.attend_sequence(states, memory)
            states = torch.cat([contexts, states], dim=-1)
        return encoded.output(self.output(states), weights)
