"""The selective state space of Mamba-2 (Dao & Gu 2024), in plain PyTorch."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqarena.data.batches import mask_of
from seqarena.models.causal_conv import CausalConv
from seqarena.models.hyperparameters import Hyperparameters
from seqarena.models.precision import in_float32
from seqarena.models.residual_layers import Layer, ResidualLayers
from seqarena.models.scan import scan

EXPANSION = 2  # inner channels of each channel
CHANNELS = 16  # of a head
STATES = 16  # of each channel
KERNEL = 4  # steps of the convolution before the recurrence
CHUNK = 64  # steps that are multiplied as one matrix
FASTEST, SLOWEST = 0.1, 0.001  # step sizes at the start, log-uniform between


class StateSpace(Layer):
    """A block of Mamba-2: projections, a short convolution, the recurrence, a gated norm.

    Of each head ``h_t = a_t h_(t-1) + d_t x_t B_t``, ``y_t = h_t C_t + D x_t``, with
    ``a_t = exp(-A d_t)`` and step sizes ``d_t`` that the input decides (sections 3 and 7).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = EXPANSION * width
        self.heads = max(1, self.inner // CHANNELS)
        self.inputs = nn.Linear(width, 2 * self.inner + 2 * STATES + self.heads, bias=False)
        convolved = self.inner + 2 * STATES
        self.conv = CausalConv(nn.Conv1d(convolved, convolved, KERNEL, groups=convolved))
        self.rate = nn.Parameter(torch.empty(self.heads).uniform_(1, 16).log())  # of A
        sizes = torch.empty(self.heads).uniform_(math.log(SLOWEST), math.log(FASTEST)).exp()
        self.size = nn.Parameter(sizes.expm1().log())  # what softplus makes of it are the sizes
        self.skip = nn.Parameter(torch.ones(self.heads))
        self.norm = nn.RMSNorm(self.inner)
        self.outputs = nn.Linear(self.inner, width, bias=False)

    def forward(self, x: Tensor, before: Any, lengths: Tensor | None) -> tuple[Tensor, Any]:
        return in_float32(partial(self._run, lengths=lengths), x, before)

    def _run(self, x: Tensor, before: Any, lengths: Tensor | None) -> tuple[Tensor, Any]:
        parts = [self.inner, self.inner + 2 * STATES, self.heads]
        gate, into, sizes = self.inputs(x).split(parts, dim=-1)
        conv, state = (None, None) if before is None else before
        mixed, conv = self.conv(into.transpose(1, 2), conv, lengths)
        values, b, c = F.silu(mixed).transpose(1, 2).split([self.inner, STATES, STATES], dim=-1)
        values = values.unflatten(-1, (self.heads, -1))
        sizes = F.softplus(sizes + self.size)
        if lengths is not None:  # a step of size 0 leaves the state as it is
            sizes = sizes * mask_of(lengths, x.shape[1])[..., None]
        decays = -self.rate.exp() * sizes
        found, state = chunked(values * sizes[..., None], decays, b, c, state)
        found = (found + self.skip[:, None] * values).flatten(2)
        return self.outputs(self.norm(found * F.silu(gate))), (conv, state)


def chunked(
    x: Tensor, decays: Tensor, b: Tensor, c: Tensor, before: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return ``y_t = h_t c_t`` of ``h_t = exp(decays_t) h_(t-1) + x_t b_t``, and the last ``h``.

    `x` ``(B, T, H, P)``, `decays` ``(B, T, H)``, `b` and `c` ``(B, T, N)``, ``h`` ``(B, H, P, N)``.
    Within chunks steps meet by matrix products, from chunk to chunk goes a scan (section 6).
    """
    steps, size = x.shape[1], min(CHUNK, x.shape[1])
    missing = -steps % size
    x, decays, b, c = (
        F.pad(each, (0, 0) * (each.dim() - 2) + (0, missing)).unflatten(1, (-1, size))
        for each in (x, decays, b, c)
    )
    elapsed = decays.cumsum(dim=2)  # (B, K, Q, H), since the chunk began
    whole = elapsed[:, :, -1]
    parts = torch.einsum("bkqh,bkqhp,bkqn->bkhpn", (whole[:, :, None] - elapsed).exp(), x, b)
    states = scan(whole.exp()[..., None, None], parts, before)
    first = torch.zeros_like(parts[:, 0]) if before is None else before
    earlier = torch.cat([first[:, None], states[:, :-1]], dim=1)
    found = torch.einsum("bkhpn,bkqn,bkqh->bkqhp", earlier, c, elapsed.exp())
    later = torch.ones(size, size, dtype=torch.bool, device=x.device).triu(1)
    between = elapsed[:, :, :, None] - elapsed[:, :, None]  # (B, K, Q, Q, H)
    between = between.masked_fill(later[..., None], -torch.inf).exp()
    meeting = torch.einsum("bkqn,bkrn->bkqr", c, b)[..., None] * between
    found = found + torch.einsum("bkqrh,bkrhp->bkqhp", meeting, x)
    return found.flatten(1, 2)[:, :steps], states[:, -1]


def state_space(shape: tuple[int, ...], steps: int, h: Hyperparameters) -> ResidualLayers:
    """Build blocks of selective state spaces; the depth is the hyperparameter `layers`."""
    layers = [StateSpace(h["width"]) for _ in range(h["layers"])]
    return ResidualLayers(shape[0], h["width"], layers, h["dropout"])
