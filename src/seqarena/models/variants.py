"""The variants that compete, by name: each is a choice of frontend, encoder and pooling.

A variant's `space` holds the hyperparameters that it adds to the ones all share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

from seqarena.data.store import DataSpec
from seqarena.errors import InputError, unknown
from seqarena.models.attention import ATTENTIONS, Attention
from seqarena.models.cells import ConvCell, ConvGRUCell, ConvLSTMCell, ConvRNNCell
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
from seqarena.models.heads import Head
from seqarena.models.model import SequenceModel
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


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One competitor."""

    encoder: BuildEncoder
    frontend: str | None = None  # the modality's own when None
    attention: str | None = None  # looks over all states; without it the summary is used
    reads: Literal["past", "whole", "once"] = "past"  # what a state has seen; once: there is one
    decoder: str = "lstm"  # what writes, if the task asks: a recurrence, "transformer", "ctc"
    feeding: bool = False  # what the decoder saw and said at a step is an input of the next
    drops_inputs: bool = False  # the encoder does, so that the frontend must not
    modalities: frozenset[str] = frozenset(DEFAULT_FRONTENDS)
    space: Space = field(default_factory=dict)


BuildHead = Callable[[Variant, int, Attention | None], Head]  # width of the encoder


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
    """Build LSTMs that drop the same of what they read at all steps of a sequence."""
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


def build_model(
    name: str, spec: DataSpec, hyperparameters: Hyperparameters, head: BuildHead
) -> SequenceModel:
    """Build one variant for the data; raises `InputError` where it does not fit the modality."""
    variant = variant_for(name, spec.modality, "variants")
    of_frontend = {**hyperparameters, "dropout": 0.0} if variant.drops_inputs else hyperparameters
    frontend = frontend_of(variant, spec.modality).build(spec, of_frontend)
    if frontend.steps(spec.max_length) < 1:
        raise InputError(f"variants: '{name}' leaves no step of {spec.max_length} to look at")
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


VIDEO = frozenset({"video"})
UNORDERED = frozenset({"image", "text"})  # what a bag of regions, or of words, may answer
ATTENTION_SPACE = {"attention": [32, 64]}

VARIANTS: dict[str, Variant] = {
    "window_mlp": Variant(encoder=window_mlp, reads="once"),
    "conv1d": Variant(encoder=conv1d, reads="whole", space={"kernel": [3, 5]}),
    "bag": Variant(encoder=bag, reads="whole", modalities=UNORDERED),
    "bag_attention": Variant(
        encoder=bag,
        reads="whole",
        attention="additive",
        modalities=UNORDERED,
        space=ATTENTION_SPACE,
    ),
    "rnn": Variant(encoder=recurrent("rnn"), decoder="rnn"),
    "gru": Variant(encoder=recurrent("gru"), decoder="gru"),
    "lstm": Variant(encoder=recurrent("lstm")),
    "bilstm": Variant(encoder=recurrent("lstm", bidirectional=True), reads="whole"),
    "bigru": Variant(encoder=recurrent("gru", bidirectional=True), reads="whole", decoder="gru"),
    "peephole_lstm": Variant(encoder=recurrent("peephole_lstm")),
    "layer_norm_lstm": Variant(encoder=recurrent("layer_norm_lstm")),
    "stacked_lstm": Variant(encoder=recurrent("lstm"), space={"layers": [2, 3]}),
    "residual_lstm": Variant(encoder=recurrent("lstm", residual=True), space={"layers": [2, 3]}),
    "variational_lstm": Variant(encoder=variational, drops_inputs=True, space={"layers": [1, 2]}),
    "lstm_ctc": Variant(encoder=recurrent("lstm"), decoder="ctc"),
    "bilstm_ctc": Variant(
        encoder=recurrent("lstm", bidirectional=True), reads="whole", decoder="ctc"
    ),
    "stacked_bilstm_ctc": Variant(
        encoder=recurrent("lstm", bidirectional=True),
        reads="whole",
        decoder="ctc",
        space={"layers": [2, 3]},
    ),
    "gru_attention": Variant(
        encoder=recurrent("gru"),
        reads="whole",
        decoder="gru",
        attention="additive",
        space=ATTENTION_SPACE,
    ),
    "lstm_attention": Variant(
        encoder=recurrent("lstm"), reads="whole", attention="additive", space=ATTENTION_SPACE
    ),
    "bilstm_attention": Variant(
        encoder=recurrent("lstm", bidirectional=True),
        reads="whole",
        attention="additive",
        space=ATTENTION_SPACE,
    ),
    "bilstm_forward": Variant(
        encoder=recurrent("lstm", bidirectional=True),
        reads="whole",
        attention="forward",
        space=ATTENTION_SPACE,
    ),
    "stacked_bilstm_forward": Variant(
        encoder=recurrent("lstm", bidirectional=True),
        reads="whole",
        attention="forward",
        space={**ATTENTION_SPACE, "layers": [2, 3]},
    ),
    "lstm_attention_feeding": Variant(
        encoder=recurrent("lstm"),
        reads="whole",
        attention="additive",
        feeding=True,
        space=ATTENTION_SPACE,
    ),
    # The other attentions, all over the same recurrence, so that nothing else differs.
    **{
        f"lstm_{name}": Variant(
            encoder=recurrent("lstm"), reads="whole", attention=name, space=ATTENTION_SPACE
        )
        for name in ATTENTIONS
        if name != "additive"
    },
    "transformer": Variant(
        encoder=transformer,
        reads="whole",
        decoder="transformer",
        attention="additive",
        space={**ATTENTION_SPACE, "layers": [2, 3], "heads": [2, 4]},
    ),
    "cnn_lstm": Variant(
        encoder=recurrent("lstm"),
        frontend="frame_cnn",
        modalities=VIDEO,
    ),
    "cnn_bilstm": Variant(
        encoder=recurrent("lstm", bidirectional=True),
        reads="whole",
        frontend="frame_cnn",
        modalities=VIDEO,
    ),
    "conv_lstm": Variant(
        encoder=convolutional(ConvLSTMCell),
        frontend="frame_stem",
        modalities=VIDEO,
        space={"kernel": [3, 5]},
    ),
    "conv_bilstm": Variant(
        encoder=convolutional(ConvLSTMCell, bidirectional=True),
        reads="whole",
        frontend="frame_stem",
        modalities=VIDEO,
        space={"kernel": [3, 5]},
    ),
    **{
        f"conv_{name}": Variant(
            encoder=convolutional(cell),
            frontend="frame_stem",
            modalities=VIDEO,
            space={"kernel": [3, 5]},
        )
        for name, cell in (("rnn", ConvRNNCell), ("gru", ConvGRUCell))
    },
}
