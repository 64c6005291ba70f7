"""What variants are made of: frontends and encoders, built from hyperparameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from seqarena.data.store import DataSpec
from seqarena.models.cells import ConvCell
from seqarena.models.encoders import (
    Bag,
    Conv1d,
    ConvRecurrentEncoder,
    Encoder,
    RecurrentEncoder,
    WindowMLP,
)
from seqarena.models.frontends import (
    Embedding,
    FlatFrames,
    FrameCNN,
    FrameStem,
    Frontend,
    ImageRegions,
    Patches,
)
from seqarena.models.recurrent import (
    Bidirectional,
    Recurrent,
    Stack,
    Unrolled,
    VariationalLSTM,
    layer_of,
)
from seqarena.models.transformer import Transformer

Hyperparameters = Mapping[str, Any]
Space = Mapping[str, Any]  # dimensions as in params.yaml
BuildEncoder = Callable[[tuple[int, ...], int, Hyperparameters], Encoder]  # shape, steps


@dataclass(frozen=True)
class FrontendChoice:
    """A frontend and the hyperparameters it adds."""

    build: Callable[[DataSpec, Hyperparameters], Frontend]
    space: Space = field(default_factory=dict)


FRONTENDS: dict[str, FrontendChoice] = {
    "embedding": FrontendChoice(
        lambda spec, h: Embedding(spec, h["embedding"], h["embedding_std"], h["dropout"]),
        {"embedding": 64, "embedding_std": 0.1},
    ),
    "features": FrontendChoice(lambda spec, h: Patches(spec, h["patch"]), {"patch": 1}),
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
    "audio": "features",
    "signal": "features",
    "music": "features",
    "series": "patches",
    "video": "flat_frames",
    "image": "image_regions",
}


def recurrent(kind: str, *, bidirectional: bool = False, residual: bool = False) -> BuildEncoder:
    """Build recurrent layers of one kind; the depth is the hyperparameter `layers`."""

    def layer(inputs: int, width: int) -> Recurrent:
        if not bidirectional:
            return layer_of(kind, inputs, width)
        return Bidirectional(layer_of(kind, inputs, width), layer_of(kind, inputs, width))

    def build(shape: tuple[int, ...], steps: int, h: Hyperparameters) -> Encoder:
        layers: list[Recurrent] = []
        (inputs,) = shape
        for _ in range(h.get("layers", 1)):
            layers.append(layer(inputs, h["width"]))
            (inputs,) = layers[-1].output_shape
        if len(layers) == 1:
            return RecurrentEncoder(layers[0])
        return RecurrentEncoder(Stack(layers, h["dropout"], residual=residual))

    return build


def variational(shape: tuple[int, ...], steps: int, h: Hyperparameters) -> Encoder:
    """Build LSTMs with one dropout mask for all steps of a sequence."""
    widths = (*shape, *(h["width"],) * h["layers"])
    layers = [VariationalLSTM(*pair, h["dropout"]) for pair in pairwise(widths)]
    return RecurrentEncoder(Stack(layers))


def transformer(shape: tuple[int, ...], steps: int, h: Hyperparameters) -> Encoder:
    """Build the encoder of self-attention."""
    return Transformer(shape[0], h["width"], h["layers"], h["heads"], h["dropout"])


def window_mlp(shape: tuple[int, ...], steps: int, h: Hyperparameters) -> Encoder:
    """Build the dense-window baseline over the longest training sequence."""
    return WindowMLP(shape[0], h["width"], steps, h["dropout"])


def conv1d(shape: tuple[int, ...], steps: int, h: Hyperparameters) -> Encoder:
    """Build the convolution baseline."""
    return Conv1d(shape[0], h["width"], h["kernel"], h["dropout"])


def bag(shape: tuple[int, ...], steps: int, h: Hyperparameters) -> Encoder:
    """Build the baseline without order."""
    return Bag(shape[0], h["width"])


def convolutional(cell: type[ConvCell], *, bidirectional: bool = False) -> BuildEncoder:
    """Build a recurrence over images ``(C, H, W)``; its width is its channels."""

    def build(shape: tuple[int, ...], steps: int, h: Hyperparameters) -> Encoder:
        def layer() -> Recurrent:
            return Unrolled(cell(shape, h["channels"], h["kernel"]))

        return ConvRecurrentEncoder(Bidirectional(layer(), layer()) if bidirectional else layer())

    return build
