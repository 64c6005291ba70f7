"""What one prediction takes: each variant's first final, on this machine and on its own."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import torch

from seqarena.data.store import Array
from seqarena.predict import Predictor

EXAMPLES = 8  # of the test split, the same for every variant: sequences are of unequal length
ROUNDS = 25  # over the examples, at most
SECONDS = 1.0  # for a variant, after which no round begins


def milliseconds(
    predictors: Mapping[str, Predictor], sequences: Sequence[Array]
) -> dict[str, float]:
    """Measure what each predictor takes for one ``(T, *feature_shape)`` alone, on one thread.

    The median over rounds, averaged over sequences. Predictors take turns, round by round, so that
    whatever else the machine does slows all of them alike.
    """
    rounds: dict[str, list[list[float]]] = {name: [] for name in predictors}
    with _one_thread():
        for predictor in predictors.values():
            _round(predictor, sequences[:1])  # the first call of a kernel sets it up
        for _ in range(ROUNDS):
            for name, predictor in predictors.items():
                if sum(map(sum, rounds[name])) < SECONDS:
                    rounds[name].append(_round(predictor, sequences))
    return {
        name: 1000 * float(np.median(seconds, axis=0).mean()) for name, seconds in rounds.items()
    }


def _round(predictor: Predictor, sequences: Sequence[Array]) -> list[float]:
    """Return the seconds of each prediction."""
    seconds = []
    for sequence in sequences:
        began = time.perf_counter()
        predictor.predict([sequence])
        seconds.append(time.perf_counter() - began)
    return seconds


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
