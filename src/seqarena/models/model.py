"""The one model: frontend -> encoder -> head."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn

from seqarena.data.batches import Batch
from seqarena.data.store import Split
from seqarena.models.encoder import Encoder
from seqarena.models.frontends import Frontend
from seqarena.models.heads import Encoded, Head
from seqarena.models.outputs import Carried, Logits


class SequenceModel(nn.Module):
    """Maps a batch to the output of its head."""

    def __init__(self, frontend: Frontend, encoder: Encoder, head: Head) -> None:
        super().__init__()
        self.frontend, self.encoder, self.head = frontend, encoder, head

    def encode(self, batch: Batch, state: Any = None) -> Encoded:
        """Run ``inputs (B, T, *)``, ``lengths (B,)`` through frontend and encoder.

        `state` is that of the encoder after the previous window, if any.
        """
        features, lengths = self.frontend(batch.inputs, batch.lengths)
        states, last, weights = self.encoder.attend(features, lengths, state)
        made = self.encoder.states_of(lengths)
        summary = self.encoder.summary(states, made)
        return Encoded(states, summary, made, last, weights=weights, inputs=batch.inputs)

    def count(self, train: Split) -> None:
        """Take from train what is counted before anything is learned: nothing, of most models."""

    def weigh(self, valid: Iterable[Batch]) -> None:
        """Choose by valid, before it is scored, what no gradient reaches: nothing, of most."""

    def forward(self, batch: Batch, state: Carried | None = None) -> Logits:
        """Run a batch; a head that writes reads the targets before each token.

        `state` is what the previous window left, if any.
        """
        before = state or Carried()
        encoded = self.encode(batch, before.encoder)
        output: Logits = self.head(encoded._replace(before=before.head), batch)
        return output


def count_parameters(model: nn.Module) -> int:
    """Count the trained numbers of a model."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
