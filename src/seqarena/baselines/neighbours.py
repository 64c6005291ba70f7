"""Baselines that label a step by those beside it; fitted on train, tuned on valid.

Each predicts ``(T, classes)`` probabilities for every step of a test sequence, labelled or not.
The target of a step is the index of its class and 1 more; 0 is unlabelled.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from seqarena.baselines.judging import Judge
from seqarena.baselines.logistic import INVERSE_PENALTIES
from seqarena.data.store import Array, Prepared, Split
from seqarena.data.tokens import PAD

REACH = 2  # tokens to one side


def majority_step(prepared: Prepared) -> list[Array]:
    """Always the most common label of train."""
    labels = _labels(prepared.split("train"))
    common = np.bincount(labels[labels > 0] - 1).argmax()
    probabilities = np.eye(len(prepared.spec.classes), dtype=np.float32)[common]
    return [np.tile(probabilities, (length, 1)) for length in prepared.split("test").lengths]


def neighbour_logistic(prepared: Prepared, judge: Judge) -> list[Array]:
    """Logistic regression over a token and the two on either side, one-hot by position."""
    return _logistic(prepared, judge, ahead=REACH)


def left_neighbour_logistic(prepared: Prepared, judge: Judge) -> list[Array]:
    """Logistic regression over a token and the two before it, one-hot by position."""
    return _logistic(prepared, judge, ahead=0)


def _logistic(prepared: Prepared, judge: Judge, ahead: int) -> list[Array]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    train, valid, test = (prepared.split(name) for name in ("train", "valid", "test"))
    models = [
        make_pipeline(
            OneHotEncoder(handle_unknown="ignore"), LogisticRegression(C=c, max_iter=500)
        ).fit(*_labelled(train, ahead))
        for c in INVERSE_PENALTIES
    ]

    def predict(model: Any, split: Split) -> list[Array]:
        probabilities = np.zeros((int(split.lengths.sum()), len(prepared.spec.classes)), np.float32)
        probabilities[:, model.classes_ - 1] = model.predict_proba(_neighbours(split, ahead))
        return np.split(probabilities, np.cumsum(split.lengths)[:-1])

    best = max(models, key=lambda model: judge(predict(model, valid)))
    return predict(best, test)


def _labelled(split: Split, ahead: int) -> tuple[Array, Array]:
    """Return the neighbours ``(N, D)`` and labels ``(N,)`` of the labelled steps."""
    labels = _labels(split)
    return _neighbours(split, ahead)[labels > 0], labels[labels > 0]


def _neighbours(split: Split, ahead: int) -> Array:
    """Return each token between those beside it, ``(all steps, REACH + 1 + ahead)``.

    Beyond the ends stands `PAD`.
    """
    padded = (
        np.pad(split.sequence(index), (REACH, ahead), constant_values=PAD)
        for index in range(len(split))
    )
    return np.concatenate([sliding_window_view(tokens, REACH + 1 + ahead) for tokens in padded])


def _labels(split: Split) -> Array:
    return np.concatenate([split.target(index) for index in range(len(split))])
