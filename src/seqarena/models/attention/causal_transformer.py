"""The Transformer over the past: rotary positions, and keys and values kept from step to step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from seqarena.errors import InputError
from seqarena.models.attention.memory import Memory, contexts_of, masked
from seqarena.models.attention.scores import products
from seqarena.models.attention.steps import (
    Remembered,
    blocks,
    is_told,
    joined,
    nothing,
    remember,
    visible,
    whole,
)
from seqarena.models.attention.transformer import PERIOD, Transformer
from seqarena.models.encoder import Encoder
from seqarena.models.hyperparameters import Hyperparameters
from seqarena.models.regularisation.dropout import Dropout


class CausalTransformer(Transformer):
    """The encoder whose steps look at themselves and at the `MEMORY` steps before them.

    Positions are those of Su et al. (2021): only how far steps are apart counts, so that what is
    kept of them is right wherever a window goes on from. The weights that it tells are those of
    its last layer. Raises `InputError` where heads are of an odd width.
    """

    def __init__(self, inputs: int, width: int, layers: int, heads: int, dropout: float) -> None:
        super().__init__(inputs, width, layers, heads, dropout)
        self.head = width // heads

    def layer(self, width: int, heads: int, dropout: float) -> nn.Module:
        if width // heads % 2:
            found = f"found {width} for {heads} heads"
            message = f"rotary positions need heads of an even width, {found}"
            raise InputError(f"models.causal_transformer: {message}")
        return PastLayer(width, heads, dropout)

    def forward(self, features: Tensor, lengths: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        return self.attend(features, lengths, state)[:2]

    def attend(
        self, features: Tensor, lengths: Tensor, state: Any = None
    ) -> tuple[Tensor, Any, Tensor | None]:
        x = self.input_projection(features, features.new_zeros(()))
        told, found, maps = is_told(self, x, state), [], []
        before = self._nothing(x) if state is None else state
        for block, ends in blocks(x, lengths):
            encoded, cached, weights = self._window(block, before, told=told)
            before = remember(cached, before, ends)
            found.append(encoded)
            maps += [] if weights is None else [weights]
        return self.norm(whole(found)), before, joined(maps) if told else None

    def _nothing(self, x: Tensor) -> Remembered:
        empty = x.new_zeros(len(x), 0, 2 * self.width)
        return nothing(*(empty for _ in self.layers))

    def _window(
        self, x: Tensor, before: Remembered, *, told: bool
    ) -> tuple[Tensor, tuple[Tensor, ...], Tensor | None]:
        """Go through all layers; also return what each caches of all steps, and the weights."""
        mask = visible(before, x.shape[1])
        turns = rotations(mask.shape[2], self.head).to(x)
        kept, weights, top = [], None, self.layers[-1]
        for layer, cache in zip(self.layers, before.parts, strict=True):
            x, cached, weights = layer(x, cache, mask, turns, told=told and layer is top)
            kept.append(cached)
        return x, tuple(kept), weights


class PastLayer(nn.Module):
    """Self-attention, then two dense layers; a norm before each part, its dropout after."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.inputs = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.dense = nn.Sequential(
            nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.dropout = Dropout(dropout)

    def forward(
        self, x: Tensor, cache: Tensor, mask: Tensor, turns: Tensor, *, told: bool = False
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Map ``(B, T, width)`` after keys and values ``(B, P, 2 width)`` of steps before.

        `mask` ``(B, T, P + T)``; `turns` as of `rotations`. Also returns keys and values of all
        P + T and, if `told`, the weights ``(B, heads, T, P + T)``.
        """
        first, second = self.norms
        width = x.shape[2]
        query, new = self.inputs(first(x)).split((width, 2 * width), dim=2)
        cached = torch.cat([cache, new], dim=1)
        parts = (query, *cached.chunk(2, dim=2))
        query, key, value = (part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in parts)
        query, key = turned(query, turns[:, cache.shape[1] :]), turned(key, turns)
        memory, weights = Memory(key, value, mask, causal=not cache.shape[1]), None
        if told:
            scores = masked(query @ key.mT / query.shape[3] ** 0.5, memory)
            weights = torch.softmax(scores, dim=-1)
            attended = contexts_of(weights, memory)
        else:
            attended = products(query, key, memory)
        x = x + self.dropout(self.output(attended))
        return x + self.dropout(self.dense(second(x))), cached, weights


def rotations(steps: int, size: int) -> Tensor:
    """Return the cosines and sines ``(2, T, K / 2)`` by which a head of K turns at each step."""
    waves = torch.arange(0, size, 2, dtype=torch.float64) / size
    angles = torch.arange(steps)[:, None] / PERIOD**waves
    return torch.stack([angles.cos(), angles.sin()])


def turned(x: Tensor, turns: Tensor) -> Tensor:
    """Turn the pairs of channels of ``(B, heads, T, K)`` (Su et al. 2021, equation 34).

    Channel i is paired with i + K / 2, not with its neighbour: the projections before learn either.
    """
    (one, other), (cosine, sine) = x.chunk(2, dim=3), turns
    return torch.cat([one * cosine - other * sine, other * cosine + one * sine], dim=3)


def causal_transformer(shape: tuple[int, ...], steps: int, h: Hyperparameters) -> Encoder:
    """Build the encoder of self-attention over the past."""
    return CausalTransformer(shape[0], h["width"], h["layers"], h["heads"], h["dropout"])
