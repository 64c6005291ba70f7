"""Recurrences whose gates do not read the state, so that all steps are computed at once."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqarena.models.causal.layers import CausalLayer, at_ends, residual_layers
from seqarena.models.causal.scan import scan
from seqarena.models.encoder import Encoder
from seqarena.models.hyperparameters import Hyperparameters
from seqarena.models.precision import in_float32
from seqarena.models.recurrent.cells import State


class LinearRecurrence(nn.Module, ABC):
    """A recurrence ``h_t = a_t * h_(t-1) + b_t`` over ``(B, T, width)``, which starts from 0."""

    def initial_state(self, x: Tensor) -> Tensor:
        """Return the state before the first step of ``(B, T, width)``."""
        return torch.zeros_like(x[:, 0])

    @abstractmethod
    def terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return `a` and `b` of every step, ``(B, T, width)`` or what is broadcast to it."""

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return the outputs ``(B, T, width)``, and the states ``(B, T, *)`` after each step."""
        return in_float32(self._run, x, state)

    def _run(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        states = scan(*self.terms(x), state)
        return states, states


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
    and its inputs are scaled by ``sqrt(1 - |eigenvalue|^2)`` (section 3.4). Its state is told as
    real and imaginary parts ``(B, width, 2)``: what casts states knows of no complex ones.
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
        nn.init.normal_(self.inputs.weight, std=(2 * width) ** -0.5)
        nn.init.normal_(self.outputs.weight, std=width**-0.5)

    def initial_state(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x[:, 0])[..., None].repeat(1, 1, 2)

    def terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        eigenvalues = torch.polar(torch.exp(-self.nu.exp()), self.theta.exp())
        real, imaginary = self.inputs(x).chunk(2, dim=-1)
        return eigenvalues, torch.complex(real, imaginary) * self.scale.exp()

    def _run(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        states = torch.view_as_real(scan(*self.terms(x), torch.view_as_complex(state)))
        return self.read(states, x), states

    def read(self, states: Tensor, x: Tensor) -> Tensor:
        """Return the real part of the outputs, by states ``(B, T, width, 2)`` and inputs."""
        real, imaginary = states.unbind(-1)
        found: Tensor = self.outputs(torch.cat([real, -imaginary], dim=-1))
        return found + self.skip * x


def positive(x: Tensor) -> Tensor:
    """Return a positive number that grows with `x`, 0.5 at 0 (Feng et al. 2024, appendix B)."""
    return torch.where(x >= 0, x + 0.5, torch.sigmoid(x))


class GatedRecurrence(CausalLayer):
    """A linear recurrence and a gated linear unit (Orvieto et al. 2023, figure 1)."""

    def __init__(self, width: int, recurrence: LinearRecurrence) -> None:
        super().__init__()
        self.recurrence = recurrence
        self.gated = nn.Linear(width, 2 * width)

    def initial_state(self, x: Tensor) -> State:
        return (self.recurrence.initial_state(x),)

    def forward(self, x: Tensor, state: State, lengths: Tensor | None) -> tuple[Tensor, State]:
        found, states = self.recurrence(x, *state)
        last = states[:, -1] if lengths is None else at_ends(states, lengths)
        return F.glu(self.gated(found), dim=-1), (last,)


KINDS: dict[str, type[MinGRU] | type[MinLSTM] | type[LRU]] = {
    "min_gru": MinGRU,
    "min_lstm": MinLSTM,
    "lru": LRU,
}


def linear_recurrence(
    shape: tuple[int, ...], steps: int, h: Hyperparameters, *, kind: str
) -> Encoder:
    """Build layers of one kind; the depth is the hyperparameter `layers`."""
    width = h["width"]
    layers = [GatedRecurrence(width, KINDS[kind](width)) for _ in range(h["layers"])]
    return residual_layers(shape[0], width, layers, h["dropout"])
