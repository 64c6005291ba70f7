"""Heads that write token by token, and how a search sees them."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from seqarena.data.batches import Batch
from seqarena.data.tokens import END
from seqarena.decode import Decoding, Hypothesis, State, Step, Stepper
from seqarena.models.heads import Encoded, Writer
from seqarena.models.outputs import Logits
from seqarena.models.writing.scheduled_sampling import mixed


class Decoder(Writer):
    """A writer that predicts each token from those before it.

    In training it may read tokens of its own, see `mixed`: of all tokens a share that grows in
    proportion to `progress`, up to `sampling` (Bengio et al. 2015, section 2.4: linear decay).
    """

    def __init__(self, sampling: float = 0.0) -> None:
        super().__init__()
        self.sampling = sampling

    def forward(self, encoded: Encoded, batch: Batch) -> Logits:
        """Predict each next token of ``targets (B, U)`` from the true ones before it."""
        tokens = F.pad(batch.targets[:, :-1], (1, 0), value=END)
        source = self.encode_memory(encoded)
        share = self.sampling * self.progress if self.training else 0.0
        if share > 0:
            tokens = mixed(tokens, self.decode(tokens, source)[0], share)
        return encoded.output(*self.decode(tokens, source))

    @abstractmethod
    def decode(self, tokens: Tensor, source: Any) -> tuple[Tensor, Tensor | None]:
        """Run tokens ``(B, U)`` at once: logits ``(B, U, V)`` of each next one, and weights."""

    @abstractmethod
    def encode_memory(self, encoded: Encoded) -> Any:
        """Project the source once, for all tokens to come: tensors ``(B, *)``."""

    @abstractmethod
    def init_state(self, source: Any) -> Any:
        """Return the state before the first token, one hypothesis each: tensors ``(B, 1, *)``."""

    @abstractmethod
    def advance(
        self, tokens: Tensor, source: Any, decoder_state: Any
    ) -> tuple[Tensor, Any, Tensor | None]:
        """Run one step on tokens ``(B, W)``: logits ``(B, W, V)``, the next state, weights.

        The weights are ``(B, heads, W, S)``.
        """

    def write(
        self, encoded: Encoded, decoding: Decoding, max_length: int
    ) -> list[list[Hypothesis]]:
        return decoding(self.stepper(encoded), max_length)

    def stepper(self, encoded: Encoded) -> Stepper:
        """Return what a search sees of it over encoded sources."""
        return AutoregressiveStepper(self, encoded)


class AutoregressiveStepper:
    """A decoder over encoded sources as a search sees it: a `seqarena.decode.Stepper`."""

    end = END

    def __init__(self, decoder: Decoder, encoded: Encoded) -> None:
        self.decoder, self.encoded = decoder, encoded

    def start(self) -> tuple[Tensor, State]:
        """Encode the memory; return the first tokens and the state."""
        lengths, source = self.encoded.lengths, self.decoder.encode_memory(self.encoded)
        first = torch.full_like(lengths, END)[:, None]
        return first, State(source, self.decoder.init_state(source), lengths)

    def step(self, tokens: Tensor, state: State) -> Step:
        """Predict the next token of every hypothesis."""
        logits, decoder_state, weights = self.decoder.advance(
            tokens, state.memory, state.hypotheses
        )
        attention = None if weights is None else weights.transpose(1, 2)
        return Step(logits, state._replace(hypotheses=decoder_state), attention)
