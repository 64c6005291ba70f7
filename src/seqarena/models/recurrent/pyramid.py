"""The encoder of Listen, Attend and Spell (Chan et al. 2016): fewer states the higher."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from seqarena.data.batches import mask_of
from seqarena.models.encoder import Encoder
from seqarena.models.hyperparameters import Hyperparameters
from seqarena.models.recurrent.encoders import ragged
from seqarena.models.recurrent.layers import Bidirectional, Recurrent, layer_of
from seqarena.models.recurrent.state_dropout import StateDropout
from seqarena.models.regularisation.dropout import MASKS, STEP


class Pyramid(Encoder):
    """Bidirectional layers, of which each but the first reads two states as one (equation 5).

    L layers leave a state for ``2 ** (L - 1)`` steps: a decoder has so much less to look over. A
    last state without a partner has zeros beside it.
    """

    def __init__(self, layers: Sequence[Recurrent], dropout: float, mask: str = STEP) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.dropout = MASKS[mask](dropout)
        (self.width,) = layers[-1].output_shape

    def forward(self, features: Tensor, lengths: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        x = features
        for level, layer in enumerate(self.layers):
            if level:
                x, lengths = paired(self.dropout(x), lengths), halved(lengths)
            x, _ = layer(x, None, self.unequal(lengths, x))
        return x, None

    def unequal(self, lengths: Tensor, x: Tensor) -> Tensor | None:
        """Return the lengths where they differ, see `ragged`."""
        return ragged(lengths, x)

    def states_of(self, lengths: Tensor) -> Tensor:
        for _ in self.layers[1:]:
            lengths = halved(lengths)
        return lengths

    def summary(self, states: Tensor, lengths: Tensor) -> Tensor:
        top = self.layers[-1]
        assert isinstance(top, Recurrent)
        return top.final(states, lengths)


def paired(x: Tensor, lengths: Tensor) -> Tensor:
    """Lay every two steps of ``(B, T, D)`` side by side, ``(B, T / 2, 2 D)``; padding is zeros."""
    x = x * mask_of(lengths, x.shape[1])[..., None]
    pairs: Tensor = F.pad(x, (0, 0, 0, x.shape[1] % 2)).unflatten(1, (-1, 2)).flatten(2)
    return pairs


def halved(lengths: Tensor) -> Tensor:
    """Return how many pairs so many steps are, a lone last one counted."""
    return (lengths + 1) // 2


def pyramid(shape: tuple[int, ...], steps: int, h: Hyperparameters) -> Encoder:
    """Build bidirectional LSTMs on one another; the depth is the hyperparameter `layers`."""
    left_out, layers = StateDropout.of(h), list[Recurrent]()
    (inputs,) = shape
    for _ in range(h["layers"]):
        halves = (layer_of("lstm", inputs, h["width"], left_out) for _ in range(2))
        layers.append(Bidirectional(*halves))
        inputs = 2 * layers[-1].output_shape[0]
    return Pyramid(layers, h["dropout"], h.get("dropout_mask", STEP))
