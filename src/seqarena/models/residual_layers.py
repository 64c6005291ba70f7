"""An encoder of layers beside shortcuts, each of which goes on from a state of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from seqarena.models.dropout import Dropout
from seqarena.models.encoder import Encoder
from seqarena.models.recurrent_encoders import ragged


class Layer(nn.Module, ABC):
    """A causal layer over ``(B, T, width)``."""

    @abstractmethod
    def forward(self, x: Tensor, before: Any, lengths: Tensor | None) -> tuple[Tensor, Any]:
        """Return outputs ``(B, T, width)`` and the state after each sequence's own last step.

        `before` is the state to start from, None for the first step; `lengths` ``(B,)`` are given
        where they differ.
        """


class ResidualLayers(Encoder):
    """Layers one above the other, a norm before each (Xiong et al. 2020) and one over the last."""

    def __init__(self, inputs: int, width: int, layers: Sequence[Layer], dropout: float) -> None:
        super().__init__()
        self.width = width
        self.project = nn.Linear(inputs, width)
        self.layers = nn.ModuleList(layers)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in layers)
        self.dropout = Dropout(dropout)
        self.norm = nn.LayerNorm(width)

    def forward(self, features: Tensor, lengths: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        x, ends, after = self.project(features), ragged(lengths, features), []
        states = state or [None] * len(self.layers)
        for layer, norm, before in zip(self.layers, self.norms, states, strict=True):
            found, new = layer(norm(x), before, ends)
            x = x + self.dropout(found)
            after.append(new)
        return self.norm(x), tuple(after)

    def summary(self, states: Tensor, lengths: Tensor) -> Tensor:
        return states[torch.arange(len(states), device=states.device), lengths - 1]
