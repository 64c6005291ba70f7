"""What a training adds up, epoch by epoch, and what it tells of each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor


@dataclass(frozen=True)
class Epoch:
    """The result of one epoch."""

    epoch: int  # from 1
    train_loss: float  # per term, of what is learned from: smoothed labels, weighted classes
    valid_loss: float
    scores: dict[str, float]  # on valid
    learning_rate: float
    gradient_norm: float  # mean over steps, before clipping
    seconds: float  # training and validation
    examples_per_second: float  # training alone
    improved: bool
    last: bool  # the budget or the patience is spent, or the loss is not finite

    @property
    def finite(self) -> bool:
        """Whether it learned anything that a model may rest on."""
        return is_finite(self.train_loss, self.valid_loss)

    def values(self) -> dict[str, float]:
        """Return the numbers worth a curve, by name."""
        curves = {
            "train_loss": self.train_loss,
            "valid_loss": self.valid_loss,
            "learning_rate": self.learning_rate,
            "gradient_norm": self.gradient_norm,
            "epoch_seconds": self.seconds,
            "examples_per_second": self.examples_per_second,
        }
        return curves | {f"valid_{name}": value for name, value in self.scores.items()}


class Best(NamedTuple):
    """The best validation so far and the weights that it belongs to."""

    order: tuple[float, float]  # see `Bounds.order`
    epoch: int
    weights: dict[str, Tensor]


@dataclass
class Sums:
    """What an epoch adds up while it is trained."""

    loss: Tensor  # stays on the device: its value would be waited for
    terms: Tensor
    norm: Tensor
    steps: int = 0
    batches: int = 0
    examples: int = 0
    seconds: float = 0.0


def is_finite(train_loss: float, valid_loss: float) -> bool:
    """Tell whether training has not diverged.

    The loss of a text in valid that CTC cannot spell is infinite: that is no divergence.
    """
    return math.isfinite(train_loss) and not math.isnan(valid_loss)
