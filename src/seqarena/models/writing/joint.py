"""A decoder and CTC that learn from, and write by, one encoder (Watanabe et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from seqarena.data.batches import Batch
from seqarena.decode import State, Step, Stepper
from seqarena.decode.ctc_prefix import Prefix, extended, next_tokens, no_tokens
from seqarena.models.attention.memory import Attention
from seqarena.models.heads import Encoded
from seqarena.models.outputs import Logits
from seqarena.models.regularisation.dropout import Dropout
from seqarena.models.writing.autoregressive import AutoregressiveStepper
from seqarena.models.writing.decoder import RecurrentDecoder

CTC_WEIGHT = "ctc_weight"  # the hyperparameter: how much CTC counts, 0 to 1


@dataclass(frozen=True, kw_only=True)
class JointLogits(Logits):
    """The logits of the decoder, and those ``(B, S, V)`` of CTC."""

    ctc: Tensor


class JointDecoder(RecurrentDecoder):
    """A recurrent decoder whose attention CTC holds to the order of the source.

    What comes next is ``P(token) ~ P_decoder^(1 - w) * P_CTC^w``, of which the second is that of
    all texts that begin so (section 3.3); training adds both losses by the same weight (equation
    14). Of true texts the perplexity is that of the decoder.
    """

    def __init__(
        self,
        kind: str,
        width: int,
        attention: Attention | None,
        embedding: nn.Embedding,
        dropout: float,
        weight: float,
        *,
        sampling: float = 0.0,
    ) -> None:
        super().__init__(kind, width, attention, embedding, dropout, sampling=sampling)
        self.weight = weight
        self.ctc = nn.Sequential(Dropout(dropout), nn.Linear(width, embedding.num_embeddings))

    def forward(self, encoded: Encoded, batch: Batch) -> JointLogits:
        output = super().forward(encoded, batch)
        own = {field.name: getattr(output, field.name) for field in fields(output)}
        return JointLogits(**own, ctc=self.ctc(encoded.states))

    def stepper(self, encoded: Encoded) -> Stepper:
        return JointStepper(self, encoded)


class Hypotheses(NamedTuple):
    """What both carry from token to token."""

    decoder: Any
    prefix: Prefix


class JointStepper(AutoregressiveStepper):
    """Both as a search sees them."""

    decoder: JointDecoder

    def start(self) -> tuple[Tensor, State]:
        """Encode the memory; return the first tokens and the state."""
        first, state = super().start()
        logits: Tensor = self.decoder.ctc(self.encoded.states)
        logs = torch.log_softmax(logits.double(), -1)
        hypotheses = Hypotheses(state.hypotheses, no_tokens(logs))
        return first, State((state.memory, logs), hypotheses, state.lengths)

    def step(self, tokens: Tensor, state: State) -> Step:
        """Predict the next token of every hypothesis."""
        source, logs = state.memory
        own = super().step(tokens, State(source, state.hypotheses.decoder, state.lengths))
        prefix = extended(state.hypotheses.prefix, tokens, logs, state.lengths)
        by_ctc = next_tokens(prefix, logs, state.lengths)
        weight = self.decoder.weight
        both = (1 - weight) * torch.log_softmax(own.logits.double(), -1) + weight * by_ctc
        after = Hypotheses(own.state.hypotheses, prefix)
        return Step(both, State(state.memory, after, state.lengths), own.weights)
