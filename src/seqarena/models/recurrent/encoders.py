"""Encoders that are recurrences, over vectors or over images."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from seqarena.models.encoder import Encoder
from seqarena.models.hyperparameters import Hyperparameters
from seqarena.models.recurrent.cells import ConvCell
from seqarena.models.recurrent.layers import (
    Bidirectional,
    Recurrent,
    Stack,
    Unrolled,
    VariationalLSTM,
    layer_of,
)
from seqarena.models.recurrent.state_dropout import StateDropout
from seqarena.models.regularisation.dropout import STEP


class RecurrentEncoder(Encoder):
    """A recurrent layer; its summary is the output that has seen the whole sequence."""

    def __init__(self, layer: Recurrent) -> None:
        super().__init__()
        self.layer = layer
        (self.width,) = layer.output_shape

    def forward(self, features: Tensor, lengths: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        states: tuple[Tensor, Any] = self.layer(features, state, ragged(lengths, features))
        return states

    def summary(self, states: Tensor, lengths: Tensor) -> Tensor:
        return self.layer.final(states, lengths)


class ConvRecurrentEncoder(Encoder):
    """A recurrence over images; each state is pooled to a coarse grid only when it is read."""

    grid = 4  # cells along each side: where in the image still matters, the exact pixel does not

    def __init__(self, layer: Recurrent) -> None:
        super().__init__()
        self.layer = layer
        self.width = layer.output_shape[0] * self.grid**2

    def forward(self, features: Tensor, lengths: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        images, last = self.layer(features, state, ragged(lengths, features))  # (B, T, C, H, W)
        pooled = F.adaptive_avg_pool2d(images.flatten(0, 1), self.grid)
        states: Tensor = pooled.flatten(1).unflatten(0, images.shape[:2])
        return states, last

    def summary(self, states: Tensor, lengths: Tensor) -> Tensor:
        return self.layer.final(states, lengths)


def ragged(lengths: Tensor, features: Tensor) -> Tensor | None:
    """Return lengths ``(B,)`` where they differ; None where all steps of ``(B, T, *)`` are real.

    Most batches are of that kind. Asked once and not by each layer: a GPU has to be waited for.
    """
    return None if bool((lengths == features.shape[1]).all()) else lengths


def recurrent(
    shape: tuple[int, ...],
    steps: int,
    h: Hyperparameters,
    *,
    kind: str,
    bidirectional: bool = False,
    residual: bool = False,
) -> Encoder:
    """Build recurrent layers of one kind; the depth is the hyperparameter `layers`."""
    left_out = StateDropout.of(h)

    def layer(inputs: int) -> Recurrent:
        if not bidirectional:
            return layer_of(kind, inputs, h["width"], left_out)
        return Bidirectional(*(layer_of(kind, inputs, h["width"], left_out) for _ in range(2)))

    layers: list[Recurrent] = []
    (inputs,) = shape
    for _ in range(h.get("layers", 1)):
        layers.append(layer(inputs))
        (inputs,) = layers[-1].output_shape
    if len(layers) == 1:
        return RecurrentEncoder(layers[0])
    mask = h.get("dropout_mask", STEP)
    return RecurrentEncoder(Stack(layers, h["dropout"], residual=residual, mask=mask))


def variational(shape: tuple[int, ...], steps: int, h: Hyperparameters) -> Encoder:
    """Build LSTMs with one dropout mask for all steps of a sequence."""
    widths = (*shape, *(h["width"],) * h["layers"])
    layers = [VariationalLSTM(*pair, h["dropout"]) for pair in pairwise(widths)]
    return RecurrentEncoder(Stack(layers))


def convolutional(
    shape: tuple[int, ...],
    steps: int,
    h: Hyperparameters,
    *,
    cell: type[ConvCell],
    bidirectional: bool = False,
) -> Encoder:
    """Build a recurrence over images ``(C, H, W)``; its width is its channels."""
    left_out = StateDropout.of(h)

    def layer() -> Recurrent:
        return Unrolled(left_out.around(cell(shape, h["channels"], h["kernel"])))

    return ConvRecurrentEncoder(Bidirectional(layer(), layer()) if bidirectional else layer())
