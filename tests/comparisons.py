"""Made-up results of an experiment, compared by the real statistics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from seqarena.evaluation.statistics import compare, mean_interval
from seqarena.evaluation.verdict import verdict
from seqarena.records import Comparison, Summary, VariantSummary


def compete(
    means: dict[str, float],
    baselines: dict[str, float],
    metric: str = "accuracy",
    greater_is_better: bool = True,
    spread: float = 0.05,
    unit: str = "",
    tested: bool = True,
) -> tuple[Summary, Comparison]:
    """Return an experiment's summary and comparison; scores scatter around the given means."""
    random = np.random.default_rng(0)
    scores = {
        name: mean + spread * random.standard_normal((3, 100)) for name, mean in means.items()
    }
    references = {
        name: mean + spread * random.standard_normal(100) for name, mean in baselines.items()
    }
    found = compare(scores, greater_is_better, 0, references if tested else None)
    variants = {}
    for size, (name, values) in enumerate(scores.items(), start=1):
        mean, interval = mean_interval(values.mean(axis=1).tolist())
        variants[name] = VariantSummary(
            values=tuple(values.mean(axis=1).tolist()),
            mean=mean,
            ci95=interval,
            parameters=1234 * size,
            train_seconds=9.5 * size,
            test_examples=100,
        )
    known = {name: float(values.mean()) for name, values in references.items()}
    summary = Summary(
        metric=metric,
        greater_is_better=greater_is_better,
        baselines=known,
        variants=variants,
        verdict=verdict(metric, greater_is_better, variants, found, known, unit),
    )
    return summary, found


@pytest.fixture
def contest() -> Any:
    """The function that makes a summary and its comparison."""
    return compete
