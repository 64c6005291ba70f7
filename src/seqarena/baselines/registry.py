"""Honest baselines that no sequence model may lose to unnoticed; fitted on train, tuned on valid.

Each predicts in the form of a model, so that a task scores it as it scores a model.
scikit-learn and statsmodels are imported where they are used: every stage reads these names, one
fits them.
"""

from __future__ import annotations

from dataclasses import dataclass

from seqarena.baselines.constant import common_labels, common_tokens, majority, median
from seqarena.baselines.dtw import dtw_nearest
from seqarena.baselines.forecasts import (
    linear,
    of_test,
    persistence,
    seasonal_naive,
    seasonal_naive_of,
    with_quantiles,
)
from seqarena.baselines.judging import Predict, untuned
from seqarena.baselines.kneser_ney import kneser_ney_trigram, unigram
from seqarena.baselines.logistic import mean_frame_logistic, tfidf_logistic
from seqarena.baselines.music import independent_keys, nlls, repeat_frame
from seqarena.baselines.nearest_image import nearest_image
from seqarena.baselines.nearest_text import nearest_text
from seqarena.baselines.neighbours import (
    left_neighbour_logistic,
    majority_step,
    neighbour_logistic,
)
from seqarena.baselines.smoothing import ets, ets_quantiles
from seqarena.errors import InputError, unknown
from seqarena.registry import Registry


@dataclass(frozen=True)
class Baseline:
    """A way to predict the test split, in the form of `Task.predictions`."""

    predict: Predict
    task: str
    modalities: frozenset[str]
    without: frozenset[str] = frozenset()  # the metrics of its task that it cannot give
    constant: bool = False  # the same for every sequence: what is no better has learned nothing


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


TEXT, FRAMES, SERIES = frozenset({"text"}), frozenset({"audio", "video"}), frozenset({"series"})
SIGNAL, MUSIC = frozenset({"signal"}), frozenset({"music"})
IMAGE = frozenset({"image"})
# Some give only the nll of true tokens, no rival text; some only hypotheses, no probabilities.
NO_RIVAL, NO_ODDS = frozenset({"preference"}), frozenset({"perplexity"})
DAY, WEEK = seasonal_naive_of(24), seasonal_naive_of(168)
ALL = TEXT | FRAMES | SIGNAL | IMAGE
ENTRIES: dict[str, Baseline] = {
    "majority": Baseline(untuned(majority), "classification", ALL, constant=True),
    "majority_step": Baseline(untuned(majority_step), "labelling", ALL, constant=True),
    "neighbour_logistic": Baseline(neighbour_logistic, "labelling", TEXT),
    "left_neighbour_logistic": Baseline(left_neighbour_logistic, "labelling", TEXT),
    "unigram": Baseline(untuned(unigram), "language_modelling", TEXT, NO_RIVAL, constant=True),
    "kneser_ney_trigram": Baseline(
        untuned(kneser_ney_trigram), "language_modelling", TEXT, NO_RIVAL
    ),
    "median": Baseline(untuned(median), "regression", ALL, constant=True),
    "dtw_nearest": Baseline(untuned(dtw_nearest), "classification", FRAMES | SIGNAL),
    "independent_keys": Baseline(
        untuned(lambda p: nlls(p, independent_keys(p))), "music_modelling", MUSIC, constant=True
    ),
    "repeat_frame": Baseline(untuned(lambda p: nlls(p, repeat_frame(p))), "music_modelling", MUSIC),
    "tfidf_logistic": Baseline(tfidf_logistic, "classification", TEXT),
    "mean_frame_logistic": Baseline(mean_frame_logistic, "classification", FRAMES | SIGNAL),
    "common_labels": Baseline(
        untuned(common_labels), "multi_label_classification", ALL, constant=True
    ),
    "tfidf_logistic_by_label": Baseline(tfidf_logistic, "multi_label_classification", TEXT),
    "mean_frame_logistic_by_label": Baseline(
        mean_frame_logistic, "multi_label_classification", FRAMES | SIGNAL
    ),
    "persistence": Baseline(untuned(of_test(persistence)), "forecasting", SERIES),
    "seasonal_naive": Baseline(untuned(of_test(seasonal_naive)), "forecasting", SERIES),
    "seasonal_naive_day": Baseline(untuned(of_test(DAY)), "forecasting", SERIES),
    "seasonal_naive_week": Baseline(untuned(of_test(WEEK)), "forecasting", SERIES),
    "persistence_quantiles": Baseline(with_quantiles(persistence), "quantile_forecasting", SERIES),
    "seasonal_naive_quantiles": Baseline(
        with_quantiles(seasonal_naive), "quantile_forecasting", SERIES
    ),
    "linear": Baseline(linear, "forecasting", SERIES),
    "ets": Baseline(ets, "forecasting", SERIES),
    "ets_quantiles": Baseline(ets_quantiles, "quantile_forecasting", SERIES),
    "nearest_text": Baseline(untuned(nearest_text), "transduction", TEXT, NO_ODDS),
    "common_tokens": Baseline(untuned(common_tokens), "transduction", ALL, NO_ODDS, constant=True),
    "nearest_image": Baseline(untuned(nearest_image), "transduction", IMAGE, NO_ODDS),
}
BASELINES = Registry(ENTRIES, lambda found: found if isinstance(found, Baseline) else None)
