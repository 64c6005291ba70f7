"""The one model: frontend -> encoder -> summary or attention pooling -> head."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from seqarena.data.batches import Batch
from seqarena.models.attention import AttentionPooling
from seqarena.models.dropout import Dropout
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
        width = encoder.width if pooling is None else 2 * encoder.width
        self.head = nn.Sequential(Dropout(dropout), nn.Linear(width, outputs))

    def forward(self, batch: Batch) -> Output:
        """Run ``inputs (B, T, *)``, ``lengths (B,)`` to logits ``(B, outputs)``."""
        features, lengths = self.frontend(batch.inputs, batch.lengths)
        states = self.encoder(features, lengths)
        summary, weights = self.encoder.summary(states, lengths), None
        if self.pooling is not None:
            summary, weights = self.pooling(states, summary, lengths)
        return Output(self.head(summary), lengths, weights)


def count_parameters(model: nn.Module) -> int:
    """Count the trained numbers of a model."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
