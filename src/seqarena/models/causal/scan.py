"""Linear recurrences over all steps at once: ``h_t = a_t * h_(t-1) + b_t``, element by element."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def scan(a: Tensor, b: Tensor, before: Tensor) -> Tensor:
    """Return all states ``(B, T, *)`` of the recurrence of `a` and `b`, both real or both complex.

    `a` is broadcast to `b` ``(B, T, *)``; `before` ``(B, *)`` is the state to start from.
    """
    states: Tensor = Scan.apply(a.expand_as(b), b, before)  # type: ignore[no-untyped-call]
    return states


class Scan(torch.autograd.Function):
    """The scan, whose backward is one more scan, from the last step to the first."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, before: Tensor) -> Tensor:
        states = _states(a, b, before)
        ctx.save_for_backward(a, before, states)
        return states

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, before, states = ctx.saved_tensors
        (gradient,) = gradients
        passed_on = F.pad(a.conj()[:, 1:].flip(1).movedim(1, -1), (1, 0)).movedim(-1, 1)
        of_b = _states(passed_on, gradient.flip(1), torch.zeros_like(before)).flip(1)
        earlier = torch.cat([before[:, None], states[:, :-1]], dim=1)
        return of_b * earlier.conj(), of_b, of_b[:, 0] * a[:, 0].conj()


def _states(a: Tensor, b: Tensor, before: Tensor) -> Tensor:
    """Scan in two levels, after Blelloch (1990): about ``2 sqrt(T)`` operations in place of T.

    Chunks of steps go side by side, each from 0; then what each is handed by those before it is
    added. Products of `a` are only ever multiplied, never divided by, so that none can overflow
    where it is at most 1 (the logarithms of Heinsen 2023 and Feng et al. 2024 serve that too).
    """
    steps = b.shape[1]
    size = math.isqrt(steps - 1) + 1
    chunks = -(-steps // size)
    a, b = (_chunked(x, chunks, size) for x in (a, b))
    states, decays = torch.empty_like(b), torch.empty_like(b)
    states[:, :, 0], decays[:, :, 0] = b[:, :, 0], a[:, :, 0]
    for t in range(1, size):
        torch.addcmul(b[:, :, t], a[:, :, t], states[:, :, t - 1], out=states[:, :, t])
        torch.mul(decays[:, :, t - 1], a[:, :, t], out=decays[:, :, t])
    handed = [before]
    for chunk in range(chunks - 1):
        handed.append(torch.addcmul(states[:, chunk, -1], decays[:, chunk, -1], handed[-1]))
    states.addcmul_(decays, torch.stack(handed, dim=1)[:, :, None])
    whole: Tensor = states.flatten(1, 2)[:, :steps]
    return whole


def _chunked(x: Tensor, chunks: int, size: int) -> Tensor:
    """View ``(B, T, *)`` as ``(B, chunks, size, *)``, zeros after its end."""
    missing = chunks * size - x.shape[1]
    if missing:
        x = torch.cat([x, x.new_zeros(len(x), missing, *x.shape[2:])], dim=1)
    chunked: Tensor = x.unflatten(1, (chunks, size))
    return chunked
