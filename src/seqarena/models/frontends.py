"""From prepared inputs to features ``(B, T, *)``; may subsample, so lengths are returned too."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqarena.data.store import DataSpec
from seqarena.errors import InputError
from seqarena.models.hyperparameters import Hyperparameters, Space
from seqarena.models.initialization import before_relu
from seqarena.models.regularisation import augmentation
from seqarena.models.regularisation.augmentation import Distortion
from seqarena.models.regularisation.dropout import MASKS, STEP, Dropout, TokenDropout


class Frontend(nn.Module, ABC):
    """The only part of a model that depends on the modality."""

    output_shape: tuple[int, ...]  # of one step

    def steps(self, length: int) -> int:
        """Return how many steps the output has for an input of `length` steps."""
        return length

    @abstractmethod
    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Map ``(B, T, *feature_shape)`` to features ``(B, T', *output_shape)`` and lengths."""


class Embedding(Frontend):
    """Token ids to vectors; id 0 pads and stays a zero vector.

    Vectors start with the deviation `std`. Small is best where words are rare: torch's own 1 is
    noise that such a word never unlearns (sentiment LSTM, same budget: validation accuracy 0.71,
    0.77 with 0.1). Large is best where all are often seen and each matters (translation: BLEU 35,
    19 with 0.1).
    """

    def __init__(
        self,
        spec: DataSpec,
        embedding: int,
        std: float,
        dropout: float,
        *,
        token_dropout: float = 0.0,
        mask: str = STEP,
    ) -> None:
        super().__init__()
        self.table = embedding_table(len(spec.vocabulary), embedding, std)
        self.unread, self.dropout = TokenDropout(token_dropout), MASKS[mask](dropout)
        self.output_shape = (embedding,)

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return self.dropout(self.table(self.unread(inputs))), lengths


