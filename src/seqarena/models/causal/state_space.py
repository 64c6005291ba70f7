"""The selective state space of Mamba-2 (Dao & Gu 2024), in plain PyTorch."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqarena.data.batches import mask_of
from seqarena.models.causal.conv import CausalConv
from seqarena.models.causal.layers import CausalLayer, residual_layers
from seqarena.models.causal.scan import scan
from seqarena.models.encoder import Encoder
from seqarena.models.hyperparameters import Hyperparameters
from seqarena.models.precision import in_float32
from seqarena.models.recurrent.cells import State

EXPANSION = 2  # inner channels of each channel
HEADS = 8
STATES = 16  # of each inner channel
KERNEL = 4  # steps of the convolution before the recurrence
CHUNK = 32  # steps that are multiplied as one matrix
RATES = (1.0, 16.0)  # of the heads at the start, uniform between
FASTEST, SLOWEST = 0.1, 0.001  # step sizes at the start, log-uniform between
SMALLEST = 1e-5  # added to a mean square


class StateSpace(CausalLayer):
    """A block of Mamba-2: projections, a short convolution, the recurrence, a gated norm.

    Of each head ``h_t = a_t h_(t-1) + d_t x_t B_t``, ``y_t = h_t C_t + D x_t``, with
    ``a_t = exp(-A d_t)`` and step sizes ``d_t`` that the input decides (sections 3 and 7). The
    number of heads is fixed, and not their size, so that a width may be any.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = HEADS * max(1, round(EXPANSION * width / HEADS))
        mixed = self.inner + 2 * STATES
        self.inputs = nn.Linear(width, self.inner + mixed + HEADS, bias=False)
        self.conv = CausalConv(nn.Conv1d(mixed, mixed, KERNEL, groups=mixed))
        self.rate = nn.Parameter(torch.empty(HEADS).uniform_(*RATES).log())  # of A
        sizes = torch.empty(HEADS).uniform_(math.log(SLOWEST), math.log(FASTEST)).exp()
        self.size = nn.Parameter(sizes.expm1().log())  # what softplus makes of it are the sizes
        self.skip = nn.Parameter(torch.ones(HEADS))
        self.norm = nn.RMSNorm(self.inner, eps=SMALLEST)
        self.outputs = nn.Linear(self.inner, width, bias=False)

    def initial_state(self, x: Tensor) -> State:
        states = x.new_zeros(len(x), HEADS, self.inner // HEADS, STATES)
        return self.conv.initial_state(x), states

    def forward(self, x: Tensor, state: State, lengths: Tensor | None) -> tuple[Tensor, State]:
        return in_float32(partial(self._run, lengths=lengths), x, state)

    def _run(self, x: Tensor, state: State, lengths: Tensor | None) -> tuple[Tensor, State]:
        convolved, states = state
        gate, mixed, sizes = self.inputs(x).split([self.inner, self.inner + 2 * STATES, HEADS], -1)
        mixed, convolved = self.conv(mixed.transpose(1, 2), convolved, lengths)
        values, b, c = F.silu(mixed).transpose(1, 2).split([self.inner, STATES, STATES], dim=-1)
        values = values.unflatten(-1, (HEADS, -1))
        sizes = F.softplus(sizes + self.size)
        if lengths is not None:  # a step of size 0 leaves the state as it is
            sizes = sizes * mask_of(lengths, x.shape[1])[..., None]
        found, states = chunked(values * sizes[..., None], -self.rate.exp() * sizes, b, c, states)
        found = (found + self.skip[:, None] * values).flatten(2)
        return self.outputs(self.norm(found * F.silu(gate))), (convolved, states)


def chunked(
    x: Tensor, decays: Tensor, b: Tensor, c: Tensor, before: Tensor
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
    x, b, c = x.transpose(2, 3), b[:, :, None], c[:, :, None]  # (B, K, heads, Q, *)
    elapsed = decays.cumsum(dim=2).transpose(2, 3)  # since the chunk began, (B, K, H, Q)
    later = torch.ones(size, size, dtype=torch.bool, device=x.device).triu(1)
    between = elapsed[..., None] - elapsed[..., None, :]
    meeting = (c @ b.mT) * between.masked_fill(later, -torch.inf).exp()
    remaining = (elapsed[..., -1:] - elapsed).exp()
    added = (x * remaining[..., None]).mT @ b  # by each chunk, (B, K, H, P, N)
    states = scan(elapsed[..., -1].exp()[..., None, None], added, before)
    earlier = torch.cat([before[:, None], states[:, :-1]], dim=1)
    found = meeting @ x + elapsed.exp()[..., None] * (c @ earlier.mT)
    return found.transpose(2, 3).flatten(1, 2)[:, :steps], states[:, -1]


def state_space(shape: tuple[int, ...], steps: int, h: Hyperparameters) -> Encoder:
    """Build blocks of selective state spaces; the depth is the hyperparameter `layers`."""
    layers = [StateSpace(h["width"]) for _ in range(h["layers"])]
    return residual_layers(shape[0], h["width"], layers, h["dropout"])
