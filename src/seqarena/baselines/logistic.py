"""Logistic regression over features of a whole sequence; fitted on train, tuned on valid.

What is predicted are logarithms of probabilities, ``(N, classes)``: the logits of a model.
Of sets of labels each has a regression of its own, and what is predicted are the log odds of each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from seqarena.baselines.judging import Judge
from seqarena.baselines.terms import texts_of, weights_of_terms
from seqarena.data.store import Array, Prepared, Split

OFTEN = 2  # texts of train that a term is in; of one alone it says nothing of others
INVERSE_PENALTIES = (0.1, 1.0, 10.0)


def tfidf_logistic(prepared: Prepared, judge: Judge) -> Array:
    """TF-IDF of words and word pairs, or of runs of letters; penalty chosen on valid."""
    return _logistic(
        prepared, judge, texts_of, lambda: weights_of_terms(prepared.spec, min_df=OFTEN)
    )


def mean_frame_logistic(prepared: Prepared, judge: Judge) -> Array:
    """Mean and deviation of each feature over time, then logistic regression: blind to order."""
    from sklearn.preprocessing import StandardScaler

    def moments(split: Split) -> Array:
        rows = []
        for index in range(len(split)):
            steps = split.sequence(index).reshape(int(split.lengths[index]), -1)
            rows.append(np.concatenate([steps.mean(0), steps.std(0)]))
        return np.array(rows, dtype=np.float32)

    return _logistic(prepared, judge, moments, StandardScaler)


def _logistic(
    prepared: Prepared,
    judge: Judge,
    features: Callable[[Split], Any],
    scaling: Callable[[], Any],
) -> Array:
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline

    train, valid, test = (prepared.split(name) for name in ("train", "valid", "test"))
    seen, held_out, classes = features(train), features(valid), len(prepared.spec.classes)
    targets = np.asarray(train.targets)
    logits, several = (_odds, True) if targets.ndim == 2 else (_logits, False)

    def classifier(penalty: float) -> Any:
        model = LogisticRegression(C=penalty, max_iter=500)
        return OneVsRestClassifier(model) if several else model

    models = [make_pipeline(scaling(), classifier(c)).fit(seen, targets) for c in INVERSE_PENALTIES]
    best = max(models, key=lambda model: judge(logits(model, held_out, classes)))
    return logits(best, features(test), classes)


def _odds(model: Any, features: Any, classes: int) -> Array:
    """Return the log odds of each class against its absence."""
    return log_odds(model.predict_proba(features))


def log_odds(chances: Array) -> Array:
    """Return the logarithms of odds; what all rows of train have, or none, is all but certain."""
    smallest = np.finfo(np.float32).eps
    chances = np.clip(chances, smallest, 1 - smallest)
    return np.asarray(np.log(chances / (1 - chances)), np.float32)


def _logits(model: Any, features: Any, classes: int) -> Array:
    """Return the log-probability of each class, of one that train lacks the least number."""
    found = model.predict_log_proba(features)
    logits = np.full((len(found), classes), np.finfo(np.float32).min, np.float32)
    logits[:, model.classes_] = found
    return logits
