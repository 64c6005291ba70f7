"""Encoders that read all steps at once: baselines of a recurrence."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from seqarena.data.batches import mask_of
from seqarena.models.encoder import Encoder
from seqarena.models.hyperparameters import Hyperparameters
from seqarena.models.initialization import before_relu
from seqarena.models.regularisation.dropout import Dropout


class Bag(Encoder):
    """Each step by itself, whatever its order; the summary is the mean of all.

    Over the regions of an image, a decoder with attention to them is that of Xu et al. (2015),
    which starts from the mean as well (section 3.1.2).
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.dense = before_relu(nn.Linear(inputs, width))

    def forward(self, features: Tensor, lengths: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        return torch.relu(self.dense(features)), None

    def summary(self, states: Tensor, lengths: Tensor) -> Tensor:
        mask = mask_of(lengths, states.shape[1])
        return states.masked_fill(~mask.unsqueeze(-1), 0.0).sum(dim=1) / lengths.unsqueeze(-1)


class WindowMLP(Encoder):
    """The dense-window baseline: the last `window` steps, side by side, through two dense layers.

    Shorter sequences are padded with zeros in front, longer ones lose their beginning: it has no
    other way to see them, which is the point of the baseline.
    """

    def __init__(self, inputs: int, width: int, window: int, dropout: float) -> None:
        super().__init__()
        self.window = window
        self.width = width
        self.dense = nn.Sequential(
            before_relu(nn.Linear(window * inputs, width)),
            nn.ReLU(),
            Dropout(dropout),
            before_relu(nn.Linear(width, width)),
            nn.ReLU(),
        )

    def forward(self, features: Tensor, lengths: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        t = torch.arange(-self.window, 0, device=features.device) + lengths[:, None]
        rows = torch.arange(len(features), device=features.device)[:, None]
        window = features[rows, t.clamp(min=0)] * (t >= 0).unsqueeze(-1)
        return self.dense(window.flatten(1))[:, None], None

    def summary(self, states: Tensor, lengths: Tensor) -> Tensor:
        return states[:, 0]


class Conv1d(Encoder):
    """The convolution baseline: two layers over time, then the maximum (Kim 2014)."""

    def __init__(self, inputs: int, width: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.width = width
        self.layers = nn.ModuleList(
            before_relu(nn.Conv1d(channels, width, kernel, padding=kernel // 2))
            for channels in (inputs, width)
        )
        self.dropout = Dropout(dropout)

    def forward(self, features: Tensor, lengths: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        mask = mask_of(lengths, features.shape[1])[:, None]  # (B, 1, T)
        x = features.transpose(1, 2)
        for index, layer in enumerate(self.layers):
            # Padding is zeroed before every layer, or a kernel at the end would read it.
            x = torch.relu(layer((self.dropout(x) if index else x) * mask))
        return x.transpose(1, 2), None

    def summary(self, states: Tensor, lengths: Tensor) -> Tensor:
        mask = mask_of(lengths, states.shape[1])
        return states.masked_fill(~mask.unsqueeze(-1), -torch.inf).amax(dim=1)


def bag(shape: tuple[int, ...], steps: int, h: Hyperparameters) -> Encoder:
    """Build the baseline without order."""
    return Bag(shape[0], h["width"])


def window_mlp(shape: tuple[int, ...], steps: int, h: Hyperparameters) -> Encoder:
    """Build the dense-window baseline over the longest training sequence."""
    return WindowMLP(shape[0], h["width"], steps, h["dropout"])


def conv1d(shape: tuple[int, ...], steps: int, h: Hyperparameters) -> Encoder:
    """Build the convolution baseline."""
    return Conv1d(shape[0], h["width"], h["kernel"], h["dropout"])
