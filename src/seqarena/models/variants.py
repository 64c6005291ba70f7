"""The variants that compete, by name: each is a choice of frontend, encoder and pooling.

A variant's `space` holds the hyperparameters that it adds to the ones all share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from seqarena.data.store import DataSpec
from seqarena.errors import InputError, unknown
from seqarena.models.attention import ATTENTIONS, Attention
from seqarena.models.builders import (
    DEFAULT_FRONTENDS,
    FRONTENDS,
    BuildEncoder,
    FrontendChoice,
    Hyperparameters,
    Space,
    bag,
    conv1d,
    convolutional,
    recurrent,
    transformer,
    variational,
    window_mlp,
)
from seqarena.models.cells import ConvGRUCell, ConvLSTMCell, ConvRNNCell
from seqarena.models.heads import Head
from seqarena.models.model import SequenceModel


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One competitor."""

    encoder: BuildEncoder
    frontend: str | None = None  # the modality's own when None
    attention: str | None = None  # looks over all states; without it the summary is used
    # What a state depends on: steps up to its own, all steps, or one state pools all steps.
    context: Literal["causal", "full", "pooled"] = "causal"
    decoder: str = "lstm"  # of tasks that write, see `DECODERS`
    input_feeding: bool = False  # the output vector of a decoder step is an input of the next
    drops_inputs: bool = False  # the encoder does, so that the frontend must not
    modalities: frozenset[str] = frozenset(DEFAULT_FRONTENDS)
    space: Space = field(default_factory=dict)
    size: str = "width"  # the hyperparameter that decides how many parameters it has
    rate: float = 1.0  # its learning rates, over those that suit a recurrent network


BuildHead = Callable[[Variant, int, Attention | None], Head]  # width of the encoder


def build_model(
    name: str, spec: DataSpec, hyperparameters: Hyperparameters, head: BuildHead
) -> SequenceModel:
    """Build one variant for the data; raises `InputError` where it does not fit."""
    variant = variant_for(name, spec.modality, "variants")
    of_frontend = {**hyperparameters, "dropout": 0.0} if variant.drops_inputs else hyperparameters
    frontend = frontend_of(variant, spec.modality).build(spec, of_frontend)
    encoder = variant.encoder(
        frontend.output_shape, frontend.steps(spec.max_length), hyperparameters
    )
    attention = None
    if variant.attention is not None:
        width = hyperparameters["attention"]
        attention = ATTENTIONS[variant.attention](encoder.width, encoder.width, width)
    return SequenceModel(frontend, encoder, head(variant, encoder.width, attention))


def frontend_of(variant: Variant, modality: str) -> FrontendChoice:
    """Return the frontend that a variant has over a modality."""
    return FRONTENDS[variant.frontend or DEFAULT_FRONTENDS[modality]]


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
    """Return the variant with attention over all of its states, and so over the whole sequence."""
    space = {"attention": [32, 64], **variant.space}
    return replace(variant, context="full", attention=attention, space=space)


VIDEO = frozenset({"video"})
UNORDERED = frozenset({"image", "text"})  # what a bag, of regions or of words, may encode
DEEP = {"layers": [2, 3]}
KERNEL = {"kernel": [3, 5]}

BAG = Variant(encoder=bag, context="full", modalities=UNORDERED)
GRU = Variant(encoder=recurrent("gru"), decoder="gru")
LSTM = Variant(encoder=recurrent("lstm"))
BILSTM = Variant(encoder=recurrent("lstm", bidirectional=True), context="full")
STACKED_BILSTM = replace(BILSTM, space=DEEP)
TRANSFORMER = Variant(
    encoder=transformer, decoder="transformer", space={**DEEP, "heads": [2, 4]}, rate=0.2
)
CONV_LSTM = Variant(
    encoder=convolutional(ConvLSTMCell),
    frontend="frame_stem",
    modalities=VIDEO,
    space=KERNEL,
    size="channels",
)

VARIANTS: dict[str, Variant] = {
    "window_mlp": Variant(encoder=window_mlp, context="pooled"),
    "conv1d": Variant(encoder=conv1d, context="full", space=KERNEL),
    "bag": BAG,
    "bag_attention": attending(BAG),
    "rnn": Variant(encoder=recurrent("rnn"), decoder="rnn"),
    "gru": GRU,
    "lstm": LSTM,
    "bilstm": BILSTM,
    "bigru": Variant(encoder=recurrent("gru", bidirectional=True), context="full", decoder="gru"),
    "peephole_lstm": Variant(encoder=recurrent("peephole_lstm")),
    "layer_norm_lstm": Variant(encoder=recurrent("layer_norm_lstm")),
    "stacked_lstm": replace(LSTM, space=DEEP),
    "residual_lstm": Variant(encoder=recurrent("lstm", residual=True), space=DEEP),
    "variational_lstm": Variant(encoder=variational, drops_inputs=True, space={"layers": [1, 2]}),
    "lstm_ctc": replace(LSTM, decoder="ctc"),
    "bilstm_ctc": replace(BILSTM, decoder="ctc"),
    "stacked_bilstm_ctc": replace(STACKED_BILSTM, decoder="ctc"),
    "gru_attention": attending(GRU),
    "lstm_attention": attending(LSTM),
    "bilstm_attention": attending(BILSTM),
    "bilstm_forward": attending(BILSTM, "forward"),
    "stacked_bilstm_forward": attending(STACKED_BILSTM, "forward"),
    "lstm_attention_feeding": replace(attending(LSTM), input_feeding=True),
    # The other attentions, all over the same recurrence, so that nothing else differs.
    **{f"lstm_{name}": attending(LSTM, name) for name in ATTENTIONS if name != "additive"},
    "transformer": attending(TRANSFORMER),
    "cnn_lstm": replace(LSTM, frontend="frame_cnn", modalities=VIDEO),
    "cnn_bilstm": replace(BILSTM, frontend="frame_cnn", modalities=VIDEO),
    "conv_lstm": CONV_LSTM,
    "conv_bilstm": replace(
        CONV_LSTM, encoder=convolutional(ConvLSTMCell, bidirectional=True), context="full"
    ),
    "conv_rnn": replace(CONV_LSTM, encoder=convolutional(ConvRNNCell)),
    "conv_gru": replace(CONV_LSTM, encoder=convolutional(ConvGRUCell)),
}
