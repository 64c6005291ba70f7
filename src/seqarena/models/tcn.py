"""The temporal convolutional network of Bai, Kolter & Koltun (2018)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from seqarena.models.causal_conv import CausalConv
from seqarena.models.dropout import Dropout
from seqarena.models.encoder import Encoder
from seqarena.models.hyperparameters import Hyperparameters
from seqarena.models.initialization import before_relu
from seqarena.models.recurrent_encoders import ragged

DEEPEST = 10  # blocks: dilations of up to 512 steps


def convolution(inputs: int, width: int, kernel: int, dilation: int) -> CausalConv:
    """Build a dilated convolution whose weights have a length of their own."""
    conv = CausalConv(nn.Conv1d(inputs, width, kernel, dilation=dilation))
    weight_norm(before_relu(conv.conv))
    return conv


class ResidualBlock(nn.Module):
    """Two causal convolutions beside a shortcut (figure 1 b of the paper)."""

    def __init__(self, inputs: int, width: int, kernel: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.first = convolution(inputs, width, kernel, dilation)
        self.second = convolution(width, width, kernel, dilation)
        self.shortcut = nn.Conv1d(inputs, width, 1) if inputs != width else nn.Identity()
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, state: Any, lengths: Tensor | None) -> tuple[Tensor, Any]:
        first, second = (None, None) if state is None else state
        inner, first = self.first(x, first, lengths)
        inner, second = self.second(self.dropout(torch.relu(inner)), second, lengths)
        inner = self.dropout(torch.relu(inner))
        return torch.relu(inner + self.shortcut(x)), (first, second)


class TCN(Encoder):
    """Residual blocks of doubling dilation; its state are the inputs that the next step sees."""

    def __init__(self, inputs: int, width: int, kernel: int, blocks: int, dropout: float) -> None:
        super().__init__()
        self.width = width
        self.receptive_field = receptive_field(kernel, blocks)
        self.blocks = nn.ModuleList(
            ResidualBlock(width if level else inputs, width, kernel, 1 << level, dropout)
            for level in range(blocks)
        )

    def forward(self, features: Tensor, lengths: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        x, ends = features.transpose(1, 2), ragged(lengths, features)
        after = []
        for block, before in zip(self.blocks, state or [None] * len(self.blocks), strict=True):
            x, new = block(x, before, ends)
            after.append(new)
        return x.transpose(1, 2), tuple(after)

    def summary(self, states: Tensor, lengths: Tensor) -> Tensor:
        return states[torch.arange(len(states), device=states.device), lengths - 1]


def receptive_field(kernel: int, blocks: int) -> int:
    """Return how many steps, its own among them, a state of so many blocks depends on."""
    return 1 + 2 * (kernel - 1) * ((1 << blocks) - 1)


def blocks_over(steps: int, kernel: int) -> int:
    """Return the fewest blocks whose last state sees all of so many steps, `DEEPEST` at most."""
    needed = math.ceil(math.log2(1 + max(steps - 1, 1) / (2 * (kernel - 1))))
    return min(max(needed, 1), DEEPEST)


def tcn(shape: tuple[int, ...], steps: int, h: Hyperparameters) -> Encoder:
    """Build a network as deep as the longest training sequence asks for."""
    kernel = h["kernel"]
    return TCN(shape[0], h["width"], kernel, blocks_over(steps, kernel), h["dropout"])
