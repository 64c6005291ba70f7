"""The expected best score of n trials: would more tuning help?"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np

from seqarena.data.store import Array
from seqarena.runs import DESIGNED, StudyResult
from seqarena.tasks.metric import Bounds

LONGEST = 64  # n up to which a curve is drawn
CONFIDENCE = 0.95


def designed_scores(studies: Sequence[StudyResult], bounds: Bounds) -> list[float]:
    """Return the scores of the trials that were set before any was run, of all repetitions.

    Later trials are chosen by what the first ones came to, and are no sample of the space. A failed
    trial counts as the worst of the others.
    """
    trials = [trial for study in studies for trial in study.tried[:DESIGNED]]
    scores = [trial.score for trial in trials if trial.score is not None]
    if not scores:
        return []
    worst = min(scores, key=lambda score: bounds.sign * score)
    return [worst if trial.score is None else trial.score for trial in trials]


def expected_best(scores: Sequence[float], bounds: Bounds) -> tuple[Array, Array, Array]:
    """Return for n = 1, 2, … the expected best of n scores, and its band: low and high ``(n,)``.

    The expectation over draws without replacement from all scores, which is unbiased (Tang et al.
    2020). The band holds for all n at once: the expectations of the distributions on the border of
    the Kolmogorov-Smirnov band (Lourie et al. 2024). That one is exact for scores drawn
    independently, so that the curve lies in its own at least as often. Where a metric has no worst
    value, the worst score that was seen stands for it.
    """
    from opda.nonparametric import EmpiricalDistribution  # scipy.stats: half a second

    values = bounds.sign * np.array(scores)
    worst, best = bounds.sign * bounds.worst, bounds.sign * bounds.best
    low, high = float(values.min()), float(values.max())
    ends = (low if math.isinf(worst) else min(worst, low)), max(best, high)
    counts = np.arange(1, min(len(values), LONGEST) + 1)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Duplicates detected", category=RuntimeWarning)
        lower, point, upper = EmpiricalDistribution.confidence_bands(
            values, CONFIDENCE, *ends, method="ks"
        )
    expected = bounds.sign * point.u_tuning_curve(counts)
    borders = [bounds.sign * each.average_tuning_curve(counts) for each in (lower, upper)]
    return expected, np.minimum(*borders), np.maximum(*borders)
