"""What a competitor is: a choice of frontend, encoder, attention and decoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from seqarena.data.store import DataSpec
from seqarena.models.attention.memory import Attention
from seqarena.models.attention.scores import ATTENTIONS
from seqarena.models.encoder import Encoder
from seqarena.models.frontends import DEFAULT_FRONTENDS, FRONTENDS, FrontendChoice
from seqarena.models.heads import Head
from seqarena.models.hyperparameters import Hyperparameters, Space
from seqarena.models.model import SequenceModel

BuildEncoder = Callable[[tuple[int, ...], int, Hyperparameters], Encoder]  # shape, steps


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One competitor."""

    encoder: BuildEncoder
    frontend: str | None = None  # the modality's own when None
    attention: str | None = None  # looks over all states; without it the summary is used
    # What a state depends on: steps up to its own, or all steps; also where one state stands for
    # several steps (coarse), or for all of them (pooled). Where steps have answers of their own,
    # attention looks no further: at the past or at all.
    context: Literal["causal", "full", "coarse", "pooled"] = "causal"
    decoder: str = "lstm"  # of tasks that write, see `DECODERS`
    input_feeding: bool = False  # the output vector of a decoder step is an input of the next
    crf: bool = False  # of tasks that label steps: labels are told together, see `CRFHead`
    drops_inputs: bool = False  # the encoder does, so that the frontend must not
    modalities: frozenset[str] = frozenset(DEFAULT_FRONTENDS)
    space: Space = field(default_factory=dict)
    size: str = "width"  # the hyperparameter that decides how many parameters it has
    rate: float = 1.0  # its learning rates, over those that suit a recurrent network


BuildHead = Callable[[Variant, int, Attention | None], Head]  # width of the encoder


def frontend_of(variant: Variant, modality: str) -> FrontendChoice:
    """Return the frontend that a variant has over a modality."""
    return FRONTENDS[variant.frontend or DEFAULT_FRONTENDS[modality]]


def assemble(
    variant: Variant, spec: DataSpec, hyperparameters: Hyperparameters, head: BuildHead
) -> SequenceModel:
    """Build a variant for the data; raises `InputError` where it does not fit."""
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
