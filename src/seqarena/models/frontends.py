"""From prepared inputs to features ``(B, T, *)``; may subsample, so lengths are returned too."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from seqarena.data.store import DataSpec


class Frontend(nn.Module, ABC):
    """The only part of a model that depends on the modality."""

    output_shape: tuple[int, ...]  # of one step

    @abstractmethod
    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Map ``(B, T, *feature_shape)`` to features ``(B, T', *output_shape)`` and lengths."""


class Embedding(Frontend):
    """Token ids to vectors; id 0 pads and stays a zero vector."""

    def __init__(self, spec: DataSpec, embedding: int, dropout: float) -> None:
        super().__init__()
        self.table = nn.Embedding(len(spec.vocabulary), embedding, padding_idx=0)
        self.dropout = nn.Dropout(dropout)
        self.output_shape = (embedding,)

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return self.dropout(self.table(inputs)), lengths


class Features(Frontend):
    """Vectors as they are: log-mel frames, scaled series."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        self.output_shape = spec.feature_shape

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return inputs, lengths


class FlatFrames(Frontend):
    """One dense layer over the pixels of each frame: what a model without convolution sees."""

    def __init__(self, spec: DataSpec, embedding: int, dropout: float) -> None:
        super().__init__()
        pixels = torch.Size(spec.feature_shape).numel()
        self.dense = nn.Sequential(nn.Linear(pixels, embedding), nn.ReLU(), nn.Dropout(dropout))
        self.output_shape = (embedding,)

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return self.dense(unit_range(inputs).flatten(2)), lengths


class FrameCNN(Frontend):
    """A small convolutional network over each frame alone (as in LRCN, Donahue et al. 2015)."""

    def __init__(self, spec: DataSpec, embedding: int, dropout: float, channels: int) -> None:
        super().__init__()
        colours, height, columns = spec.feature_shape
        self.convolutions = nn.Sequential(
            nn.Conv2d(colours, channels, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
        )
        with torch.no_grad():
            flat = self.convolutions(torch.zeros(1, colours, height, columns)).shape[1]
        self.dense = nn.Sequential(nn.Linear(flat, embedding), nn.ReLU(), nn.Dropout(dropout))
        self.output_shape = (embedding,)

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        frames = unit_range(inputs)
        flat = self.dense(self.convolutions(frames.flatten(0, 1)))
        return flat.unflatten(0, frames.shape[:2]), lengths


class FrameStem(Frontend):
    """One strided convolution that halves the frames and keeps their shape, before a ConvLSTM."""

    def __init__(self, spec: DataSpec, channels: int) -> None:
        super().__init__()
        colours, height, columns = spec.feature_shape
        self.convolution = nn.Sequential(
            nn.Conv2d(colours, channels, 3, stride=2, padding=1), nn.ReLU()
        )
        self.output_shape = (channels, (height + 1) // 2, (columns + 1) // 2)

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        frames = unit_range(inputs)
        images = self.convolution(frames.flatten(0, 1))
        return images.unflatten(0, frames.shape[:2]), lengths


def unit_range(frames: Tensor) -> Tensor:
    """Bring bytes to 0…1; prepared frames stay bytes on disk and in memory."""
    return frames.float() / 255 if frames.dtype == torch.uint8 else frames
