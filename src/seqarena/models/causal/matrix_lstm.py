"""The mLSTM of xLSTM (Beck et al. 2024): an LSTM whose state is a matrix and reads no state."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqarena.data.batches import mask_of
from seqarena.models.causal.layers import CausalLayer, residual_layers
from seqarena.models.encoder import Encoder
from seqarena.models.hyperparameters import Hyperparameters
from seqarena.models.precision import in_float32
from seqarena.models.recurrent.cells import State

HEADS = 4  # at most,
CHANNELS = 16  # each of so many at least: the norm of a head of two would leave it two signs
CHUNK = 64  # steps that are multiplied as one matrix
OPEN = (3.0, 6.0)  # biases of the forget gates at the start, head by head: 0.95 to 0.998 is kept


class MatrixState(NamedTuple):
    """The state of a layer, all but its last part divided by ``exp(level)``."""

    values: Tensor  # (B, H, K, V)
    keys: Tensor  # (B, H, K)
    level: Tensor  # (B, H)


class MatrixLSTM(CausalLayer):
    """Equations 19 to 27 of the paper, with a norm of each head and a projection after.

    Gates start as in the authors' code: they read nothing yet, and forget at a rate of each head.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = min(HEADS, max(1, width // CHANNELS))
        self.channels = round(width / self.heads)
        inner = self.heads * self.channels
        self.inputs = nn.Linear(width, 4 * inner)  # queries, keys, values, output gates
        self.gates = nn.Linear(width, 2 * self.heads)  # input and forget, before exp and sigmoid
        nn.init.zeros_(self.gates.weight)
        with torch.no_grad():
            add, keep = self.gates.bias.chunk(2)
            add.zero_()
            keep.copy_(torch.linspace(*OPEN, self.heads))
        self.norm = nn.GroupNorm(self.heads, inner)
        self.outputs = nn.Linear(inner, width)

    def initial_state(self, x: Tensor) -> State:
        zeros = x.new_zeros(len(x), self.heads, self.channels)
        return MatrixState(zeros[..., None] * zeros[..., None, :], zeros, zeros[..., 0])

    def forward(self, x: Tensor, state: State, lengths: Tensor | None) -> tuple[Tensor, State]:
        return in_float32(partial(self._run, lengths=lengths), x, state)

    def _run(self, x: Tensor, state: State, lengths: Tensor | None) -> tuple[Tensor, State]:
        *parts, gate = self.inputs(x).chunk(4, dim=-1)
        query, key, value = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        add, keep = self.gates(x).transpose(1, 2).chunk(2, dim=1)  # (B, H, T)
        keep = F.logsigmoid(keep)
        if lengths is not None:  # nothing is added, and all is kept
            padding = ~mask_of(lengths, x.shape[1])[:, None]
            add, keep = add.masked_fill(padding, -torch.inf), keep.masked_fill(padding, 0.0)
        memory, found = MatrixState(*state), []
        chunks = (tensor.split(CHUNK, dim=2) for tensor in (query, key, value, add, keep))
        for q, k, v, i, f in zip(*chunks, strict=True):
            read, memory = attend(q, k, v, i, f, memory)
            found.append(read)
        heads = torch.cat(found, dim=2).transpose(1, 2).flatten(2)
        normed = self.norm(heads.flatten(0, 1)).view_as(heads)
        return self.outputs(torch.sigmoid(gate) * normed), memory


def attend(
    query: Tensor, key: Tensor, value: Tensor, add: Tensor, keep: Tensor, memory: MatrixState
) -> tuple[Tensor, MatrixState]:
    """Read a chunk of steps ``(B, H, T, V)``, and return the memory after it.

    `query`, `key` ``(B, H, T, K)``; `add`, `keep` ``(B, H, T)`` are the logarithms of the input and
    forget gates. Each sum is divided by the largest of its terms (equation 15), which changes
    nothing, and so is no part of the gradient.
    """
    key = key / key.shape[-1] ** 0.5
    kept = keep.cumsum(dim=-1)
    later = torch.ones(2 * (kept.shape[-1],), dtype=torch.bool, device=key.device).triu(1)
    logs = (kept[..., None] - kept[..., None, :] + add[..., None, :]).masked_fill(later, -torch.inf)
    carried = kept + memory.level[..., None]
    level = torch.maximum(logs.amax(dim=-1), carried).detach()
    weights = (query @ key.mT) * (logs - level[..., None]).exp()
    from_memory = (carried - level).exp()
    total = weights @ value + from_memory[..., None] * (query @ memory.values)
    mass = weights.sum(-1) + from_memory * (query @ memory.keys[..., None]).squeeze(-1)
    read = total / torch.maximum(mass.abs(), (-level).exp())[..., None]
    last = level[..., -1]
    shares = (logs[..., -1, :] - last[..., None]).exp()
    old = from_memory[..., -1]
    return read, MatrixState(
        old[..., None, None] * memory.values + (key * shares[..., None]).mT @ value,
        old[..., None] * memory.keys + (key * shares[..., None]).sum(dim=2),
        last,
    )


def matrix_lstm(shape: tuple[int, ...], steps: int, h: Hyperparameters) -> Encoder:
    """Build layers of matrix LSTMs; the depth is the hyperparameter `layers`."""
    layers = [MatrixLSTM(h["width"]) for _ in range(h["layers"])]
    return residual_layers(shape[0], h["width"], layers, h["dropout"])
