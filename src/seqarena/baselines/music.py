"""Baselines that no model of music may lose to unnoticed; counted on train alone."""

from __future__ import annotations

import numpy as np

from seqarena.data.store import Array, Prepared

SEEN = 1.0  # more times on, and off, than train has it: no key is impossible or certain


def independent_keys(prepared: Prepared) -> list[Array]:
    """Each key as often as it sounds in train: for every test piece logits float32 ``(T, 88)``."""
    frames = prepared.split("train").targets
    logits = _log_odds(np.asarray(frames.sum(axis=0, dtype=np.int64)), len(frames))
    test = prepared.split("test")
    return [np.tile(logits, (len(test.target(index)), 1)) for index in range(len(test))]


def repeat_frame(prepared: Prepared) -> list[Array]:
    """The frame before again: logits float32 ``(T, 88)`` of each key to go on, or to come on."""
    train, test = prepared.split("train"), prepared.split("test")
    before, after = np.asarray(train.inputs) > 0, np.asarray(train.targets) > 0
    stays = _log_odds((before & after).sum(axis=0), before.sum(axis=0))
    comes = _log_odds((~before & after).sum(axis=0), (~before).sum(axis=0))
    pieces = (test.sequence(index) for index in range(len(test)))
    return [np.where(piece > 0, stays, comes) for piece in pieces]


def nlls(prepared: Prepared, logits: list[Array]) -> list[Array]:
    """Turn logits ``(T, 88)`` of the test pieces into ``-log P`` of their true frames, ``(T,)``."""
    test = prepared.split("test")
    sounds = (test.target(index) for index in range(len(test)))
    pairs = zip(logits, sounds, strict=True)
    return [(np.logaddexp(0, odds) - keys * odds).sum(axis=1) for odds, keys in pairs]


def _log_odds(times: Array, of: Array | int) -> Array:
    return np.log((times + SEEN) / (of - times + SEEN)).astype(np.float32)
