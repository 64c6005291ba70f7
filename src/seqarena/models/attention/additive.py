"""Additive scores on the CPU, where the hyperbolic tangents take most of their time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

BOUND = 43.0  # of an addend: the exponential of twice as much is still a float32


def additive_scores(query: Tensor, keys: Tensor, energy: Tensor) -> Tensor:
    """Return ``v . tanh(q + k)`` of queries ``(B, U, K)`` and keys ``(B, S, K)``: ``(B, U, S)``.

    `energy` is v, ``(K,)``.
    """
    if query.device.type != "cpu":
        return torch.tanh(query[:, :, None] + keys[:, None]) @ energy
    scores: Tensor = _Scores.apply(query, keys, energy)  # type: ignore[no-untyped-call]
    return scores


class _Scores(torch.autograd.Function):
    """By ``tanh(q + k) = 2 s - 1``, ``s = 1 / (1 + exp(-2 q) exp(-2 k))``.

    The exponentials are of U + S vectors, not of U S sums, and then a product and a division take
    a fifth of the time of a sum and a tangent. Both ways agree within rounding, unless one addend
    is beyond the bound and the other offsets it. Going back, v and the 4 of
    ``tanh' = 4 s (1 - s)`` wait until the sums are taken.
    """

    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)  # type: ignore[untyped-decorator]
    def forward(ctx: Any, query: Tensor, keys: Tensor, energy: Tensor) -> Tensor:
        q, k = (x.clamp(-BOUND, BOUND).mul_(-2).exp_() for x in (query, keys))
        sigmoids = torch.addcmul(q.new_ones(()), q[:, :, None], k[:, None]).reciprocal_()
        ctx.save_for_backward(sigmoids, energy)
        return sigmoids @ (2 * energy) - energy.sum()

    @staticmethod
    @torch.amp.custom_bwd(device_type="cpu")  # type: ignore[untyped-decorator]
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        sigmoids, energy = ctx.saved_tensors
        slopes = torch.ops.aten.sigmoid_backward(grad[..., None], sigmoids)
        of_energy = 2 * (grad.flatten() @ sigmoids.flatten(0, 2)) - grad.sum()
        fourfold = 4 * energy
        return slopes.sum(2).mul_(fourfold), slopes.sum(1).mul_(fourfold), of_energy
