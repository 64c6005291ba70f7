"""What is tested is what is printed: a metric on the whole split, and the share of each group."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from seqarena.evaluation.compare import compare
from seqarena.evaluation.estimand import influence
from seqarena.evaluation.estimates import Estimates
from seqarena.tasks import TASKS
from seqarena.tasks.metric import Metric
from support import class_rows

METRICS = TASKS["classification"].metrics


def rows_of(metric: Metric[Any], logits: np.ndarray, truth: np.ndarray) -> Tensor:
    return class_rows(metric, torch.from_numpy(logits), torch.from_numpy(truth))


def noisy_logits(random: np.random.Generator, truth: np.ndarray, skill: float) -> np.ndarray:
    noise: np.ndarray = random.normal(size=(len(truth), 3))
    return noise + skill * np.eye(3)[truth]


@pytest.mark.parametrize("name", METRICS)
def test_units_average_to_what_is_printed(name: str) -> None:
    random = np.random.default_rng(0)
    truth, groups = random.integers(3, size=200), random.integers(30, size=200)
    rows = rows_of(METRICS[name], noisy_logits(random, truth, 1.0), truth)
    value, units = influence(METRICS[name], rows, groups)
    assert value == METRICS[name].of(rows)
    assert units.shape == (groups.max() + 1,)
    assert units.mean() == pytest.approx(value)


def test_groups_of_unequal_size_are_a_ratio_of_sums() -> None:
    random = np.random.default_rng(1)
    truth, groups = random.integers(3, size=300), random.integers(12, size=300) ** 2 // 12
    groups = np.unique(groups, return_inverse=True)[1]
    logits = noisy_logits(random, truth, 1.0)
    right = (logits.argmax(1) == truth).astype(float)
    _, units = influence(METRICS["accuracy"], rows_of(METRICS["accuracy"], logits, truth), groups)
    sizes, sums = np.bincount(groups), np.bincount(groups, weights=right)
    linear = right.mean() + (sums - sizes * right.mean()) * len(sizes) / len(right)
    np.testing.assert_allclose(units, linear)


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if metric.chooses])
def test_the_spread_of_units_is_that_of_other_test_splits(name: str) -> None:
    """Their standard error against the deviation of the metric over splits drawn anew."""
    random, metric = np.random.default_rng(2), METRICS[name]
    values, errors = [], []
    for _ in range(300):
        truth = random.choice(3, size=150, p=[0.6, 0.3, 0.1])
        rows = rows_of(metric, noisy_logits(random, truth, 1.0), truth)
        value, units = influence(metric, rows, np.arange(150))
        values.append(value)
        errors.append(units.std(ddof=1) / 150**0.5)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.12)


def test_macro_f1_is_not_tested_as_accuracy() -> None:
    """One right of the common class and wrong of the rare ones, the other a little of each."""
    random = np.random.default_rng(3)
    truth = random.choice(3, size=600, p=[0.8, 0.1, 0.1])
    common = np.zeros((600, 3))
    common[:, 0] = 1.0
    fair = noisy_logits(random, truth, 1.5)
    units, metric = {}, METRICS["macro_f1"]
    for variant, logits in (("common", common), ("fair", fair)):
        noisy = [logits + 1e-3 * random.normal(size=logits.shape) for _ in range(3)]
        found = [influence(metric, rows_of(metric, each, truth), np.arange(600)) for each in noisy]
        units[variant] = np.stack([own for _, own in found])
    accuracy = {name: (x.argmax(1) == truth).mean() for name, x in (("c", common), ("f", fair))}
    assert accuracy["c"] > accuracy["f"]
    found_best = compare(Estimates.of(units, {}, (0.0, 1.0)), list(units), None)
    assert found_best.best == "fair"
    difference = found_best.pairs["common"].difference
    assert difference == pytest.approx(units["common"].mean() - units["fair"].mean())
    assert difference < 0 and found_best.pairs["common"].word == "worse"


def test_a_rare_class_in_one_group_leaves_the_metric_uncertain_not_wrong() -> None:
    """Three examples of a class: the interval of macro F1 is more than twice that of accuracy."""
    random = np.random.default_rng(4)
    truth = np.repeat([0, 1, 2], [200, 197, 3])
    logits = noisy_logits(random, truth, 2.0)
    widths = {}
    for name in ("accuracy", "macro_f1"):
        metric = METRICS[name]
        units = np.stack([influence(metric, rows_of(metric, logits, truth), np.arange(400))[1]] * 2)
        low, high = Estimates.of({"a": units}, {}, (0.0, 1.0)).interval("a")
        widths[name] = high - low
    assert widths["macro_f1"] > 2 * widths["accuracy"]


def test_nothing_moves_a_perfect_forecast() -> None:
    """RMSE is a root, which has no slope at 0."""
    metric = TASKS["forecasting"].metrics["rmse"]
    rows = torch.tensor([[0.0, 24.0], [0.0, 24.0], [0.0, 24.0]], dtype=torch.float64)
    value, units = influence(metric, rows, np.array([0, 1, 1]))
    assert value == 0 and units.tolist() == [0, 0]


def test_what_is_not_finite_has_no_units() -> None:
    metric = TASKS["language_modelling"].metrics["perplexity"]
    rows = torch.tensor([[1.0, 2.0], [float("inf"), 3.0]], dtype=torch.float64)
    value, units = influence(metric, rows, np.arange(2))
    assert value == float("inf") and not np.isfinite(units).any()
