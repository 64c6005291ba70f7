"""The one model: frontend -> encoder -> head."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from seqarena.data.batches import Batch
from seqarena.decode import Hypothesis
from seqarena.models.encoders import Encoder
from seqarena.models.frontends import Frontend
from seqarena.models.heads import Encoded, Head


class Output(NamedTuple):
    """What a model says of a batch."""

    logits: Tensor  # (B, outputs), or (B, U, V) where it answers in tokens
    lengths: Tensor  # (B,), after the frontend
    weights: Tensor | None  # (B, heads, U, S) where there is attention
    said: list[Hypothesis] | None = None  # per sequence, what it wrote by itself
    others: list[list[Hypothesis]] | None = None  # and what came next to it


class SequenceModel(nn.Module):
    """Maps a batch to what its head answers."""

    def __init__(self, frontend: Frontend, encoder: Encoder, head: Head) -> None:
        super().__init__()
        self.frontend, self.encoder, self.head = frontend, encoder, head

    def encode(self, batch: Batch) -> Encoded:
        """Run ``inputs (B, T, *)``, ``lengths (B,)`` through frontend and encoder."""
        features, lengths = self.frontend(batch.inputs, batch.lengths)
        states = self.encoder(features, lengths)
        return Encoded(states, self.encoder.summary(states, lengths), lengths)

    def forward(self, batch: Batch) -> Output:
        """Answer a batch; a head that speaks reads the targets up to each token."""
        encoded = self.encode(batch)
        logits, weights = self.head(encoded, batch)
        return Output(logits, encoded.lengths, weights)


def count_parameters(model: nn.Module) -> int:
    """Count the trained numbers of a model."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
