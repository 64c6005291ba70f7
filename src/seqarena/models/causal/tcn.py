"""The temporal convolutional network of Bai, Kolter & Koltun (2018)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from seqarena.errors import InputError
from seqarena.models.causal.conv import CausalConv
from seqarena.models.causal.layers import CausalLayer, CausalLayers
from seqarena.models.encoder import Encoder
from seqarena.models.hyperparameters import Hyperparameters
from seqarena.models.recurrent.cells import State
from seqarena.models.regularisation.dropout import Dropout

DEEPEST = 10  # blocks: dilations of up to 512 steps


def convolution(inputs: int, width: int, kernel: int, dilation: int) -> CausalConv:
    """Build a dilated convolution whose weights have a length of their own.

    They start as torch draws them, as those of the authors' code do, whose own draw its weight norm
    undoes. By He's draw a signal grows by half in each block (adding, 100 steps, 1,500 batches: an
    error of 0.008, 0.003 with torch's).
    """
    conv = CausalConv(nn.Conv1d(inputs, width, kernel, dilation=dilation))
    weight_norm(conv.conv)
    return conv


class ResidualBlock(CausalLayer):
    """Two causal convolutions beside a shortcut (figure 1 b of the paper).

    Its state are the inputs of both that the next step sees. Dropout is by element, as in the
    authors' code, not by channel, as in their text.
    """

    def __init__(self, inputs: int, width: int, kernel: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.first = convolution(inputs, width, kernel, dilation)
        self.second = convolution(width, width, kernel, dilation)
        self.shortcut = nn.Conv1d(inputs, width, 1) if inputs != width else nn.Identity()
        self.dropout = Dropout(dropout)

    def initial_state(self, x: Tensor) -> State:
        return self.first.initial_state(x), self.second.initial_state(x)

    def forward(self, x: Tensor, state: State, lengths: Tensor | None) -> tuple[Tensor, State]:
        first, second = state
        x = x.transpose(1, 2)
        inner, first = self.first(x, first, lengths)
        inner, second = self.second(self.dropout(torch.relu(inner)), second, lengths)
        inner = self.dropout(torch.relu(inner))
        return torch.relu(inner + self.shortcut(x)).transpose(1, 2), (first, second)


class TCN(CausalLayers):
    """Residual blocks of doubling dilation."""

    def __init__(self, inputs: int, width: int, kernel: int, blocks: int, dropout: float) -> None:
        sizes = [(width if level else inputs, 1 << level) for level in range(blocks)]
        super().__init__(
            width,
            [ResidualBlock(size, width, kernel, dilation, dropout) for size, dilation in sizes],
            first=nn.Identity(),
            last=nn.Identity(),
        )
        self.receptive_field = receptive_field(kernel, blocks)


def receptive_field(kernel: int, blocks: int) -> int:
    """Return how many steps, its own among them, a state of so many blocks depends on."""
    return 1 + 2 * (kernel - 1) * ((1 << blocks) - 1)


def blocks_over(steps: int, kernel: int, most: int = DEEPEST) -> int:
    """Return the fewest blocks whose last state sees all of so many steps, or the `most`."""
    needed = math.ceil(math.log2(1 + max(steps - 1, 1) / (2 * (kernel - 1))))
    return min(max(needed, 1), most)


def tcn(shape: tuple[int, ...], steps: int, h: Hyperparameters) -> Encoder:
    """Build a network as deep as the longest training sequence asks for, of `blocks` at most.

    Raises `InputError` for a kernel that sees no step but its own.
    """
    kernel = h["kernel"]
    if kernel == 1:
        raise InputError("models.tcn: a kernel of 1 sees its own step alone; expected 3 or more")
    blocks = blocks_over(steps, kernel, h.get("blocks", DEEPEST))
    return TCN(shape[0], h["width"], kernel, blocks, h["dropout"])
