"""How a baseline chooses what it may choose: by the experiment's metric on valid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from seqarena.data.store import Array, Prepared

Predictions = Array | Sequence[Any]  # of a split, in the form of `Task.predictions`
Judge = Callable[[Predictions], float]  # of predictions for valid: greater is better
Predict = Callable[[Prepared, Judge], Predictions]  # for test


def untuned(predict: Callable[[Prepared], Predictions]) -> Predict:
    """Make a baseline of what asks no judge."""
    return lambda prepared, judge: predict(prepared)
