"""The variants that compete, by name: each is a choice of frontend, encoder and pooling.

A variant's `space` holds the hyperparameters that it adds to the ones all share. A builder takes
what tells variants apart by `partial`, so that a training is named by it (`seqarena.search.code`).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from seqarena.data.store import DataSpec
from seqarena.errors import InputError, unknown
from seqarena.models.attention.causal_transformer import causal_transformer
from seqarena.models.attention.scores import ATTENTIONS
from seqarena.models.attention.transformer import transformer
from seqarena.models.causal.linear_recurrence import KINDS, linear_recurrence
from seqarena.models.causal.matrix_lstm import matrix_lstm
from seqarena.models.causal.state_space import state_space
from seqarena.models.causal.tcn import DEEPEST, tcn
from seqarena.models.feedforward import bag, conv1d, window_mlp
from seqarena.models.hyperparameters import MIXTURE, Hyperparameters
from seqarena.models.interpolated import KNESER_NEY
from seqarena.models.lookback import dlinear, patch_tst
from seqarena.models.model import SequenceModel
from seqarena.models.recurrent.cells import ConvGRUCell, ConvLSTMCell, ConvRNNCell
from seqarena.models.recurrent.encoders import convolutional, recurrent, variational
from seqarena.models.recurrent.pyramid import pyramid
from seqarena.models.recurrent.state_dropout import NOTHING
from seqarena.models.variant import BuildHead, Variant, assemble, frontend_of
from seqarena.models.writing.joint import CTC_WEIGHT
from seqarena.registry import Registry


def build_model(
    name: str, spec: DataSpec, hyperparameters: Hyperparameters, head: BuildHead
) -> SequenceModel:
    """Build one variant for the data; raises `InputError` where it does not fit."""
    return assemble(variant_for(name, spec.modality, "variants"), spec, hyperparameters, head)


def added_space(name: str, modality: str) -> dict[str, Any]:
    """Return the dimensions that a variant and its frontend add to those all share."""
    variant = VARIANTS[name]
    return {**frontend_of(variant, modality).space, **variant.space}


def variant_for(name: str, modality: str, where: str) -> Variant:
    """Look a variant up; raises `InputError` for an unknown one or one of another modality."""
    if name not in VARIANTS:
        raise unknown(where, "variant", name, VARIANTS)
    variant = VARIANTS[name]
    if modality not in variant.modalities:
        fitting = ", ".join(sorted(variant.modalities))
        raise InputError(f"{where}: variant '{name}' takes {fitting}, not {modality}")
    return variant


def attending(variant: Variant, attention: str = "additive") -> Variant:
    """Return the variant with attention over its states."""
    return replace(variant, attention=attention, space={"attention": [32, 64], **variant.space})


def attends(variant: Variant) -> bool:
    """Tell whether what a variant looks at can be drawn."""
    return variant.attention is not None or variant.encoder is causal_transformer


def deep(variant: Variant) -> Variant:
    """Return the variant with several layers."""
    return replace(variant, space={**DEEP, **variant.space})


def beside_ctc(variant: Variant) -> Variant:
    """Return the variant with a decoder that CTC learns and writes beside."""
    return replace(variant, decoder="ctc_lstm", space={CTC_WEIGHT: [0.2, 0.5], **variant.space})


def pointing(variant: Variant) -> Variant:
    """Return the variant with a decoder that may copy what it looks at."""
    return replace(variant, decoder="pointer", modalities=TEXT)


VIDEO = frozenset({"video"})
TEXT = frozenset({"text"})
SERIES = frozenset({"series"})
UNORDERED = frozenset({"image", "text"})  # what a bag, of regions or of words, may encode
DEEP = {"layers": [2, 3]}
KERNEL = {"kernel": [3, 5]}
STATE = NOTHING._asdict()  # of every recurrence: what is left out of its state, off by default
STATE_OF_IMAGES = {name: STATE[name] for name in ("recurrent_dropout", "zoneout")}

BAG = Variant(encoder=bag, context="full", modalities=UNORDERED)
LSTM = Variant(encoder=partial(recurrent, kind="lstm"), space=STATE)
RNN = replace(LSTM, encoder=partial(recurrent, kind="rnn"), decoder="rnn")
GRU = replace(LSTM, encoder=partial(recurrent, kind="gru"), decoder="gru")
BILSTM = replace(LSTM, encoder=partial(recurrent, kind="lstm", bidirectional=True), context="full")
STACKED_BILSTM = deep(BILSTM)
PYRAMID = replace(STACKED_BILSTM, encoder=pyramid, context="coarse")
TRANSFORMER = Variant(
    encoder=transformer,
    context="full",
    decoder="transformer",
    space={**DEEP, "heads": [2, 4]},
    rate=0.2,
)
CONV_LSTM = Variant(
    encoder=partial(convolutional, cell=ConvLSTMCell),
    frontend="frame_stem",
    modalities=VIDEO,
    space={**KERNEL, **STATE_OF_IMAGES},
    size="channels",
)

ENTRIES: dict[str, Variant] = {
    "window_mlp": Variant(encoder=window_mlp, context="pooled"),
    "conv1d": Variant(encoder=conv1d, context="full", space=KERNEL),
    "tcn": Variant(encoder=tcn, space={"kernel": [3, 5, 7], "blocks": [2, DEEPEST]}),
    "bag": BAG,
    "bag_attention": attending(BAG),
    "rnn": RNN,
    "gru": GRU,
    "lstm": LSTM,
    "bilstm": BILSTM,
    "bigru": replace(
        GRU, encoder=partial(recurrent, kind="gru", bidirectional=True), context="full"
    ),
    "peephole_lstm": replace(LSTM, encoder=partial(recurrent, kind="peephole_lstm")),
    "layer_norm_lstm": replace(LSTM, encoder=partial(recurrent, kind="layer_norm_lstm")),
    "lstm_kneser_ney": replace(LSTM, modalities=TEXT, space={**STATE, MIXTURE: KNESER_NEY}),
    "stacked_lstm": deep(LSTM),
    "residual_lstm": replace(deep(LSTM), encoder=partial(recurrent, kind="lstm", residual=True)),
    "variational_lstm": Variant(encoder=variational, drops_inputs=True, space={"layers": [1, 2]}),
    **{kind: Variant(encoder=partial(linear_recurrence, kind=kind), space=DEEP) for kind in KINDS},
    "mlstm": Variant(encoder=matrix_lstm, space=DEEP),
    "mamba2": Variant(encoder=state_space, space=DEEP),
    "dlinear": Variant(
        encoder=dlinear, context="pooled", modalities=SERIES, space={"smoothing": [13, 25, 49]}
    ),
    "patch_tst": Variant(
        encoder=patch_tst,
        context="pooled",
        modalities=SERIES,
        space={**DEEP, "heads": [2, 4], "patch_width": [16, 32]},
        size="patch_width",
    ),
    "lstm_ctc": replace(LSTM, decoder="ctc"),
    "bilstm_ctc": replace(BILSTM, decoder="ctc"),
    "stacked_bilstm_ctc": replace(STACKED_BILSTM, decoder="ctc"),
    "bilstm_crf": replace(BILSTM, crf=True),
    "gru_attention": attending(GRU),
    "lstm_attention": attending(LSTM),
    "bilstm_attention": attending(BILSTM),
    "bilstm_forward": attending(BILSTM, "forward"),
    "stacked_bilstm_forward": attending(STACKED_BILSTM, "forward"),
    "pyramid_bilstm": PYRAMID,
    "pyramid_bilstm_attention": attending(PYRAMID),
    "bilstm_attention_ctc": beside_ctc(attending(BILSTM)),
    "bilstm_forward_ctc": beside_ctc(attending(BILSTM, "forward")),
    "stacked_bilstm_forward_ctc": beside_ctc(attending(STACKED_BILSTM, "forward")),
    "lstm_pointer": pointing(attending(LSTM)),
    "bilstm_pointer": pointing(attending(BILSTM)),
    "lstm_attention_feeding": replace(attending(LSTM), input_feeding=True),
    # The other attentions, all over the same recurrence, so that nothing else differs.
    **{f"lstm_{name}": attending(LSTM, name) for name in ATTENTIONS if name != "additive"},
    "transformer": attending(TRANSFORMER),
    "causal_transformer": replace(TRANSFORMER, encoder=causal_transformer, context="causal"),
    "cnn_lstm": replace(LSTM, frontend="frame_cnn", modalities=VIDEO),
    "cnn_bilstm": replace(BILSTM, frontend="frame_cnn", modalities=VIDEO),
    "conv_lstm": CONV_LSTM,
    "conv_bilstm": replace(
        CONV_LSTM,
        encoder=partial(convolutional, cell=ConvLSTMCell, bidirectional=True),
        context="full",
    ),
    "conv_rnn": replace(CONV_LSTM, encoder=partial(convolutional, cell=ConvRNNCell)),
    "conv_gru": replace(CONV_LSTM, encoder=partial(convolutional, cell=ConvGRUCell)),
}


def _taken(found: object) -> Variant | None:
    """Take a variant of the user's, or a function that builds an encoder."""
    if isinstance(found, Variant):
        return found
    return Variant(encoder=found) if callable(found) and not isinstance(found, type) else None


VARIANTS = Registry(ENTRIES, _taken)
