"""Baselines of what a series does next; fitted on train, tuned on valid."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from seqarena.data.store import Array, Prepared, Split
from seqarena.errors import InputError

CHUNK = 2048  # windows held at once by the linear forecast
PENALTIES = (1.0, 10.0, 100.0, 1000.0, 10000.0)


def persistence(prepared: Prepared) -> Array:
    """The last value, all along the horizon."""
    test = prepared.split("test")
    last = test.inputs[test.starts + test.lengths - 1, 0]
    return np.repeat(last[:, None], prepared.spec.horizon, axis=1)


def seasonal_naive(hours: int) -> Callable[[Prepared], Array]:
    """The value one season before (Hyndman & Athanasopoulos 2021, section 5.2)."""

    def predict(prepared: Prepared) -> Array:
        test, spec = prepared.split("test"), prepared.spec
        if spec.step != "hour":
            raise InputError(f"baselines: a season of {hours} h needs hours, not {spec.step}s")
        season = round(hours / spec.step_size)
        if season > test.lengths.min():
            raise InputError(f"baselines: a season of {season} steps is longer than the lookback")
        ahead = np.arange(spec.horizon) % season
        return np.asarray(test.inputs[(test.starts + test.lengths)[:, None] - season + ahead, 0])

    return predict


def linear(prepared: Prepared) -> Array:
    """Ridge regression from the whole window to the whole horizon (penalty chosen on valid)."""
    train, valid, test = (prepared.split(name) for name in ("train", "valid", "test"))
    features = int(train.lengths[0]) * int(np.prod(prepared.spec.feature_shape)) + 1
    products, aims = np.zeros((features, features)), np.zeros((features, prepared.spec.horizon))
    for windows, targets in _windows(train):
        products += windows.T @ windows
        aims += windows.T @ targets
    best: tuple[float, Array] | None = None
    for penalty in PENALTIES:
        weights = np.linalg.solve(products + penalty * np.eye(features), aims)
        error = float(np.mean([np.abs(x @ weights - y).mean() for x, y in _windows(valid)]))
        if best is None or error < best[0]:
            best = error, weights
    assert best is not None
    return np.concatenate([x @ best[1] for x, _ in _windows(test)]).astype(np.float32)


def _windows(split: Split) -> Iterable[tuple[Array, Array]]:
    """Yield flat windows with a constant, ``(n, T * D + 1)``, and their targets, in chunks."""
    length = int(split.lengths[0])
    for start in range(0, len(split), CHUNK):
        places = split.starts[start : start + CHUNK, None] + np.arange(length)
        flat = split.inputs[places].reshape(len(places), -1)
        constant = np.ones((len(flat), 1), flat.dtype)
        yield np.hstack([flat, constant]), split.targets[start : start + CHUNK]
