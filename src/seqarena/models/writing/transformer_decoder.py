"""The decoder that has no recurrence: every token attends to those before it and to the source."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqarena.data.batches import mask_of
from seqarena.models.attention.memory import Memory
from seqarena.models.attention.scores import MultiHeadAttention
from seqarena.models.attention.transformer import InputProjection, positions
from seqarena.models.heads import Encoded
from seqarena.models.regularisation.dropout import Dropout
from seqarena.models.writing.autoregressive import Decoder


class Cache(NamedTuple):
    """What one layer keeps of the tokens of each hypothesis."""

    keys: Tensor  # (B, W, heads, U, K)
    values: Tensor  # (B, W, heads, U, K)


class TransformerDecoder(Decoder):
    """Layers of masked self-attention and of attention to the source (Vaswani et al. 2017).

    Norms stand before each part and once more at the end, as in the encoder;
    dropout follows each part and the positions (section 5.4). A whole target is one pass; token by
    token, keys and values of earlier tokens are cached. The weights are those of the last layer
    over the source. Raises `InputError` where heads do not divide the width.
    """

    def __init__(
        self,
        width: int,
        layers: int,
        heads: int,
        embedding: nn.Embedding,
        dropout: float,
        *,
        sampling: float = 0.0,
    ) -> None:
        super().__init__(sampling)
        self.width = width
        self.embedding = embedding
        self.input_projection = InputProjection(embedding.embedding_dim, width, dropout)
        self.layers = nn.ModuleList(DecoderLayer(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, embedding.num_embeddings)

    def decode(self, tokens: Tensor, source: tuple[Memory, ...]) -> tuple[Tensor, Tensor | None]:
        x = self.input_projection(self.embedding(tokens), positions(tokens.shape[1], self.width))
        weights = None
        for layer, memory in zip(self.layers, source, strict=True):
            x, weights, _ = layer(x, memory, None)
        return self.output(self.norm(x)), weights

    def encode_memory(self, encoded: Encoded) -> tuple[Memory, ...]:
        mask = mask_of(encoded.lengths, encoded.states.shape[1])[:, None]
        memories = []
        for layer in self.layers:
            assert isinstance(layer, DecoderLayer)
            memories.append(layer.source.build_memory(encoded.states, mask))
        return tuple(memories)

    def init_state(self, source: tuple[Memory, ...]) -> tuple[Cache, ...]:
        nothing = [memory.values[:, None, :, :0] for memory in source]
        return tuple(Cache(none, none) for none in nothing)

    def advance(
        self, tokens: Tensor, source: tuple[Memory, ...], decoder_state: tuple[Cache, ...]
    ) -> tuple[Tensor, tuple[Cache, ...], Tensor | None]:
        step = decoder_state[0].keys.shape[3]
        x = self.input_projection(self.embedding(tokens), positions(step + 1, self.width)[step])
        weights, after = None, []
        for layer, memory, cache in zip(self.layers, source, decoder_state, strict=True):
            x, weights, longer = layer(x, memory, cache)
            after.append(longer)
        return self.output(self.norm(x)), tuple(after), weights


class DecoderLayer(nn.Module):
    """Self-attention, attention to the source, two dense layers, each added to what came in."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.own = SelfAttention(width, heads)
        self.source = MultiHeadAttention(width, width, width, heads)
        self.dense = nn.Sequential(
            nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.dropout = Dropout(dropout)

    def forward(
        self, x: Tensor, memory: Memory, decoder_state: Cache | None
    ) -> tuple[Tensor, Tensor, Cache | None]:
        """Map ``(B, U, width)``; also return the weights over the source ``(B, heads, U, S)``.

        With a cache the queries ``(B, W, width)`` are the next tokens of hypotheses side by side.
        """
        first, second, third = self.norms
        own, decoder_state = self.own(first(x), decoder_state)
        x = x + self.dropout(own)
        query = second(x)
        contexts, weights = self.source(query, memory, self.source.before(memory))
        x = x + self.dropout(contexts)
        return x + self.dropout(self.dense(third(x))), weights, decoder_state


class SelfAttention(nn.Module):
    """Scaled dot products of tokens with themselves and those before them (section 3.2.3)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.inputs = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    def forward(self, x: Tensor, decoder_state: Cache | None) -> tuple[Tensor, Cache | None]:
        """Attend within ``(B, U, width)``, or from ``(B, W, width)`` to each one's own cache."""
        parts = self.inputs(x).unflatten(2, (3, self.heads, -1))
        if decoder_state is None:
            query, key, value = parts.transpose(1, 3).unbind(2)  # (B, heads, U, K)
            attended = F.scaled_dot_product_attention(query, key, value, is_causal=True)
            return self.output(attended.transpose(1, 2).flatten(2)), None
        query, key, value = parts.unsqueeze(4).unbind(2)  # (B, W, heads, 1, K)
        decoder_state = Cache(
            torch.cat([decoder_state.keys, key], 3), torch.cat([decoder_state.values, value], 3)
        )
        attended = F.scaled_dot_product_attention(query, *decoder_state)
        return self.output(attended.flatten(2)), decoder_state
