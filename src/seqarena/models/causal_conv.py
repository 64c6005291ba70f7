"""A convolution over the steps up to each, which goes on from one window to the next."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CausalConv(nn.Module):
    """A convolution over ``(B, C, T)`` whose output at a step depends on no later one.

    Its state are the inputs ``(B, C, P)`` of the last `reach` steps, from which a window goes on.
    """

    def __init__(self, conv: nn.Conv1d) -> None:
        super().__init__()
        (kernel,), (dilation,) = conv.kernel_size, conv.dilation
        self.reach = (kernel - 1) * dilation
        self.conv = conv

    def forward(
        self, x: Tensor, before: Tensor | None, lengths: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Convolve, and return the state after each sequence's own last step.

        `lengths` ``(B,)`` say which that is, None for the last of all.
        """
        seen = F.pad(x, (self.reach, 0)) if before is None else torch.cat([before, x], dim=2)
        return self.conv(seen), self._last(seen, lengths)

    def _last(self, seen: Tensor, lengths: Tensor | None) -> Tensor:
        if lengths is None:
            return seen[:, :, seen.shape[2] - self.reach :]
        places = lengths[:, None] + torch.arange(self.reach, device=seen.device)
        return seen.gather(2, places[:, None].expand(-1, seen.shape[1], -1))
