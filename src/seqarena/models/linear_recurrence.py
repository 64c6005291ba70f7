"""Recurrences whose gates do not read the state, so that all steps are computed at once.

A layer is a block: norm, recurrence, gated output, beside a shortcut (Orvieto et al. 2023, fig. 1).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqarena.models.dropout import Dropout
from seqarena.models.encoder import Encoder
from seqarena.models.hyperparameters import Hyperparameters
from seqarena.models.precision import in_float32
from seqarena.models.scan import scan


class LinearRecurrence(nn.Module, ABC):
    """A recurrence ``h_t = a_t * h_(t-1) + b_t`` over ``(B, T, width)``."""

    @abstractmethod
    def terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return `a` and `b` of every step, ``(B, T, states)`` or what is broadcast to it."""

    def read(self, states: Tensor, x: Tensor) -> Tensor:
        """Return what the layer says ``(B, T, width)``, by its states and its inputs."""
        return states

    def forward(self, x: Tensor, before: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the outputs ``(B, T, width)`` and all states ``(B, T, states)``."""
        return in_float32(self._run, x, before)

    def _run(self, x: Tensor, before: Tensor | None) -> tuple[Tensor, Tensor]:
        states = scan(*self.terms(x), before)
        return self.read(states, x), states


class MinGRU(LinearRecurrence):
    """minGRU (Feng et al. 2024, section 3.1, with the positive candidates of appendix B)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gates = nn.Linear(width, 2 * width)

    def terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        update, candidate = self.gates(x).chunk(2, dim=-1)
        return torch.sigmoid(-update), torch.sigmoid(update) * positive(candidate)


class MinLSTM(LinearRecurrence):
    """minLSTM (Feng et al. 2024, section 3.2): forget and input gates that add up to one."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gates = nn.Linear(width, 3 * width)

    def terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        forget, add, candidate = self.gates(x).chunk(3, dim=-1)
        # f / (f + i) and i / (f + i), as differences of logarithms: neither can be 0 / 0.
        balance = F.logsigmoid(forget) - F.logsigmoid(add)
        return torch.sigmoid(balance), torch.sigmoid(-balance) * positive(candidate)


class LRU(LinearRecurrence):
    """The linear recurrent unit (Orvieto et al. 2023): a diagonal of complex numbers below 1.

    Its eigenvalues are ``exp(-exp(nu) + i exp(theta))`` (section 3.3), drawn on a ring (lemma 3.2),
    and its inputs are scaled by ``sqrt(1 - |eigenvalue|^2)`` (section 3.4).
    """

    RING = (0.5, 0.999)  # radii

    def __init__(self, width: int) -> None:
        super().__init__()
        low, high = self.RING
        radii = torch.rand(width) * (high**2 - low**2) + low**2  # squared
        self.nu = nn.Parameter(torch.log(-0.5 * radii.log()))
        self.theta = nn.Parameter(torch.log(2 * math.pi * torch.rand(width)))
        self.scale = nn.Parameter(0.5 * torch.log1p(-radii))  # its logarithm
        self.inputs = nn.Linear(width, 2 * width, bias=False)
        self.outputs = nn.Linear(2 * width, width, bias=False)
        self.skip = nn.Parameter(torch.randn(width))

    def terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        eigenvalues = torch.polar(torch.exp(-self.nu.exp()), self.theta.exp())
        real, imaginary = self.inputs(x).chunk(2, dim=-1)
        return eigenvalues, torch.complex(real, imaginary) * self.scale.exp()

    def read(self, states: Tensor, x: Tensor) -> Tensor:
        found: Tensor = self.outputs(torch.cat([states.real, -states.imag], dim=-1))
        return found + self.skip * x


def positive(x: Tensor) -> Tensor:
    """Return a positive number that grows with `x`, 0.5 at 0 (Feng et al. 2024, appendix B)."""
    return torch.where(x >= 0, x + 0.5, torch.sigmoid(x))


class Block(nn.Module):
    """A linear recurrence between a norm and a gated linear unit, beside a shortcut."""

    def __init__(self, width: int, recurrence: LinearRecurrence, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.recurrence = recurrence
        self.gated = nn.Linear(width, 2 * width)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, before: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return outputs ``(B, T, width)`` and the states of all steps."""
        found, states = self.recurrence(self.norm(x), before)
        return x + self.dropout(F.glu(self.gated(found), dim=-1)), states


class LinearRecurrences(Encoder):
    """Blocks of one kind of linear recurrence, one above the other, and a norm over the last."""

    def __init__(self, inputs: int, width: int, blocks: list[Block]) -> None:
        super().__init__()
        self.width = width
        self.project = nn.Linear(inputs, width)
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(width)

    def forward(self, features: Tensor, lengths: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        x, after = self.project(features), []
        rows = torch.arange(len(x), device=x.device)
        for block, before in zip(self.blocks, state or [None] * len(self.blocks), strict=True):
            x, states = block(x, before)
            after.append(states[rows, lengths - 1])
        return self.norm(x), tuple(after)

    def summary(self, states: Tensor, lengths: Tensor) -> Tensor:
        return states[torch.arange(len(states), device=states.device), lengths - 1]


KINDS: dict[str, type[MinGRU] | type[MinLSTM] | type[LRU]] = {
    "min_gru": MinGRU,
    "min_lstm": MinLSTM,
    "lru": LRU,
}


def linear_recurrence(
    shape: tuple[int, ...], steps: int, h: Hyperparameters, *, kind: str
) -> Encoder:
    """Build blocks of one kind; the depth is the hyperparameter `layers`."""
    width, dropout = h["width"], h["dropout"]
    blocks = [Block(width, KINDS[kind](width), dropout) for _ in range(h["layers"])]
    return LinearRecurrences(shape[0], width, blocks)
