"""Encoders of causal layers, each of which goes on from a state of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from seqarena.models.encoder import Encoder
from seqarena.models.recurrent.cells import State
from seqarena.models.recurrent.encoders import ragged
from seqarena.models.regularisation.dropout import Dropout


class CausalLayer(nn.Module, ABC):
    """A layer over ``(B, T, *)`` that reads no later step; with T = 1 it is the decode step."""

    @abstractmethod
    def initial_state(self, x: Tensor) -> State:
        """Return the state before the first step of ``(B, T, *)``."""

    @abstractmethod
    def forward(self, x: Tensor, state: State, lengths: Tensor | None) -> tuple[Tensor, State]:
        """Return outputs ``(B, T, width)`` and the state after each sequence's own last step.

        `lengths` ``(B,)`` say which that is, None where it is the last of all.
        """


class CausalLayers(Encoder):
    """Layers one above the other; the summary is what the last says of the last step."""

    def __init__(
        self, width: int, layers: Sequence[CausalLayer], *, first: nn.Module, last: nn.Module
    ) -> None:
        super().__init__()
        self.width = width
        self.first, self.last = first, last
        self.layers = nn.ModuleList(layers)

    def forward(self, features: Tensor, lengths: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        return self.run(features, ragged(lengths, features), state)

    def run(self, features: Tensor, lengths: Tensor | None, state: Any) -> tuple[Tensor, Any]:
        """Do what `forward` does; `lengths` are None where all are alike."""
        x, after = self.first(features), []
        for place, layer in enumerate(self.layers):
            assert isinstance(layer, CausalLayer)
            x, new = layer(x, layer.initial_state(x) if state is None else state[place], lengths)
            after.append(new)
        return self.last(x), tuple(after)

    def summary(self, states: Tensor, lengths: Tensor) -> Tensor:
        return at_ends(states, lengths)


class Residual(CausalLayer):
    """A layer of normed inputs whose outputs are added to them (Xiong et al. 2020)."""

    def __init__(self, layer: CausalLayer, width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.layer = layer
        self.dropout = Dropout(dropout)

    def initial_state(self, x: Tensor) -> State:
        return self.layer.initial_state(x)

    def forward(self, x: Tensor, state: State, lengths: Tensor | None) -> tuple[Tensor, State]:
        found, state = self.layer(self.norm(x), state, lengths)
        return x + self.dropout(found), state


def residual_layers(
    inputs: int, width: int, layers: Sequence[CausalLayer], dropout: float
) -> CausalLayers:
    """Return layers beside shortcuts, over inputs that are projected to their width.

    The projection has a bias, since the norms after it would leave a lone channel but its sign.
    """
    return CausalLayers(
        width,
        [Residual(layer, width, dropout) for layer in layers],
        first=nn.Linear(inputs, width),
        last=nn.LayerNorm(width),
    )


def at_ends(x: Tensor, lengths: Tensor) -> Tensor:
    """Return the last step of each sequence of ``(B, T, *)``."""
    return x[torch.arange(len(x), device=x.device), lengths - 1]
