"""Additive attention pooling, forward and backward: tanh through the sigmoid over torch's own."""

from __future__ import annotations

from collections.abc import Callable

import torch

from benchmarks.turns import interleave, repeat, tell
from seqarena.models import attention

BATCH, STEPS, WIDTH = 64, 21, 64  # of the sentiment experiment


def main(rounds: int = 15) -> None:
    """With one thread and with two."""
    for threads in (1, 2):
        contenders = {name: (repeat, 40, pooling, name) for name in ("torch", "sigmoid")}
        seconds = interleave(contenders, rounds, threads)
        what = f"attention: fast_tanh over torch.tanh, threads: {threads}"
        tell(what, seconds["torch"], seconds["sigmoid"])


def pooling(tanh: str) -> Callable[[], None]:
    """Pool with one tanh or the other; the choice reaches this child process alone."""
    if tanh == "torch":
        attention.fast_tanh = torch.tanh
    torch.manual_seed(0)
    pool = attention.AttentionPooling(attention.AdditiveAttention(WIDTH, WIDTH, WIDTH))
    states = torch.randn(BATCH, STEPS, WIDTH, requires_grad=True)
    lengths = torch.randint(1, STEPS + 1, (BATCH,))

    def step() -> None:
        pool(states, states[:, -1], lengths)[0].sum().backward()

    return step