class Patches(Frontend):
    """`patch` steps side by side as one (Nie et al. 2023): a recurrence that much shorter.

    Patches end where the sequence ends; what is left over at its beginning is dropped. A sequence
    shorter than a patch is one, with zeros in front. A patch of 1 leaves log-mel frames, channels
    and keys as they are. What is to `distort` steps comes before. Raises `InputError` where all
    sequences are shorter.
    """

    def __init__(self, spec: DataSpec, patch: int, distort: Distortion | None = None) -> None:
        super().__init__()
        if patch > spec.max_length:
            found = f"but the longest of train has {spec.max_length}"
            raise InputError(f"patch: {patch} steps, {found}")
        self.patch, self.distort = patch, distort
        (features,) = spec.feature_shape
        self.output_shape = (patch * features,)

    def steps(self, length: int) -> int:
        return max(length // self.patch, 1)

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        if not inputs.is_floating_point():  # keys of music, kept as bytes
            inputs = inputs.float()
        if self.distort is not None:
            inputs = self.distort(inputs, lengths)
        if self.patch == 1:
            return inputs, lengths
        patches = (lengths // self.patch).clamp(min=1)
        steps = torch.arange(int(patches.max()) * self.patch, device=inputs.device)
        places = (lengths - patches * self.patch)[:, None] + steps
        real = (places >= 0) & (places < lengths[:, None])
        rows = torch.arange(len(inputs), device=inputs.device)[:, None]
        aligned = inputs[rows, places.where(real, 0)] * real.unsqueeze(-1)
        return aligned.unflatten(1, (-1, self.patch)).flatten(2), patches


class FrameScale(nn.Module):
    """Frames of bytes, as they lie on disk, to zero mean and unit variance over train."""

    mean: Tensor
    std: Tensor

    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        for name in ("mean", "std"):  # not saved with the weights: the spec is, beside them
            values = torch.tensor(spec.pixel_stats[name]).view(-1, 1, 1)
            self.register_buffer(name, values, persistent=False)

    def forward(self, frames: Tensor) -> Tensor:
        return (frames - self.mean) / self.std


class FlatFrames(Frontend):
    """One dense layer over the pixels of each frame: what a model without convolution sees."""

    def __init__(self, spec: DataSpec, embedding: int, dropout: float) -> None:
        super().__init__()
        self.scale = FrameScale(spec)
        pixels = torch.Size(spec.feature_shape).numel()
        self.dense = dense_relu(pixels, embedding, dropout)
        self.output_shape = (embedding,)

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return self.dense(self.scale(inputs).flatten(2)), lengths


class PixelConvolution(nn.Conv2d):
    """A convolution of images ``(N, C, H, W)``, which need no gradient, to half their sides.

    In training the output is channels-last in memory, which makes the next convolution faster. For
    the gradient of the weights oneDNN pads a single colour to eight channels; one product with all
    patches takes a third of that time.
    """

    def __init__(self, colours: int, channels: int) -> None:
        super().__init__(colours, channels, 3, stride=2, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        if images.device.type != "cpu" or not torch.is_grad_enabled():
            return super().forward(images)
        if images.shape[1] > 1:
            return super().forward(images.contiguous(memory_format=torch.channels_last))
        assert self.bias is not None
        corners = F.pad(images[:, 0], (1, 1, 1, 1)).unfold(1, 3, 2).unfold(2, 3, 2)
        patches = corners.permute(3, 4, 0, 1, 2).flatten(0, 1).flatten(1)
        # Contiguous: as a view its gradient is a product that takes six times as long.
        weight = self.weight.flatten(1).t().contiguous()
        maps = torch.addmm(self.bias, patches.t(), weight)
        return maps.view(*corners.shape[:3], -1).permute(0, 3, 1, 2)


class FrameStem(Frontend):
    """Two strided convolutions over each frame alone: a quarter of its sides, its shape kept."""

    def __init__(self, spec: DataSpec, channels: int) -> None:
        super().__init__()
        colours, height, columns = spec.feature_shape
        self.scale = FrameScale(spec)
        self.convolutions = nn.Sequential(
            before_relu(PixelConvolution(colours, channels)),
            nn.ReLU(),
            before_relu(nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1)),
            nn.ReLU(),
        )
        self.output_shape = (2 * channels, -(-height // 4), -(-columns // 4))

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        images = self.convolutions(self.scale(inputs).flatten(0, 1))
        return images.unflatten(0, inputs.shape[:2]), lengths


class FrameCNN(Frontend):
    """A small convolutional network over each frame alone (as in LRCN, Donahue et al. 2015)."""

    def __init__(self, spec: DataSpec, embedding: int, dropout: float, channels: int) -> None:
        super().__init__()
        self.stem = FrameStem(spec, channels)
        pixels = torch.Size(self.stem.output_shape).numel()
        self.dense = dense_relu(pixels, embedding, dropout)
        self.output_shape = (embedding,)

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        images, lengths = self.stem(inputs, lengths)
        return self.dense(images.flatten(2)), lengths


class ImageRegions(Frontend):
    """A picture as a sequence of regions, row by row: the part of a CNN's map that lies in each.

    The grid is that of the data (`regions` of its options): one row of columns for a line of
    writing, as in CRNN (Shi et al. 2017), a square for a scene, as in Xu et al. (2015).
    """

    def __init__(self, spec: DataSpec, embedding: int, dropout: float, channels: int) -> None:
        super().__init__()
        self.stem = FrameStem(spec, channels)
        self.rows, self.columns = (int(count) for count in spec.options["regions"])
        depth, height, width = self.stem.output_shape
        self.cells = (-(-height // self.rows), -(-width // self.columns))  # of the map in a region
        self.dense = dense_relu(depth * self.cells[0] * self.cells[1], embedding, dropout)
        self.output_shape = (embedding,)

    def steps(self, length: int) -> int:
        return self.rows * self.columns

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        maps, _ = self.stem(inputs, lengths)
        down, across = self.cells
        whole, size = maps.squeeze(1), (self.rows * down, self.columns * across)
        if whole.shape[2:] != size:  # pooling to the same size is a slow copy
            whole = F.adaptive_avg_pool2d(whole, size)
        cut = whole.unflatten(2, (self.rows, down)).unflatten(4, (self.columns, across))
        regions = cut.permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)  # (B, S, D), channels last
        return self.dense(regions), torch.full_like(lengths, self.rows * self.columns)


def embedding_table(vocabulary: int, width: int, std: float) -> nn.Embedding:
    """Return an embedding whose padding vector is zero."""
    table = nn.Embedding(vocabulary, width, padding_idx=0)
    with torch.no_grad():
        table.weight.mul_(std)
    return table


def dense_relu(inputs: int, width: int, dropout: float) -> nn.Sequential:
    """Return a dense layer with what follows it."""
    return nn.Sequential(before_relu(nn.Linear(inputs, width)), nn.ReLU(), Dropout(dropout))


def embedded(spec: DataSpec, h: Hyperparameters) -> Embedding:
    """Build what reads tokens."""
    return Embedding(
        spec,
        h["embedding"],
        h["embedding_std"],
        h["dropout"],
        token_dropout=h.get("token_dropout", 0.0),
        mask=h.get("dropout_mask", STEP),
    )


@dataclass(frozen=True)
class FrontendChoice:
    """A frontend and the hyperparameters it adds."""

    build: Callable[[DataSpec, Hyperparameters], Frontend]
    space: Space = field(default_factory=dict)


FRONTENDS: dict[str, FrontendChoice] = {
    "embedding": FrontendChoice(
        embedded,
        {"embedding": 64, "embedding_std": 0.1, "token_dropout": 0.0, "dropout_mask": STEP},
    ),
    "features": FrontendChoice(lambda spec, h: Patches(spec, h["patch"]), {"patch": 1}),
    "spectrogram": FrontendChoice(
        lambda spec, h: Patches(spec, h["patch"], Distortion.of(h)),
        {"patch": 1, **augmentation.SPACE},
    ),
    "patches": FrontendChoice(lambda spec, h: Patches(spec, h["patch"]), {"patch": 8}),
    "flat_frames": FrontendChoice(
        lambda spec, h: FlatFrames(spec, h["embedding"], h["dropout"]), {"embedding": 64}
    ),
    "frame_cnn": FrontendChoice(
        lambda spec, h: FrameCNN(spec, h["embedding"], h["dropout"], h["channels"]),
        {"embedding": 64, "channels": [8, 16]},
    ),
    "image_regions": FrontendChoice(
        lambda spec, h: ImageRegions(spec, h["embedding"], h["dropout"], h["channels"]),
        {"embedding": 64, "channels": [8, 16]},
    ),
    "frame_stem": FrontendChoice(
        lambda spec, h: FrameStem(spec, h["channels"]), {"channels": [8, 16]}
    ),
}
DEFAULT_FRONTENDS = {
    "text": "embedding",
    "audio": "spectrogram",
    "signal": "features",
    "music": "features",
    "series": "patches",
    "video": "flat_frames",
    "image": "image_regions",
}
