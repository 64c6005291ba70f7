"""Made-up results of an experiment, compared by the real statistics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from seqarena.evaluation.cheapest import sentence
from seqarena.evaluation.compare import compare
from seqarena.evaluation.ending import ending
from seqarena.evaluation.estimates import Estimates
from seqarena.evaluation.tuning_record import ExpectedBest, Importance, Spent, Tuning
from seqarena.evaluation.verdict import verdict
from seqarena.plots.formats import Format
from seqarena.records import BaselineSummary, Comparison, Summary, VariantSummary, best_of
from seqarena.report.learned import Curve

SPENT = {"trials": 8, "finished": 6, "pruned": 1, "failed": 1, "epochs": 30, "steps": 400}
TUNING = Tuning(
    metric="accuracy",
    trials=2,
    spent=tuple(
        Spent(variant=name, **SPENT, search_seconds=120, final_seconds=60)
        for name in ("gru", "<b>")
    ),
    expected=(ExpectedBest(variant="gru", expected=(0.5, 0.6), low=(0.4, 0.5), high=(0.7, 0.9)),),
    importances=(Importance(variant="gru", hyperparameter="learning_rate", share=0.75),),
    places=(),
)
CURVES = [
    Curve("gru", 1, [1, 2], [0.5, 0.75]),
    Curve("gru", 2, [1, 2], [0.25, 0.5]),
    Curve("<b>", 1, [1], [0.125]),
]


def compete(
    means: dict[str, float],
    baselines: dict[str, float],
    metric: str = "accuracy",
    greater_is_better: bool = True,
    spread: float = 0.05,
    unit: str = "",
    margin: float | None = None,
) -> tuple[Summary, Comparison]:
    """Return an experiment's summary and comparison; scores scatter around the given means."""
    random = np.random.default_rng(0)
    scores = {
        name: mean + spread * random.standard_normal((3, 100)) for name, mean in means.items()
    }
    references = {
        name: mean + spread * random.standard_normal(100) for name, mean in baselines.items()
    }
    bounds = (-np.inf, np.inf) if greater_is_better else (np.inf, -np.inf)
    estimates = Estimates.of(scores, references, bounds)
    found = compare(estimates, list(scores), margin)
    variants = {
        name: VariantSummary(
            values=tuple(values.mean(axis=1).tolist()),
            mean=float(values.mean()),
            ci95=estimates.interval(name),
            parameters=1234 * size,
            train_seconds=9.5 * size,
            milliseconds=0.5 * size,
            test_examples=100,
        )
        for size, (name, values) in enumerate(scores.items(), start=1)
    }
    known = {
        name: BaselineSummary(
            value=float(values.mean()), ci95=estimates.interval(name), seconds=1.5
        )
        for name, values in references.items()
    }
    reached = {name: baseline.value for name, baseline in known.items()}
    strongest = best_of(reached, greater_is_better) if reached else None
    summary = Summary(
        metric=metric,
        greater_is_better=greater_is_better,
        baselines=known,
        variants=variants,
        verdict=verdict(metric, greater_is_better, variants, found, reached, unit, margin=margin),
        ending=ending(found, strongest),
        cost=sentence(variants, found, strongest, Format(means.values(), unit)),
    )
    return summary, found


@pytest.fixture
def contest() -> Any:
    """The function that makes a summary and its comparison."""
    return compete
