"""Sets of labels: what is said, and how it is scored, are scikit-learn's."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, average_precision_score, f1_score
from torch import Tensor

from seqarena.cli.render import SHOWN
from seqarena.data.batches import Batch
from seqarena.data.store import DataSpec, Prepared, Split
from seqarena.evaluation.estimand import influence
from seqarena.figures import draw_final
from seqarena.models.outputs import Logits
from seqarena.tasks import TASKS
from support import class_spec
from support import rows_of as table_of

TASK = TASKS["multi_label_classification"]
COUNT = 60
SHARES = (0.7, 0.3, 0.1, 0.05)  # of labels


def case(absent: int = 0, seed: int = 0, count: int = COUNT) -> tuple[Tensor, Tensor]:
    """Logits ``(N, K)``, some of them equal, and truth ``(N, K)``, in which the last are never."""
    random = np.random.default_rng(seed)
    truth = (random.random((count, len(SHARES))) < SHARES).astype(np.uint8)
    truth[0], truth[1] = 1, 0
    truth[:, len(SHARES) - absent :] = 0
    logits = random.normal(size=truth.shape) + 1.5 * truth - 0.7
    return torch.from_numpy(logits.round(1)), torch.from_numpy(truth)


def rows_of(name: str, logits: Tensor, truth: Tensor) -> Tensor:
    """The rows of a metric, from ragged batches."""
    metric, ends = TASK.metrics[name], (0, 1, 8, len(truth))
    parts = [
        metric.statistics(output_of(logits[i:j]), batch_of(truth[i:j]), class_spec(truth.shape[1]))
        for i, j in pairwise(ends)
    ]
    return torch.cat(parts)


def output_of(logits: Tensor) -> Logits:
    return Logits(logits=logits, lengths=torch.ones(len(logits)))


def batch_of(truth: Tensor) -> Batch:
    return Batch(torch.empty(len(truth)), torch.ones(len(truth)), truth)


def wanted(name: str, logits: Tensor, truth: Tensor, weights: Any = None) -> float:
    said, kept = (logits > 0).numpy(), {"sample_weight": weights}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of labels that are never true
        if name == "subset_accuracy":
            return float(accuracy_score(truth, said, **kept))
        if name == "mean_average_precision":
            return float(average_precision_score(truth, logits, average="macro", **kept))
        average = name.removesuffix("_f1")
        return float(f1_score(truth, said, average=average, **kept))


@pytest.mark.parametrize("name", TASK.metrics)
@pytest.mark.parametrize("absent", [0, 2])
def test_scores_are_those_of_scikit_learn(name: str, absent: int) -> None:
    logits, truth = case(absent)
    rows, metric = rows_of(name, logits, truth), TASK.metrics[name]
    assert 0 < metric.of(rows) < 1
    assert metric.of(rows) == pytest.approx(wanted(name, logits, truth))
    silent = torch.full_like(logits, -1.0)
    found = metric.of(rows_of(name, silent, truth))
    assert found == pytest.approx(wanted(name, silent, truth))


@pytest.mark.parametrize("name", TASK.metrics)
@pytest.mark.parametrize("absent", [0, 2])
def test_how_a_sequence_moves_a_score_is_the_slope_in_its_weight(name: str, absent: int) -> None:
    """Against scikit-learn with one sequence weighing a little more, and a little less."""
    logits, truth = case(absent)
    found = TASK.metrics[name].derivatives(rows_of(name, logits, truth))
    for place in (0, 1, 2, 30):
        values = []
        for change in (1e-4, -1e-4):
            weights = np.ones(COUNT)
            weights[place] += change
            values.append(wanted(name, logits, truth, weights))
        assert float(found[place]) == pytest.approx((values[0] - values[1]) / 2e-4, abs=1e-7)


@pytest.mark.parametrize("name", TASK.metrics)
def test_the_spread_of_units_is_that_of_other_test_splits(name: str) -> None:
    """Their standard error against the deviation of the metric over splits drawn anew."""
    values, errors = [], []
    for seed in range(300):
        logits, truth = case(absent=1, seed=seed, count=200)
        rows = rows_of(name, logits, truth)
        value, units = influence(TASK.metrics[name], rows, np.arange(200))
        assert units.mean() == pytest.approx(value)
        values.append(value)
        errors.append(units.std(ddof=1) / 200**0.5)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.12)


def test_precision_is_undefined_where_nothing_is_labelled() -> None:
    split = Split.__new__(Split)
    split.targets = np.zeros((3, 2), np.uint8)
    metric = TASK.metrics["mean_average_precision"]
    assert metric.undefined(split, class_spec(2)) == "no sequence has a label"
    split.targets[1, 0] = 1
    assert metric.undefined(split, class_spec(2)) is None


def test_the_loss_is_binary_cross_entropy_over_all_pairs() -> None:
    logits, truth = case()
    chances = torch.sigmoid(logits).numpy()
    right = np.where(truth.numpy() > 0, chances, 1 - chances)
    loss, terms = TASK.loss(output_of(logits), batch_of(truth))
    assert terms == truth.numel()
    assert float(loss) == pytest.approx(-np.log(right).sum())


def test_labels_above_one_half_are_said_the_surest_first() -> None:
    logits = torch.tensor([[0.1, 3.0], [-1.0, -2.0]])
    first, second = TASK.predict(output_of(logits), batch_of(torch.zeros(2, 2)), class_spec(2))
    assert list(first["label_set"]) == ["class 1", "class 0"]
    assert first["label_set"]["class 1"] == pytest.approx(1 / (1 + np.exp(-3.0)))
    assert second["label_set"] == {}
    assert second["probabilities"]["class 0"] == pytest.approx(1 / (1 + np.exp(1.0)))
    assert SHOWN["label_set"](first["label_set"]) == "class 1 0.953  class 0 0.525"
    assert SHOWN["label_set"](second["label_set"]) == "(none)"


def test_a_final_says_of_each_example_what_it_found(
    specs: dict[str, DataSpec], prepare: Callable[..., Path], tmp_path: Path
) -> None:
    folder = prepare(tmp_path / "data", specs["audio"], targets="label_set")
    test = Prepared(folder).split("test")
    sure = list(20 * test.targets.astype(np.float32) - 10)
    sure[0] = -sure[0]
    weights = {0: np.full((1, 1, int(test.lengths[0])), 1 / int(test.lengths[0]))}
    task = "multi_label_classification"
    draw_final(tmp_path / "final", folder, task, "lstm_attention", sure, weights, [0])
    names = sorted(path.name for path in (tmp_path / "final").iterdir())
    assert names == ["attention-1.png", "found_labels.png", "predictions.csv"]
    rows = table_of(tmp_path / "final", "predictions.csv")
    classes = specs["audio"].classes
    for row, true in zip(rows, test.targets, strict=True):
        assert row["truth"] == "; ".join(classes[n] for n in np.flatnonzero(true))
        assert (row["predicted"] == row["truth"]) == (row is not rows[0])
    assert float(rows[1][classes[0]]) == pytest.approx(float(test.targets[1, 0]), abs=1e-3)
