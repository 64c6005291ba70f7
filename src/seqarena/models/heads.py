"""From an encoded sequence to the logits of a task: the last part of every model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from seqarena.data.batches import Batch
from seqarena.decode import Decoding, Hypothesis
from seqarena.models.attention.memory import Attention
from seqarena.models.attention.scores import AttentionPooling
from seqarena.models.attention.steps import StepAttention
from seqarena.models.outputs import Carried, Logits
from seqarena.models.precision import in_float32
from seqarena.models.regularisation.dropout import Dropout


class Encoded(NamedTuple):
    """What an encoder makes of a batch."""

    states: Tensor  # (B, S, V)
    summary: Tensor  # (B, V), of the whole sequence
    lengths: Tensor  # (B,), how many states are real
    state: Any = None  # of the encoder after the last step, where it returns it
    weights: Tensor | None = None  # (B, heads, T, S), what its last layer looked at, if it attends
    before: Any = None  # of the head, after the window before
    inputs: Tensor | None = None  # (B, T, *), what was encoded

    def last_weights(self) -> Tensor | None:
        """Return what the last real step looked at ``(B, heads, 1, T)``, if the encoder attends."""
        if self.weights is None:
            return None
        rows = torch.arange(len(self.lengths), device=self.lengths.device)
        return self.weights[rows, :, self.lengths - 1][:, :, None]

    def output(self, logits: Tensor, weights: Tensor | None, after: Any = None) -> Logits:
        """Return what a head makes of this; `after` is what it goes on from itself."""
        return Logits(
            logits=logits,
            lengths=self.lengths,
            weights=weights,
            state=Carried(self.state, after),
            states=self.states,
        )


class Head(nn.Module, ABC):
    """The part of a model that depends on the task."""

    progress = 0.0  # the share of training batches done; `Training` sets it

    @abstractmethod
    def forward(self, encoded: Encoded, batch: Batch) -> Logits:
        """Return logits, with the weights of the attention if any and what goes on from here."""


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
        summary, weights = encoded.summary, encoded.last_weights()
        if self.pooling is not None:
            summary, weights = self.pooling(*encoded[:3])
        # Of values in bfloat16 there are 128 between 1 and 2: forecasts would be steps.
        logits = in_float32(self.output, summary)
        return encoded.output(logits, weights)


class StepHead(Head):
    """One prediction per step, ``(B, T, outputs)``, of its state and of what it looked at."""

    def __init__(
        self, width: int, attention: StepAttention | None, outputs: int, dropout: float
    ) -> None:
        super().__init__()
        self.attention = attention
        inputs = width if attention is None else attention.context + width
        self.output = nn.Sequential(Dropout(dropout), nn.Linear(inputs, outputs))

    def forward(self, encoded: Encoded, batch: Batch) -> Logits:
        states, weights, after = encoded.states, encoded.weights, None
        if self.attention is not None:
            contexts, weights, after = self.attention(states, encoded.before, encoded.lengths)
            states = torch.cat([contexts, states], dim=-1)
        return encoded.output(self.output(states), weights, after)
