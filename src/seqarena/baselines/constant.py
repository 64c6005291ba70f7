"""Baselines that say the same of every sequence, whatever it holds; counted on train alone."""

from __future__ import annotations

import numpy as np

from seqarena.baselines.logistic import log_odds
from seqarena.data.store import Array, Prepared
from seqarena.data.targets import class_counts
from seqarena.data.tokens import END
from seqarena.decode import Hypothesis


def majority(prepared: Prepared) -> Array:
    """Always the most common class of train, as probable as it is there."""
    classes = len(prepared.spec.classes)
    counts = class_counts(prepared.split("train"), classes)
    shares = np.maximum(counts / counts.sum(), np.finfo(np.float32).tiny)
    return np.tile(np.log(shares, dtype=np.float32), (len(prepared.split("test")), 1))


def common_labels(prepared: Prepared) -> Array:
    """Each label as probable as it is in train, whatever was read."""
    train, classes = prepared.split("train"), len(prepared.spec.classes)
    odds = log_odds(class_counts(train, classes) / len(train))
    return np.tile(odds, (len(prepared.split("test")), 1))


def median(prepared: Prepared) -> Array:
    """Always the median of train's numbers."""
    targets = prepared.split("train").targets
    return np.tile(np.median(targets, axis=0), (len(prepared.split("test")), 1)).astype(np.float32)


def common_tokens(prepared: Prepared) -> list[Hypothesis]:
    """At every place the token that is most common there in train, whatever was read."""
    train = prepared.split("train")
    targets = [train.target(index) for index in range(len(train))]
    tokens: list[int] = []
    while True:
        place = [int(target[len(tokens)]) for target in targets if len(target) > len(tokens)]
        token = int(np.bincount(place).argmax())
        if token == END:
            return [Hypothesis(tokens, 0.0, 0.0, None)] * len(prepared.split("test"))
        tokens.append(token)
