"""Layers that compute all steps at once, against torch's GRU and a loop over their own steps.

And the temporal convolution against that of its authors, in bare PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from benchmarks.turns import interleave, repeat, tell
from seqarena.models.causal import linear_recurrence, matrix_lstm, state_space
from seqarena.models.causal.layers import CausalLayer
from seqarena.models.causal.linear_recurrence import KINDS, GatedRecurrence
from seqarena.models.causal.matrix_lstm import MatrixLSTM
from seqarena.models.causal.state_space import StateSpace
from seqarena.models.causal.tcn import TCN, blocks_over

BATCH, STEPS, WIDTH = 16, 1024, 64
KERNEL, DROPOUT = 3, 0.2
LAYERS: dict[str, Callable[[int], CausalLayer]] = {
    **{name: lambda width, kind=kind: GatedRecurrence(width, kind(width))
       for name, kind in KINDS.items()},
    "mlstm": MatrixLSTM,
    "mamba2": StateSpace,
}  # fmt: skip
TIMES = 2  # calls of a round


def main(rounds: int = 5) -> None:
    """Forward alone, then both ways, with one thread and with two."""
    for threads in (1, 2):
        for backward in (False, True):
            way = f"{'both ways' if backward else 'forward'}, threads: {threads}"
            ours = {name: (repeat, TIMES, layer, name, backward) for name in LAYERS}
            loops = {f"{name}, looped": (repeat, 1, looped, name, backward) for name in LAYERS}
            gru = {"nn.GRU": (repeat, TIMES, kernel, backward)}
            seconds = interleave(gru | ours | loops, rounds, threads)
            for name in LAYERS:
                tell(f"scan: {name} over nn.GRU, {way}", seconds["nn.GRU"], seconds[name])
                loop = [TIMES * each for each in seconds[f"{name}, looped"]]
                tell(f"scan: {name} over a loop of its steps, {way}", loop, seconds[name])
            pair = {name: (repeat, TIMES, convolved, name, backward) for name in ("ours", "bare")}
            seconds = interleave(pair, rounds, threads)
            tell(f"scan: tcn over bare PyTorch, {way}", seconds["bare"], seconds["ours"])


def kernel(backward: bool) -> Callable[[], None]:
    """Run torch's own GRU."""
    gru = nn.GRU(WIDTH, WIDTH, batch_first=True)
    return stepping(lambda x: gru(x)[0], backward)


def layer(name: str, backward: bool) -> Callable[[], None]:
    """Run one of our layers."""
    return stepping(reading(name), backward)


def looped(name: str, backward: bool) -> Callable[[], None]:
    """Run the same, step by step, all but the recurrence for all steps at once as in ours."""
    x = torch.randn(2, 9, WIDTH)
    expected = reading(name)(x)
    step_by_step()
    torch.testing.assert_close(reading(name)(x), expected, rtol=1e-4, atol=1e-5)
    return stepping(reading(name), backward)


def reading(name: str) -> Callable[[Tensor], Tensor]:
    """Return what a layer makes of ``(B, T, width)``, always of the same weights."""
    torch.manual_seed(0)
    made = LAYERS[name](WIDTH)
    return lambda x: made(x, made.initial_state(x), None)[0]


def stepping(read: Callable[[Tensor], Tensor], backward: bool) -> Callable[[], None]:
    """Return a step of training without its optimiser, or a prediction."""
    x = torch.randn(BATCH, STEPS, WIDTH).requires_grad_(backward)

    def step() -> None:
        with torch.set_grad_enabled(backward):
            found = read(x)
        if backward:
            found.sum().backward()

    return step


def step_by_step() -> ExitStack:
    """Put loops in the place of all that computes many steps at once, until the stack is closed."""
    stack = ExitStack()
    stack.enter_context(patch.object(linear_recurrence, "scan", scan_by_steps))
    stack.enter_context(patch.object(state_space, "chunked", states_by_steps))
    stack.enter_context(patch.object(matrix_lstm, "CHUNK", 1))
    return stack


def scan_by_steps(a: Tensor, b: Tensor, state: Tensor) -> Tensor:
    """Return what `seqarena.models.causal.scan.scan` does."""
    states = []
    for kept, added in zip(a.expand_as(b).unbind(1), b.unbind(1), strict=True):
        state = torch.addcmul(added, kept, state)
        states.append(state)
    return torch.stack(states, dim=1)


def states_by_steps(
    x: Tensor, decays: Tensor, b: Tensor, c: Tensor, state: Tensor
) -> tuple[Tensor, Tensor]:
    """Return what `seqarena.models.causal.state_space.chunked` does."""
    found = []
    steps = zip(*(each.unbind(1) for each in (x, decays.exp(), b, c)), strict=True)
    for now, kept, key, query in steps:
        state = kept[..., None, None] * state + now[..., None] * key[:, None, None]
        found.append((state @ query[:, None, :, None]).squeeze(-1))
    return torch.stack(found, dim=1), state


class Block(nn.Module):
    """A block as its authors wrote it: padded at both ends, and cut at one."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.padding = (KERNEL - 1) * dilation
        self.convolutions = nn.ModuleList(
            weight_norm(
                nn.Conv1d(WIDTH, WIDTH, KERNEL, padding=self.padding, dilation=dilation)
            )
            for _ in range(2)
        )  # fmt: skip
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, x: Tensor) -> Tensor:
        inner = x
        for convolution in self.convolutions:
            cut = convolution(inner)[:, :, : -self.padding].contiguous()
            inner = self.dropout(F.relu(cut))
        return F.relu(inner + x)


def convolved(name: str, backward: bool) -> Callable[[], None]:
    """Run ours or theirs, as deep as the sequence asks for."""
    ours, bare = both_tcns()
    (ours if name == "ours" else bare).train(backward)
    if name == "bare":
        return stepping(lambda x: bare(x.transpose(1, 2)).transpose(1, 2), backward)
    lengths = torch.full((BATCH,), STEPS)
    return stepping(lambda x: ours(x, lengths)[0], backward)


def both_tcns() -> tuple[TCN, nn.Sequential]:
    """Build both with the same weights."""
    torch.manual_seed(0)
    blocks = blocks_over(STEPS, KERNEL)
    ours = TCN(WIDTH, WIDTH, KERNEL, blocks, DROPOUT)
    bare = nn.Sequential(*(Block(1 << level) for level in range(blocks)))
    for mine, theirs in zip(ours.layers, bare, strict=True):
        pair: Any = (mine.first.conv, mine.second.conv)
        for own, other in zip(pair, theirs.convolutions, strict=True):
            other.load_state_dict(own.state_dict())
    return ours, bare
