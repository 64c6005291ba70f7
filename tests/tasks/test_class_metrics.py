"""Metrics of classes are those of scikit-learn, whatever the batches."""

from __future__ import annotations

import warnings
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    log_loss,
    recall_score,
    roc_auc_score,
)
from torch import Tensor

from seqarena.data.batches import Batch
from seqarena.models.outputs import Logits
from seqarena.tasks import TASKS
from seqarena.tasks.class_metrics import UNLABELLED
from support import class_rows

METRICS = TASKS["classification"].metrics
COUNT = 60
AREAS = {"auroc": roc_auc_score, "auprc": average_precision_score}


def classified(classes: int, present: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Logits ``(N, K)``, some of them equal, and true classes ``(N,)``: the first `present`."""
    random = np.random.default_rng(seed)
    truth = np.append(np.arange(present), random.integers(present, size=COUNT - present))
    logits = random.normal(size=(COUNT, classes)) + 0.8 * np.eye(classes)[truth]
    return torch.from_numpy(logits.round(1)), torch.from_numpy(truth)


def odds(logits: Tensor) -> Any:
    """What ranks sequences by each class, ``(N, K)``: equal where logits differ by as much."""
    if logits.shape[1] == 2:
        return (logits - logits.flip(1)).numpy()
    return torch.log_softmax(logits, 1).numpy()


def mean_area(name: str, logits: Tensor, truth: Tensor, weights: Any = None) -> float:
    """scikit-learn's area of the second of two classes, of more the mean of those that occur."""
    judge, chances = AREAS[name], odds(logits)
    classes = [1] if logits.shape[1] == 2 else np.unique(truth)
    areas = [judge(truth == c, chances[:, c], sample_weight=weights) for c in classes]
    return float(np.mean(areas))


def rows_of(name: str, logits: Tensor, truth: Tensor, task: str = "classification") -> Tensor:
    """The rows of a metric, from ragged batches."""
    metric = TASKS[task].metrics[name]
    ends = [*(end for end in (0, 1, 8, 31) if end < len(truth)), len(truth)]
    parts = [class_rows(metric, logits[i:j], truth[i:j]) for i, j in pairwise(ends)]
    return torch.cat(parts)


@pytest.mark.parametrize(("classes", "present"), [(2, 2), (5, 5), (5, 3), (10_000, 20)])
def test_accuracy_and_macro_f1(classes: int, present: int) -> None:
    logits, truth = classified(classes, present)
    said = logits.argmax(1)
    accuracy = METRICS["accuracy"].of(rows_of("accuracy", logits, truth))
    assert accuracy == pytest.approx(accuracy_score(truth, said))
    f1 = METRICS["macro_f1"].of(rows_of("macro_f1", logits, truth))
    assert f1 == pytest.approx(f1_score(truth, said, average="macro"))


@pytest.mark.parametrize(("classes", "present"), [(2, 2), (5, 5), (5, 3)])
def test_balanced_accuracy(classes: int, present: int) -> None:
    logits, truth = classified(classes, present)
    found = METRICS["balanced_accuracy"].of(rows_of("balanced_accuracy", logits, truth))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a class that is predicted and never true
        assert found == pytest.approx(balanced_accuracy_score(truth, logits.argmax(1)))


@pytest.mark.parametrize(("classes", "present"), [(2, 2), (5, 5), (5, 3)])
def test_auprc(classes: int, present: int) -> None:
    logits, truth = classified(classes, present)
    found = METRICS["auprc"].of(rows_of("auprc", logits, truth))
    assert found == pytest.approx(mean_area("auprc", logits, truth))


@pytest.mark.parametrize(("classes", "present"), [(2, 2), (5, 3)])
def test_log_loss(classes: int, present: int) -> None:
    logits, truth = classified(classes, present)
    chances = torch.softmax(logits, 1).numpy()
    found = METRICS["log_loss"].of(rows_of("log_loss", logits, truth))
    assert found == pytest.approx(log_loss(truth, chances, labels=range(classes)))


def test_calibration_error_by_hand() -> None:
    """Two bins: 0.6 is right in one of two cases, 0.9 in both."""
    chances = torch.tensor([[0.6, 0.4], [0.6, 0.4], [0.1, 0.9], [0.1, 0.9]], dtype=torch.float64)
    rows = rows_of("calibration_error", chances.log(), torch.tensor([0, 1, 1, 1]))
    assert METRICS["calibration_error"].of(rows) == pytest.approx((2 * 0.1 + 2 * 0.1) / 4)


def test_odds_that_come_true_as_often_as_they_say_have_no_calibration_error() -> None:
    random = np.random.default_rng(0)
    chances = random.uniform(0.5, 1, size=40_000)
    truth = torch.from_numpy((random.random(len(chances)) > chances).astype(np.int64))
    logits = torch.from_numpy(np.stack([np.log(chances), np.log1p(-chances)], 1))
    metric = METRICS["calibration_error"]
    honest = metric.of(class_rows(metric, logits, truth))
    boasting = metric.of(class_rows(metric, 3 * logits, truth))
    assert honest < 0.01 < 0.1 < boasting


@pytest.mark.parametrize(("classes", "present"), [(2, 2), (5, 5), (5, 3), (3, 2)])
def test_auroc(classes: int, present: int) -> None:
    logits, truth = classified(classes, present)
    auroc = METRICS["auroc"].of(rows_of("auroc", logits, truth))
    assert auroc == pytest.approx(mean_area("auroc", logits, truth))
    if classes == present > 2:
        exact = torch.softmax(logits, 1).numpy()
        assert auroc == pytest.approx(roc_auc_score(truth, exact, multi_class="ovr"))


def test_auroc_of_the_certain_is_not_lost_in_rounding() -> None:
    """Probabilities of 1 - 1e-20 and 1 - 1e-22 are one number, their log odds are two."""
    logits = torch.tensor([[0.0, 46.0], [0.0, 50.6], [0.0, 40.0]])
    assert METRICS["auroc"].of(rows_of("auroc", logits, torch.tensor([0, 1, 0]))) == 1


def test_auroc_is_undefined_for_one_class() -> None:
    logits, _ = classified(2, 2)
    rows = rows_of("auroc", logits, torch.ones(COUNT, dtype=torch.int64))
    assert np.isnan(METRICS["auroc"].of(rows))


@pytest.mark.parametrize("name", sorted(METRICS.keys() - {"calibration_error"}))
@pytest.mark.parametrize(("classes", "present"), [(2, 2), (5, 3)])
def test_how_a_sequence_moves_a_metric_is_the_slope_in_its_weight(
    name: str, classes: int, present: int
) -> None:
    """Against scikit-learn with one sequence weighing a little more, and a little less."""
    logits, truth = classified(classes, present)
    found = METRICS[name].derivatives(rows_of(name, logits, truth))
    for place in (0, 1, 2, 30):
        up, down = (weighted(name, logits, truth, place, 1 + change) for change in (1e-4, -1e-4))
        assert float(found[place]) == pytest.approx((up - down) / 2e-4, abs=1e-7)


def weighted(name: str, logits: Tensor, truth: Tensor, place: int, weight: float) -> float:
    weights, said = np.ones(COUNT), logits.argmax(1)
    weights[place] = weight
    if name == "accuracy":
        return float(accuracy_score(truth, said, sample_weight=weights))
    if name == "macro_f1":
        return float(f1_score(truth, said, average="macro", sample_weight=weights))
    if name == "log_loss":
        every, exact = range(logits.shape[1]), torch.softmax(logits, 1).numpy()
        return float(log_loss(truth, exact, sample_weight=weights, labels=every))
    if name == "balanced_accuracy":
        kept: Any = {"average": "macro", "labels": np.unique(truth), "sample_weight": weights}
        return float(recall_score(truth, said, **kept))
    return mean_area(name, logits, truth, weights)


def test_how_a_sequence_moves_the_calibration_error() -> None:
    """Against the error of the rows with one of them weighing a little more, and a little less."""
    logits, truth = classified(5, 3)
    metric = METRICS["calibration_error"]
    rows = rows_of("calibration_error", logits, truth)
    found = metric.derivatives(rows)
    for place in (0, 1, 30):
        weights = torch.ones(COUNT, 1, dtype=torch.float64)
        values = []
        for change in (1e-4, -1e-4):
            weights[place] = 1 + change
            values.append(metric.of(rows * weights))
        assert float(found[place]) == pytest.approx((values[0] - values[1]) / 2e-4, abs=1e-7)


def test_a_class_that_is_only_true_or_only_predicted_scores_zero_and_an_absent_one_not_at_all() -> (
    None
):
    logits = torch.tensor([[9.0, 0, 0], [9.0, 0, 0]])
    for truth, wanted in (([0, 0], 1.0), ([0, 1], (2 / 3 + 0) / 2), ([1, 1], 0.0)):
        said = logits.argmax(1)
        assert f1_score(truth, said, average="macro", zero_division=0) == pytest.approx(wanted)
        rows = rows_of("macro_f1", logits, torch.tensor(truth))
        assert METRICS["macro_f1"].of(rows) == pytest.approx(wanted)


@pytest.mark.parametrize("name", ["accuracy", "macro_f1"])
def test_steps_without_a_label_count_for_nothing(name: str) -> None:
    random = np.random.default_rng(0)
    logits = torch.from_numpy(random.normal(size=(COUNT, 4, 3)))
    stored = torch.from_numpy(random.integers(4, size=(COUNT, 4)))  # 0 is none
    labelled = stored != 0
    said, truth = logits.argmax(2)[labelled], stored[labelled] - 1
    assert UNLABELLED not in truth
    rows = rows_of(name, logits, stored, "labelling")
    metric = TASKS["labelling"].metrics[name]
    wanted = {
        "accuracy": accuracy_score(truth, said),
        "macro_f1": f1_score(truth, said, average="macro"),
    }
    assert metric.of(rows) == pytest.approx(wanted[name])
    output = Logits(logits=logits, lengths=torch.full((COUNT,), 4))
    batch = Batch(torch.empty(COUNT), output.lengths, stored)
    assert TASKS["labelling"].loss(output, batch)[1] == int(labelled.sum())


def test_many_classes_cost_no_more_than_what_occurs() -> None:
    """A row of macro F1 holds what it counts, not a place for each of 10,000 classes."""
    logits, truth = classified(10_000, 20)
    rows = rows_of("macro_f1", logits, truth)
    assert rows.is_sparse and rows._nnz() <= 3 * COUNT
