"""A convolution over the steps up to each, which goes on from one window to the next."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class CausalConv(nn.Module):
    """A convolution over ``(B, C, T)`` whose output at a step depends on no later one.

    Its state are the inputs ``(B, C, P)`` of the last `reach` steps, from which a window goes on;
    before the first step they are zeros.
    """

    def __init__(self, conv: nn.Conv1d) -> None:
        super().__init__()
        (kernel,), (dilation,) = conv.kernel_size, conv.dilation
        self.reach = (kernel - 1) * dilation
        self.conv = conv

    def initial_state(self, x: Tensor) -> Tensor:
        """Return the state before the first step; `x` ``(B, *)`` is of its kind."""
        return x.new_zeros(len(x), self.conv.in_channels, self.reach)

    def forward(self, x: Tensor, state: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        """Convolve, and return the state after each sequence's own last step.

        `lengths` ``(B,)`` say which that is, None where it is the last of all.
        """
        seen = torch.cat([state, x], dim=2)
        return self.conv(seen), self._last(seen, lengths)

    def _last(self, seen: Tensor, lengths: Tensor | None) -> Tensor:
        if lengths is None:
            return seen[:, :, seen.shape[2] - self.reach :]
        places = lengths[:, None] + torch.arange(self.reach, device=seen.device)
        return seen.gather(2, places[:, None].expand(-1, seen.shape[1], -1))
