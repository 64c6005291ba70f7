"""The decoders, by the name in `Variant.decoder`."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from seqarena.errors import unknown
from seqarena.models.ctc import CTCHead
from seqarena.models.decoder import RecurrentDecoder
from seqarena.models.frontends import embedding_table
from seqarena.models.heads import Writer
from seqarena.models.hyperparameters import Hyperparameters
from seqarena.models.memory import Attention
from seqarena.models.transformer_decoder import TransformerDecoder
from seqarena.models.variant import Variant

# The variant, the width and the attention of its encoder, and how many tokens there are.
BuildDecoder = Callable[[Variant, int, Attention | None, int, Hyperparameters], Writer]


def decoder_for(
    variant: Variant,
    width: int,
    attention: Attention | None,
    vocabulary: int,
    hyperparameters: Hyperparameters,
) -> Writer:
    """Build the decoder of a variant over an encoder's states ``(B, S, width)``.

    Raises `InputError` for a kind that `DECODERS` lacks.
    """
    if variant.decoder not in DECODERS:
        raise unknown("models.decoders", "decoder", variant.decoder, DECODERS)
    return DECODERS[variant.decoder](variant, width, attention, vocabulary, hyperparameters)


def ctc(
    variant: Variant, width: int, attention: Attention | None, vocabulary: int, h: Hyperparameters
) -> Writer:
    """Build a head that writes a token or none at every step of the source."""
    return CTCHead(width, vocabulary, h["dropout"])


def recurrent(
    variant: Variant, width: int, attention: Attention | None, vocabulary: int, h: Hyperparameters
) -> Writer:
    """Build a recurrence of the kind that the variant names, with its attention if any."""
    return RecurrentDecoder(
        variant.decoder,
        width,
        attention,
        _embedding(vocabulary, h),
        h["dropout"],
        input_feeding=variant.input_feeding,
        sampling=h.get("scheduled_sampling", 0.0),
    )


def transformer(
    variant: Variant, width: int, attention: Attention | None, vocabulary: int, h: Hyperparameters
) -> Writer:
    """Build layers of masked self-attention, which bring their own attention to the source."""
    return TransformerDecoder(
        width,
        h["layers"],
        h["heads"],
        _embedding(vocabulary, h),
        h["dropout"],
        sampling=h.get("scheduled_sampling", 0.0),
    )


def _embedding(vocabulary: int, h: Hyperparameters) -> nn.Embedding:
    return embedding_table(vocabulary, h["embedding"], h["embedding_std"])


DECODERS: dict[str, BuildDecoder] = {
    "rnn": recurrent,
    "gru": recurrent,
    "lstm": recurrent,
    "transformer": transformer,
    "ctc": ctc,
}
