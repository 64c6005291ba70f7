"""The decoder that has no recurrence: every token looks at those before it and at the source."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqarena.models.attention import Memory, MultiHeadAttention, mask_of
from seqarena.models.dropout import Dropout
from seqarena.models.heads import Encoded
from seqarena.models.speaker import Decoder
from seqarena.models.transformer import Placed, positions


class Cache(NamedTuple):
    """What one layer keeps of the tokens of each hypothesis."""

    keys: Tensor  # (B, W, heads, U, K)
    values: Tensor  # (B, W, heads, U, K)


class TransformerDecoder(Decoder):
    """Layers of masked self-attention and of attention to the source (Vaswani et al. 2017).

    Norms stand before each part and once more at the end, as in `seqarena.models.transformer`;
    dropout follows each part and the positions (section 5.4). A whole target is one pass; token by
    token, keys and values of what was said are kept. The weights are those of the last layer over
    the source. Raises `InputError` where heads do not divide the width.
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
        self.placed = Placed(embedding.embedding_dim, width, dropout)
        self.layers = nn.ModuleList(DecoderLayer(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, embedding.num_embeddings)

    def tell(self, tokens: Tensor, source: tuple[Memory, ...]) -> tuple[Tensor, Tensor | None]:
        x = self.placed(self.embedding(tokens), positions(tokens.shape[1], self.width))
        weights = None
        for layer, memory in zip(self.layers, source, strict=True):
            x, weights, _ = layer(x, memory, None)
        return self.output(self.norm(x)), weights

    def read(self, encoded: Encoded) -> tuple[Memory, ...]:
        mask = mask_of(encoded.lengths, encoded.states.shape[1])
        memories = []
        for layer in self.layers:
            assert isinstance(layer, DecoderLayer)
            memories.append(layer.source.remember(encoded.states, mask))
        return tuple(memories)

    def begin(self, source: tuple[Memory, ...]) -> tuple[Cache, ...]:
        nothing = [memory.values[:, None, :, :0] for memory in source]
        return tuple(Cache(none, none) for none in nothing)

    def advance(
        self, tokens: Tensor, source: tuple[Memory, ...], said: tuple[Cache, ...]
    ) -> tuple[Tensor, tuple[Cache, ...], Tensor | None]:
        step = said[0].keys.shape[3]
        x = self.placed(self.embedding(tokens), positions(step + 1, self.width)[step])
        weights, after = None, []
        for layer, memory, cache in zip(self.layers, source, said, strict=True):
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
        self, x: Tensor, memory: Memory, said: Cache | None
    ) -> tuple[Tensor, Tensor, Cache | None]:
        """Map ``(B, U, width)``; also return the weights over the source ``(B, heads, U, S)``.

        With a cache the queries ``(B, W, width)`` are the next tokens of hypotheses side by side.
        """
        first, second, third = self.norms
        own, said = self.own(first(x), said)
        x = x + self.dropout(own)
        query = second(x)
        contexts, weights = self.source(query, memory, self.source.before(memory))
        x = x + self.dropout(contexts)
        return x + self.dropout(self.dense(third(x))), weights, said


class SelfAttention(nn.Module):
    """Scaled dot products of tokens with themselves and those before them (section 3.2.3)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.inputs = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    def forward(self, x: Tensor, said: Cache | None) -> tuple[Tensor, Cache | None]:
        """Attend within ``(B, U, width)``, or from ``(B, W, width)`` to each one's own cache."""
        parts = self.inputs(x).unflatten(2, (3, self.heads, -1))
        if said is None:
            query, key, value = parts.transpose(1, 3).unbind(2)  # (B, heads, U, K)
            attended = F.scaled_dot_product_attention(query, key, value, is_causal=True)
            return self.output(attended.transpose(1, 2).flatten(2)), None
        query, key, value = parts.unsqueeze(4).unbind(2)  # (B, W, heads, 1, K)
        said = Cache(torch.cat([said.keys, key], 3), torch.cat([said.values, value], 3))
        attended = F.scaled_dot_product_attention(query, *said)
        return self.output(attended.flatten(2)), said
