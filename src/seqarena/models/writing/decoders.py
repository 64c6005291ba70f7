"""The decoders, by the name in `Variant.decoder`."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from seqarena.data.store import DataSpec
from seqarena.errors import unknown
from seqarena.models.attention.memory import Attention
from seqarena.models.frontends import embedding_table
from seqarena.models.heads import Writer
from seqarena.models.hyperparameters import Hyperparameters
from seqarena.models.variant import Variant
from seqarena.models.writing.ctc import CTCHead
from seqarena.models.writing.decoder import RecurrentDecoder
from seqarena.models.writing.joint import CTC_WEIGHT, JointDecoder
from seqarena.models.writing.pointer import PointerDecoder, copies_of
from seqarena.models.writing.transformer_decoder import TransformerDecoder

# The variant, the width and the attention of its encoder, and the data.
BuildDecoder = Callable[[Variant, int, Attention | None, DataSpec, Hyperparameters], Writer]


def decoder_for(
    variant: Variant,
    width: int,
    attention: Attention | None,
    spec: DataSpec,
    hyperparameters: Hyperparameters,
) -> Writer:
    """Build the decoder of a variant over an encoder's states ``(B, S, width)``.

    Raises `InputError` for a kind that `DECODERS` lacks.
    """
    if variant.decoder not in DECODERS:
        raise unknown("models.decoders", "decoder", variant.decoder, DECODERS)
    return DECODERS[variant.decoder](variant, width, attention, spec, hyperparameters)


def ctc(
    variant: Variant, width: int, attention: Attention | None, spec: DataSpec, h: Hyperparameters
) -> Writer:
    """Build a head that writes a token or none at every step of the source."""
    return CTCHead(width, len(spec.target_vocabulary), h["dropout"])


def recurrent(
    variant: Variant, width: int, attention: Attention | None, spec: DataSpec, h: Hyperparameters
) -> Writer:
    """Build a recurrence of the kind that the variant names, with its attention if any."""
    return RecurrentDecoder(
        variant.decoder,
        width,
        attention,
        _embedding(spec, h),
        h["dropout"],
        input_feeding=variant.input_feeding,
        sampling=h.get("scheduled_sampling", 0.0),
    )


def transformer(
    variant: Variant, width: int, attention: Attention | None, spec: DataSpec, h: Hyperparameters
) -> Writer:
    """Build layers of masked self-attention, which bring their own attention to the source."""
    return TransformerDecoder(
        width,
        h["layers"],
        h["heads"],
        _embedding(spec, h),
        h["dropout"],
        sampling=h.get("scheduled_sampling", 0.0),
    )


def joint(
    variant: Variant, width: int, attention: Attention | None, spec: DataSpec, h: Hyperparameters
) -> Writer:
    """Build an LSTM with its attention, and CTC beside it."""
    return JointDecoder(
        "lstm",
        width,
        attention,
        _embedding(spec, h),
        h["dropout"],
        h[CTC_WEIGHT],
        sampling=h.get("scheduled_sampling", 0.0),
    )


def pointer(
    variant: Variant, width: int, attention: Attention | None, spec: DataSpec, h: Hyperparameters
) -> Writer:
    """Build an LSTM that may copy what its attention looks at."""
    assert attention is not None
    return PointerDecoder(
        "lstm",
        width,
        attention,
        _embedding(spec, h),
        h["dropout"],
        copies_of(spec.vocabulary, spec.target_vocabulary),
        sampling=h.get("scheduled_sampling", 0.0),
    )


def _embedding(spec: DataSpec, h: Hyperparameters) -> nn.Embedding:
    return embedding_table(len(spec.target_vocabulary), h["embedding"], h["embedding_std"])


DECODERS: dict[str, BuildDecoder] = {
    "rnn": recurrent,
    "gru": recurrent,
    "lstm": recurrent,
    "transformer": transformer,
    "ctc": ctc,
    "ctc_lstm": joint,
    "pointer": pointer,
}
