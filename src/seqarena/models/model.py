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
    """The output of a model for a batch."""

    logits: Tensor  # (B, outputs), or (B, U, V) with one row per target or step
    lengths: Tensor  # (B,), after the frontend
    weights: Tensor | None  # (B, heads, U, S) where there is attention
    state: Any = None  # of the recurrence after the last step, where the encoder returns it
    per_target: bool = True  # see `Head`
    nll: Tensor | None = None  # (B, U), -log P of each true token, where logits are not kept
    preferred: Tensor | None = None  # (B,), whether the true sequence is likelier than a false one
    hypotheses: list[Hypothesis] | None = None  # per sequence, decoded without the targets
    n_best: list[list[Hypothesis]] | None = None  # the hypotheses ranked after it
    label_mask: Tensor | None = None  # (B, U), the steps that need a label, where not all do


class SequenceModel(nn.Module):
    """Maps a batch to the output of its head."""

    def __init__(self, frontend: Frontend, encoder: Encoder, head: Head) -> None:
        super().__init__()
        self.frontend, self.encoder, self.head = frontend, encoder, head

    def encode(self, batch: Batch, state: Any = None) -> Encoded:
        """Run ``inputs (B, T, *)``, ``lengths (B,)`` through frontend and encoder.

        `state` is that of the recurrence after the previous window, if any.
        """
        features, lengths = self.frontend(batch.inputs, batch.lengths)
        states, last = self.encoder(features, lengths, state)
        return Encoded(states, self.encoder.summary(states, lengths), lengths, last)

    def forward(self, batch: Batch, state: Any = None) -> Output:
        """Run a batch; a head that writes reads the targets before each token."""
        encoded = self.encode(batch, state)
        logits, weights = self.head(encoded, batch)
        return Output(logits, encoded.lengths, weights, encoded.state, self.head.per_target)


def count_parameters(model: nn.Module) -> int:
    """Count the trained numbers of a model."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
