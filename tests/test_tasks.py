"""Contracts of tasks: sums and counts add up, metrics are the textbook's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score, mean_absolute_error, mean_squared_error

from seqarena.data.batches import Batch
from seqarena.data.modalities import MODALITIES
from seqarena.data.store import DataSpec
from seqarena.errors import InputError
from seqarena.models.model import Output
from seqarena.tasks import TASKS, Task, task_for

SPECS = {
    "classification": DataSpec(
        modality="text",
        feature_shape=(),
        max_length=4,
        step="token",
        step_size=1.0,
        classes=("a", "b", "c"),
    ),
    "forecasting": DataSpec(
        modality="series",
        feature_shape=(1,),
        max_length=4,
        step="hour",
        step_size=1.0,
        horizon=3,
        target={"mean": 10.0, "std": 4.0, "naive_mae": 5.0},
        options={"season": 4},
    ),
}


def answered(name: str, count: int = 30) -> tuple[Task, DataSpec, Output, Batch]:
    task, spec = TASKS[name], SPECS[name]
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(count, task.outputs(spec), generator=generator)
    targets = torch.randint(0, 3, (count,), generator=generator)
    if not spec.classes:
        targets = torch.randn(count, spec.horizon, generator=generator)
    lengths = torch.ones(count, dtype=torch.int64)
    return task, spec, Output(logits, lengths, None), Batch(torch.empty(count), lengths, targets)


def parts(output: Output, batch: Batch) -> list[tuple[Output, Batch]]:
    """The same answers in ragged shards."""
    cuts = [(0, 1), (1, 12), (12, 30)]
    return [
        (
            Output(output.logits[a:b], output.lengths[a:b], None),
            Batch(*(tensor[a:b] for tensor in batch)),
        )
        for a, b in cuts
    ]


@pytest.mark.parametrize("name", TASKS)
def test_shards_add_up_to_the_whole(name: str) -> None:
    task, spec, output, batch = answered(name)
    loss, count = task.loss(output, batch)
    shards = [task.loss(*part) for part in parts(output, batch)]
    assert sum(c for _, c in shards) == count
    assert sum(float(part) for part, _ in shards) == pytest.approx(float(loss), rel=1e-5)
    total: dict[str, Any] = {}
    for part in parts(output, batch):
        for key, value in task.counts(*part, spec).items():
            total[key] = total.get(key, 0) + value
    assert task.scores(total, spec) == pytest.approx(
        task.scores(task.counts(output, batch, spec), spec)
    )


@pytest.mark.parametrize("name", TASKS)
def test_it_gives_every_metric_it_names(name: str) -> None:
    task, spec, output, batch = answered(name)
    scores = task.scores(task.counts(output, batch, spec), spec)
    assert scores.keys() == task.metrics.keys()
    for metric in task.metrics:
        assert task.per_example(metric, output, batch, spec).shape == (30,)
    assert task.modalities <= MODALITIES.keys()
    assert len(task.predict(output.logits, spec)) == 30


@pytest.mark.parametrize("name", TASKS)
def test_a_perfect_answer_cannot_be_beaten(name: str) -> None:
    task, spec, output, batch = answered(name)
    best = batch.targets
    if spec.classes:
        best = torch.nn.functional.one_hot(batch.targets, 3) * 50.0
    scores = task.scores(task.counts(output._replace(logits=best), batch, spec), spec)
    for metric, greater in task.metrics.items():
        assert scores[metric] == pytest.approx(1.0 if greater else 0.0)
    assert float(task.loss(output._replace(logits=best), batch)[0]) == pytest.approx(0, abs=1e-6)


def test_classification_metrics_are_those_of_scikit_learn() -> None:
    task, spec, output, batch = answered("classification")
    said, truth = output.logits.argmax(1).numpy(), batch.targets.numpy()
    scores = task.scores(task.counts(output, batch, spec), spec)
    assert scores["accuracy"] == pytest.approx(accuracy_score(truth, said))
    assert scores["macro_f1"] == pytest.approx(f1_score(truth, said, average="macro"))
    mean = float(task.per_example("accuracy", output, batch, spec).mean())
    assert mean == pytest.approx(scores["accuracy"])


def test_a_class_that_never_occurs_scores_zero_not_nan() -> None:
    task, spec, output, _ = answered("classification", 2)
    logits = torch.tensor([[9.0, 0, 0], [9.0, 0, 0]])
    batch = Batch(torch.empty(2), output.lengths, torch.tensor([0, 0]))
    scores = task.scores(task.counts(output._replace(logits=logits), batch, spec), spec)
    assert scores == {"accuracy": 1.0, "macro_f1": pytest.approx(1 / 3)}


def test_forecasting_metrics_are_in_the_unit_of_the_data() -> None:
    task, spec, output, batch = answered("forecasting")
    said, truth = (x.double().numpy() * 4 + 10 for x in (output.logits, batch.targets))
    scores = task.scores(task.counts(output, batch, spec), spec)
    assert scores["mae"] == pytest.approx(mean_absolute_error(truth, said), rel=1e-6)
    assert scores["rmse"] == pytest.approx(math.sqrt(mean_squared_error(truth, said)), rel=1e-6)
    assert scores["mase"] == pytest.approx(scores["mae"] / 5)
    for metric in ("mae", "mase"):
        mean = float(task.per_example(metric, output, batch, spec).mean())
        assert mean == pytest.approx(scores[metric], rel=1e-5)
    squares = task.per_example("rmse", output, batch, spec).square()
    assert math.sqrt(float(squares.mean())) == pytest.approx(scores["rmse"], rel=1e-5)


def test_answers_for_people() -> None:
    task, spec, output, _ = answered("classification", 5)
    for answer, logits in zip(task.predict(output.logits, spec), output.logits, strict=True):
        assert answer["label"] == spec.classes[int(logits.argmax())]
        assert answer["probability"] == max(answer["probabilities"].values())
        assert sum(answer["probabilities"].values()) == pytest.approx(1)
    task, spec, output, _ = answered("forecasting", 5)
    said = [answer["forecast"] for answer in task.predict(output.logits, spec)]
    np.testing.assert_allclose(said, output.logits.numpy() * 4 + 10, rtol=1e-6)


def test_an_unknown_task_names_the_nearest() -> None:
    with pytest.raises(InputError, match="here: no task named 'forcasting'.*'forecasting'"):
        task_for("forcasting", "here")
