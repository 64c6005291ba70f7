"""What a model makes of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor


class Carried(NamedTuple):
    """What a model goes on from after a window; None where a part carries nothing."""

    encoder: Any = None
    head: Any = None


@dataclass(frozen=True, kw_only=True)
class Output:
    """What every output has; each family of tasks adds its own, see `seqarena.tasks.outputs`."""

    lengths: Tensor  # (B,), after the frontend
    weights: Tensor | None = None  # (B, heads, U, S) where there is attention


@dataclass(frozen=True, kw_only=True)
class Logits(Output):
    """The output of a head."""

    logits: Tensor  # (B, outputs), or (B, U, V) with one row per target or step
    state: Carried | None = None  # after the last step
    states: Tensor | None = None  # (B, S, V) of the encoder, where a head is over them


@dataclass(frozen=True, kw_only=True)
class CTCLogits(Logits):
    """Logits ``(B, S, V)`` whose rows belong to steps of the source, not to targets."""
