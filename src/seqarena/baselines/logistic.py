"""Logistic regression over features of a whole sequence; fitted on train, tuned on valid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from seqarena.data.store import Array, Prepared, Split

INVERSE_PENALTIES = (0.1, 1.0, 10.0)


def tfidf_logistic(prepared: Prepared) -> Array:
    """TF-IDF of words and word pairs, then logistic regression (penalty chosen on valid)."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    def text(split: Split) -> list[str]:
        return [example["text"] for example in split.examples()]

    return _logistic(
        prepared, text, lambda: TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
    )


def mean_frame_logistic(prepared: Prepared) -> Array:
    """Mean and deviation of each feature over time, then logistic regression: blind to order."""
    from sklearn.preprocessing import StandardScaler

    def moments(split: Split) -> Array:
        rows = []
        for index in range(len(split)):
            steps = split.sequence(index).reshape(int(split.lengths[index]), -1)
            rows.append(np.concatenate([steps.mean(0), steps.std(0)]))
        return np.array(rows, dtype=np.float32)

    return _logistic(prepared, moments, StandardScaler)


def _logistic(
    prepared: Prepared, features: Callable[[Split], Any], scaling: Callable[[], Any]
) -> Array:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    train, valid = prepared.split("train"), prepared.split("valid")
    seen, held_out = features(train), features(valid)
    best: tuple[float, Any] | None = None
    for c in INVERSE_PENALTIES:
        model = make_pipeline(scaling(), LogisticRegression(C=c, max_iter=500))
        score = float(model.fit(seen, np.asarray(train.targets)).score(held_out, valid.targets))
        if best is None or score > best[0]:
            best = score, model
    assert best is not None
    probabilities = np.zeros((len(prepared.split("test")), len(prepared.spec.classes)), np.float32)
    probabilities[:, best[1].classes_] = best[1].predict_proba(features(prepared.split("test")))
    return probabilities
