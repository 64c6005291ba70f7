"""Honest baselines that no sequence model may lose to unnoticed; fitted on train, tuned on valid.

Each predicts in the form of a model, so that a task scores it as it scores a model.
scikit-learn is imported where it is used: every stage reads these names, one fits them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqarena.baselines.dtw import dtw_nearest
from seqarena.baselines.kneser_ney import kneser_ney_trigram, unigram
from seqarena.baselines.music import independent_keys, nlls, repeat_frame
from seqarena.baselines.nearest_image import nearest_image
from seqarena.baselines.neighbours import (
    left_neighbour_logistic,
    majority_step,
    neighbour_logistic,
)
from seqarena.data.store import Array, Prepared, Split
from seqarena.data.tokens import END, words
from seqarena.decode import Hypothesis
from seqarena.errors import InputError, unknown

CHUNK = 2048  # windows held at once by the linear forecast
PENALTIES = (1.0, 10.0, 100.0, 1000.0, 10000.0)
INVERSE_PENALTIES = (0.1, 1.0, 10.0)


@dataclass(frozen=True)
class Baseline:
    """A way to predict the test split, in the form of `Task.predictions`."""

    predict: Callable[[Prepared], Array | list[Any]]
    task: str
    modalities: frozenset[str]
    without: frozenset[str] = frozenset()  # the metrics of its task that it cannot give


def majority(prepared: Prepared) -> Array:
    """Always the most common class of train."""
    classes = len(prepared.spec.classes)
    common = np.bincount(prepared.split("train").targets, minlength=classes).argmax()
    return np.tile(np.eye(classes, dtype=np.float32)[common], (len(prepared.split("test")), 1))


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


def nearest_text(prepared: Prepared) -> list[Hypothesis]:
    """The target of the train text whose words and word pairs are nearest by TF-IDF."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.neighbors import NearestNeighbors

    train, test = prepared.split("train"), prepared.split("test")
    known, queries = ([example["text"] for example in s.examples()] for s in (train, test))
    vectorizer = TfidfVectorizer(
        tokenizer=words, token_pattern=None, ngram_range=(1, 2), sublinear_tf=True
    )
    neighbours = NearestNeighbors(n_neighbors=1).fit(vectorizer.fit_transform(known))
    places = neighbours.kneighbors(vectorizer.transform(queries), return_distance=False)[:, 0]
    return [Hypothesis(train.target(place)[:-1].tolist(), 0.0, 0.0, None) for place in places]


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


def baseline_for(name: str, task: str, modality: str, metric: str, where: str) -> Baseline:
    """Look a baseline up; raises `InputError` for an unknown one or one of another question.

    Also for one that cannot give the metric: training would be in vain before that is met.
    """
    if name not in BASELINES:
        raise unknown(where, "baseline", name, BASELINES)
    fitting = {k: b for k, b in BASELINES.items() if b.task == task and modality in b.modalities}
    if name not in fitting:
        known = ", ".join(fitting) or "none"
        raise InputError(
            f"{where}: baseline '{name}' does not take {task} of {modality}; known: {known}"
        )
    if metric in fitting[name].without:
        able = ", ".join(k for k, b in fitting.items() if metric not in b.without)
        fix = f"known: {able}" if able else "none does; expected another metric or no baselines"
        raise InputError(f"{where}: baseline '{name}' does not give {metric}; {fix}")
    return fitting[name]


def median(prepared: Prepared) -> Array:
    """Always the median of train's numbers."""
    targets = prepared.split("train").targets
    return np.tile(np.median(targets, axis=0), (len(prepared.split("test")), 1)).astype(np.float32)


TEXT, FRAMES, SERIES = frozenset({"text"}), frozenset({"audio", "video"}), frozenset({"series"})
SIGNAL, MUSIC = frozenset({"signal"}), frozenset({"music"})
IMAGE = frozenset({"image"})
# Some give only the nll of true tokens, no rival text; some only hypotheses, no probabilities.
NO_RIVAL, NO_ODDS = frozenset({"preference"}), frozenset({"perplexity"})
ALL = TEXT | FRAMES | SIGNAL | IMAGE
BASELINES: dict[str, Baseline] = {
    "majority": Baseline(majority, "classification", ALL),
    "majority_step": Baseline(majority_step, "labelling", ALL),
    "neighbour_logistic": Baseline(neighbour_logistic, "labelling", TEXT),
    "left_neighbour_logistic": Baseline(left_neighbour_logistic, "labelling", TEXT),
    "unigram": Baseline(unigram, "language_modelling", TEXT, NO_RIVAL),
    "kneser_ney_trigram": Baseline(kneser_ney_trigram, "language_modelling", TEXT, NO_RIVAL),
    "median": Baseline(median, "regression", ALL),
    "dtw_nearest": Baseline(dtw_nearest, "classification", FRAMES | SIGNAL),
    "independent_keys": Baseline(lambda p: nlls(p, independent_keys(p)), "music_modelling", MUSIC),
    "repeat_frame": Baseline(lambda p: nlls(p, repeat_frame(p)), "music_modelling", MUSIC),
    "tfidf_logistic": Baseline(tfidf_logistic, "classification", TEXT),
    "mean_frame_logistic": Baseline(mean_frame_logistic, "classification", FRAMES | SIGNAL),
    "persistence": Baseline(persistence, "forecasting", SERIES),
    "seasonal_naive_day": Baseline(seasonal_naive(24), "forecasting", SERIES),
    "seasonal_naive_week": Baseline(seasonal_naive(168), "forecasting", SERIES),
    "linear": Baseline(linear, "forecasting", SERIES),
    "nearest_text": Baseline(nearest_text, "transduction", TEXT, NO_ODDS),
    "common_tokens": Baseline(common_tokens, "transduction", ALL, NO_ODDS),
    "nearest_image": Baseline(nearest_image, "transduction", IMAGE, NO_ODDS),
}
