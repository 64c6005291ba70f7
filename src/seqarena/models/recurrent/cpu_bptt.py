"""Training a GRU or an RNN on the CPU, where torch walks back operation by operation.

Its own GRU takes up to five times its LSTM's time: autograd records a dozen small operations a step
(an RNN: four) and walks them again. Here a step back is three: every factor of its gradients is
known beforehand for all steps at once.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def run_layer(kernel: nn.GRU | nn.RNN, x: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return what ``kernel(x, state)`` would, within rounding: ``(B, T, D)`` from ``(1, B, H)``."""
    if x.device.type != "cpu" or not torch.is_grad_enabled():
        outputs, last = kernel(x, state)
        return outputs, last
    weight_ih, weight_hh, bias_ih, bias_hh = kernel.parameters()
    h0 = x.new_zeros(len(x), kernel.hidden_size) if state is None else state[0]
    steps = x.transpose(0, 1)
    states: Tensor
    if isinstance(kernel, nn.GRU):
        projected = F.linear(steps, weight_ih, bias_ih)
        states = _GRUSteps.apply(projected, h0, weight_hh, bias_hh)  # type: ignore[no-untyped-call]
    else:
        projected = F.linear(steps, weight_ih, bias_ih + bias_hh)
        states = _RNNSteps.apply(projected, h0, weight_hh)  # type: ignore[no-untyped-call]
    return states.transpose(0, 1), states[-1:]


class _RNNSteps(torch.autograd.Function):
    """All steps of the recurrence (Elman 1990), time first."""

    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)  # type: ignore[untyped-decorator]
    def forward(ctx: Any, projected: Tensor, h0: Tensor, weight: Tensor) -> Tensor:
        states = torch.empty_like(projected)
        turned, h = weight.t(), h0
        for x, after in zip(projected.unbind(0), states.unbind(0), strict=True):
            h = torch.addmm(x, h, turned, out=after).tanh_()
        ctx.save_for_backward(h0, weight, states)
        return states

    @staticmethod
    @torch.amp.custom_bwd(device_type="cpu")  # type: ignore[untyped-decorator]
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h0, weight, states = ctx.saved_tensors
        slopes = 1 - states * states
        of_sums = torch.empty_like(slopes)
        carried = torch.zeros_like(h0)
        walk = (grad, slopes, of_sums)
        for g, slope, sums in zip(*(part.unbind(0)[::-1] for part in walk), strict=True):
            torch.add(g, carried, out=sums).mul_(slope)
            carried = sums @ weight
        before = torch.cat([h0[None], states[:-1]])
        return of_sums, carried, of_sums.flatten(0, 1).t() @ before.flatten(0, 1)


class _GRUSteps(torch.autograd.Function):
    """All steps of the recurrence (Cho et al. 2014, the reset gate after ``U h``), time first."""

    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)  # type: ignore[untyped-decorator]
    def forward(ctx: Any, projected: Tensor, h0: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        steps, batch, width = len(projected), *h0.shape
        gates = projected.new_empty(steps, batch, 2 * width)  # reset, update
        recurrent = projected.new_empty(steps, batch, 3 * width)
        new, states = (projected.new_empty(steps, batch, width) for _ in range(2))
        x_gates, x_new = projected.split((2 * width, width), dim=2)
        h_gates, h_new = recurrent.split((2 * width, width), dim=2)
        reset, update = gates.chunk(2, dim=2)
        walk = (x_gates, x_new, recurrent, h_gates, h_new, gates, reset, update, new, states)
        turned, h = weight.t(), h0
        for xg, xn, all_h, hg, hn, gate, r, z, n, after in zip(
            *(part.unbind(0) for part in walk), strict=True
        ):
            torch.addmm(bias, h, turned, out=all_h)
            torch.add(xg, hg, out=gate).sigmoid_()
            torch.addcmul(xn, r, hn, out=n).tanh_()
            h = torch.lerp(n, h, z, out=after)
        ctx.save_for_backward(h0, weight, gates, h_new, new, states)
        return states

    @staticmethod
    @torch.amp.custom_bwd(device_type="cpu")  # type: ignore[untyped-decorator]
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        h0, weight, gates, h_new, new, states = ctx.saved_tensors
        reset, update = gates.chunk(2, dim=2)
        before = torch.cat([h0[None], states[:-1]])
        # What a gradient of the state is multiplied by to be that of each gate's sum.
        by_new = (1 - update).mul_(1 - new * new)
        factors = grad.new_empty(*grad.shape[:2], 3, grad.shape[2])
        by_reset, by_update, by_reset_new = factors.unbind(2)
        torch.mul(by_new, reset, out=by_reset_new)
        torch.mul(by_reset_new, h_new, out=by_reset).mul_(1 - reset)
        torch.sub(before, new, out=by_update).mul_(update).mul_(1 - update)
        of_states, of_sums = torch.empty_like(grad), torch.empty_like(factors)
        walk = (grad, factors, update, of_states, of_sums, of_sums.flatten(2))
        carried = torch.zeros_like(h0)
        for g, factor, z, dh, sums, flat in zip(
            *(part.unbind(0)[::-1] for part in walk), strict=True
        ):
            torch.add(g, carried, out=dh)
            torch.mul(dh[:, None], factor, out=sums)
            carried = torch.addmm(dh * z, flat, weight)
        of_weight = of_sums.flatten(2).flatten(0, 1).t() @ before.flatten(0, 1)
        of_bias = of_sums.sum((0, 1)).flatten()
        of_sums[:, :, 2] = of_states * by_new  # the input is not gated by reset
        return of_sums.flatten(2), carried, of_weight, of_bias
