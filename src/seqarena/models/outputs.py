"""What a model makes of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Output:
    """What every output has; each family of tasks adds its own, see `seqarena.tasks.outputs`."""

    lengths: Tensor  # (B,), after the frontend
    weights: Tensor | None = None  # (B, heads, U, S) where there is attention


@dataclass(frozen=True, kw_only=True)
class Logits(Output):
    """The output of a head."""

    logits: Tensor  # (B, outputs), or (B, U, V) with one row per target or step
    state: Any = None  # of the recurrence after the last step, where the encoder returns it
    states: Tensor | None = None  # (B, S, V) of the encoder, where a head is over them


@dataclass(frozen=True, kw_only=True)
class CTCLogits(Logits):
    """Logits ``(B, S, V)`` whose rows belong to steps of the source, not to targets."""
