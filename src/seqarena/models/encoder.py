"""The part of a model that reads a sequence of features."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn


class Encoder(nn.Module, ABC):
    """Encodes ``(B, T, *)`` features."""

    width: int  # of one state and of the summary

    @abstractmethod
    def forward(self, features: Tensor, lengths: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Return the states ``(B, S, width)`` and, of a recurrence, its own after the last step.

        `state` is the one to start from, None for the first step. S is T unless `states_of` tells
        otherwise.
        """

    def attend(
        self, features: Tensor, lengths: Tensor, state: Any = None
    ) -> tuple[Tensor, Any, Tensor | None]:
        """Encode, and tell what each step looked at ``(B, heads, T, S)`` where one attends."""
        return (*self(features, lengths, state), None)

    def states_of(self, lengths: Tensor) -> Tensor:
        """Return how many states it makes of ``lengths (B,)`` steps."""
        return lengths

    @abstractmethod
    def summary(self, states: Tensor, lengths: Tensor) -> Tensor:
        """Return one vector for the whole sequence ``(B, width)``, of ``lengths (B,)`` states."""
