"""The decoder: a recurrence over the target that looks back at the source."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from seqarena.data.batches import mask_of
from seqarena.models.attention.memory import Attention, Memory, Past
from seqarena.models.heads import Encoded
from seqarena.models.recurrent.cells import CELLS
from seqarena.models.recurrent.layers import Fused
from seqarena.models.regularisation.dropout import Dropout
from seqarena.models.writing.autoregressive import Decoder


class Source(NamedTuple):
    """An encoded source, projected for the decoder."""

    summary: Tensor  # (B, V), of the whole sequence
    memory: Memory | None  # what is attended to
    tokens: Tensor | None = None  # (B, S), what each of its steps is when it is copied


class DecoderState(NamedTuple):
    """What a decoder carries from one token to the next."""

    state: tuple[Tensor, ...]  # of the recurrence, each (B, W, V)
    past: Past | None  # of the attention
    fed: Tensor | None  # (B, W, V), the vector of the step before, where it is fed back


class RecurrentDecoder(Decoder):
    """Attends with the state after each token, then ``tanh(W [c; h])`` (Luong et al. 2015, eq. 5).

    Without attention the context is the summary of the source at every step (Cho et al. 2014).
    With `input_feeding` that vector is also an input of the next step (Luong et al., section 3.3);
    without it a whole target is one call of the recurrence's kernel and one of the attention.
    """

    def __init__(
        self,
        kind: str,
        width: int,
        attention: Attention | None,
        embedding: nn.Embedding,
        dropout: float,
        *,
        input_feeding: bool = False,
        sampling: float = 0.0,
    ) -> None:
        super().__init__(sampling)
        self.attention, self.input_feeding = attention, input_feeding
        self.embedding = embedding
        self.recurrence = Fused(kind, embedding.embedding_dim + input_feeding * width, width)
        self.bridge = nn.Linear(width, CELLS[kind].states * width)
        context = width if attention is None else attention.context
        self.combine = nn.Linear(context + width, width)
        self.dropout = Dropout(dropout)
        self.output = nn.Linear(width, embedding.num_embeddings)

    def encode_memory(self, encoded: Encoded) -> Source:
        if self.attention is None:
            return Source(encoded.summary, None)
        mask = mask_of(encoded.lengths, encoded.states.shape[1])[:, None]
        return Source(encoded.summary, self.attention.build_memory(encoded.states, mask))

    def init_state(self, source: Source) -> DecoderState:
        bridged = torch.tanh(self.bridge(source.summary))[:, None]
        state = bridged.chunk(bridged.shape[-1] // source.summary.shape[-1], dim=-1)
        past = None
        if self.attention is not None and source.memory is not None:
            past = self.attention.before(source.memory)
        fed = torch.zeros_like(source.summary)[:, None] if self.input_feeding else None
        return DecoderState(state, past, fed)

    def advance(
        self, tokens: Tensor, source: Source, decoder_state: DecoderState
    ) -> tuple[Tensor, DecoderState, Tensor | None]:
        inputs = self.dropout(self.embedding(tokens))
        if decoder_state.fed is not None:
            inputs = torch.cat([inputs, decoder_state.fed], dim=-1)
        flat = tuple(tensor.flatten(0, 1).contiguous() for tensor in decoder_state.state)
        _, after = self.recurrence(inputs.flatten(0, 1)[:, None], flat)
        state = tuple(tensor.unflatten(0, tokens.shape) for tensor in after)
        past, weights = decoder_state.past, None
        if self.attention is None or source.memory is None or past is None:
            contexts = source.summary[:, None].expand_as(state[0])
        else:
            contexts, weights = self.attention(state[0], source.memory, past)
            past = self.attention.after(past, weights)
        vector = self._combined(contexts, state[0])
        fed = vector if self.input_feeding else None
        logits, told = self.answer(vector, weights, source)
        return logits, DecoderState(state, past, fed), told

    def decode(self, tokens: Tensor, source: Source) -> tuple[Tensor, Tensor | None]:
        """Predict the token after each of ``tokens (B, U)``: logits, weights."""
        if self.input_feeding:
            return self._one_by_one(tokens, source)
        embedded = self.dropout(self.embedding(tokens))
        state = tuple(tensor.squeeze(1) for tensor in self.init_state(source).state)
        states, _ = self.recurrence(embedded, state)
        if self.attention is None or source.memory is None:
            contexts, weights = source.summary[:, None].expand_as(states), None
        else:
            contexts, weights = self.attention.attend_sequence(states, source.memory)
        return self.answer(self._combined(contexts, states), weights, source)

    def _one_by_one(self, tokens: Tensor, source: Source) -> tuple[Tensor, Tensor | None]:
        decoder_state, logits, attention = self.init_state(source), [], []
        for token in tokens.split(1, dim=1):
            step_logits, decoder_state, weights = self.advance(token, source, decoder_state)
            logits.append(step_logits)
            attention += [] if weights is None else [weights]
        return torch.cat(logits, dim=1), torch.cat(attention, dim=2) if attention else None

    def _combined(self, contexts: Tensor, states: Tensor) -> Tensor:
        return torch.tanh(self.combine(torch.cat([contexts, states], dim=-1)))

    def answer(
        self, vector: Tensor, weights: Tensor | None, source: Source
    ) -> tuple[Tensor, Tensor | None]:
        """Return logits ``(B, U, V)`` of combined vectors ``(B, U, width)``, and weights to tell.

        `weights` are ``(B, heads, U, S)``.
        """
        return self.output(self.dropout(vector)), weights
