"""The one model: frontend -> encoder -> summary or attention pooling -> head."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from seqarena.data.batches import Batch
from seqarena.models.attention import AttentionPooling
from seqarena.models.encoders import Encoder
from seqarena.models.frontends import Frontend


class Output(NamedTuple):
    """What a model says of a batch."""

    logits: Tensor  # (B, outputs)
    lengths: Tensor  # (B,), after the frontend
    weights: Tensor | None  # (B, heads, U, S) where there is attention


class SequenceModel(nn.Module):
    """Maps a batch to one output per sequence."""

    def __init__(
        self,
        frontend: Frontend,
        encoder: Encoder,
        pooling: AttentionPooling | None,
        outputs: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.frontend, self.encoder, self.pooling = frontend, encoder, pooling
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(encoder.width, outputs))

    def forward(self, batch: Batch) -> Output:
        """Run ``inputs (B, T, *)``, ``lengths (B,)`` to logits ``(B, outputs)``."""
        features, lengths = self.frontend(batch.inputs, batch.lengths)
        states = self.encoder(features, lengths)
        if self.pooling is None:
            return Output(self.head(self.encoder.summary(states, lengths)), lengths, None)
        pooled, weights = self.pooling(states, lengths)
        return Output(self.head(pooled), lengths, weights)


def count_parameters(model: nn.Module) -> int:
    """Count the trained numbers of a model."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
