"""Training a plain recurrence on the CPU, where autograd walks four operations a step back."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def rnn(kernel: nn.RNN, x: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
    """Run a layer of tanh over ``(B, T, D)`` from ``(1, B, H)`` as it would itself."""
    if x.device.type != "cpu" or not torch.is_grad_enabled():
        outputs, last = kernel(x, state)
        return outputs, last
    weight_ih, weight_hh, bias_ih, bias_hh = kernel.parameters()
    projected = F.linear(x.transpose(0, 1), weight_ih, bias_ih + bias_hh)
    begin = x.new_zeros(len(x), kernel.hidden_size) if state is None else state[0]
    states: Tensor = _Steps.apply(projected, begin, weight_hh)  # type: ignore[no-untyped-call]
    return states.transpose(0, 1), states[-1:]


class _Steps(torch.autograd.Function):
    """All steps of the recurrence (Elman 1990), time first; see `seqarena.models.gru`."""

    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)  # type: ignore[untyped-decorator]
    def forward(ctx: Any, projected: Tensor, begin: Tensor, weight: Tensor) -> Tensor:
        states = torch.empty_like(projected)
        turned, h = weight.t(), begin
        for x, after in zip(projected.unbind(0), states.unbind(0), strict=True):
            h = torch.addmm(x, h, turned, out=after).tanh_()
        ctx.save_for_backward(begin, weight, states)
        return states

    @staticmethod
    @torch.amp.custom_bwd(device_type="cpu")  # type: ignore[untyped-decorator]
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        begin, weight, states = ctx.saved_tensors
        slopes = 1 - states * states
        of_sums = torch.empty_like(slopes)
        carried = torch.zeros_like(begin)
        walk = (grad, slopes, of_sums)
        for g, slope, sums in zip(*(part.unbind(0)[::-1] for part in walk), strict=True):
            torch.add(g, carried, out=sums).mul_(slope)
            carried = sums @ weight
        before = torch.cat([begin[None], states[:-1]])
        return of_sums, carried, of_sums.flatten(0, 1).t() @ before.flatten(0, 1)
