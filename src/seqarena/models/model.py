"""The one model: frontend -> encoder -> head."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor, nn

from seqarena.data.batches import Batch
from seqarena.decode import Hypothesis
from seqarena.models.encoders import Encoder
from seqarena.models.frontends import Frontend
from seqarena.models.heads import Encoded, Head


class Output(NamedTuple):
    """What a model says of a batch."""

    logits: Tensor  # (B, outputs), or (B, U, V) where it answers step by step
    lengths: Tensor  # (B,), after the frontend
    weights: Tensor | None  # (B, heads, U, S) where there is attention
    state: Any = None  # of the recurrence after the last step, where the encoder tells it
    per_target: bool = True  # see `Head`
    nll: Tensor | None = None  # (B, U), -log P of each true token, where logits are not kept
    preferred: Tensor | None = None  # (B,), whether the true sequence is likelier than a false one
    hypotheses: list[Hypothesis] | None = None  # per sequence, what it wrote by itself
    n_best: list[list[Hypothesis]] | None = None  # and what came next to it
    label_mask: Tensor | None = (
        None  # (B, U), the steps of which an answer is asked, where not of all
    )


class SequenceModel(nn.Module):
    """Maps a batch to what its head answers."""

    def __init__(self, frontend: Frontend, encoder: Encoder, head: Head) -> None:
        super().__init__()
        self.frontend, self.encoder, self.head = frontend, encoder, head

    def encode(self, batch: Batch, state: Any = None) -> Encoded:
        """Run ``inputs (B, T, *)``, ``lengths (B,)`` through frontend and encoder.

        `state` is that of the recurrence after what came before, if anything did.
        """
        features, lengths = self.frontend(batch.inputs, batch.lengths)
        states, last = self.encoder(features, lengths, state)
        return Encoded(states, self.encoder.summary(states, lengths), lengths, last)

    def forward(self, batch: Batch, state: Any = None) -> Output:
        """Answer a batch; a head that writes reads the targets up to each token."""
        encoded = self.encode(batch, state)
        logits, weights = self.head(encoded, batch)
        return Output(logits, encoded.lengths, weights, encoded.state, self.head.per_target)


def count_parameters(model: nn.Module) -> int:
    """Count the trained numbers of a model."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
