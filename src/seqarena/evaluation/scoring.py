"""Scores of finals and baselines on the test split."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqarena.baselines.judging import Judge, Predictions
from seqarena.baselines.registry import BASELINES
from seqarena.config import Experiment
from seqarena.data.batches import Batch, Batches
from seqarena.data.store import Array, Prepared, Split
from seqarena.errors import InputError, in_one_line
from seqarena.evaluation.estimand import influence
from seqarena.inference import predict_split
from seqarena.models.outputs import Output
from seqarena.predict import Predictor
from seqarena.tasks import AnyTask, task_for

BATCH = 256


class FitError(InputError):
    """A baseline that cannot be fitted to this data, as one of words to texts without any."""


@dataclass(frozen=True)
class Tested:
    """The predictions and scores of one final, or one baseline, on the test split."""

    predictions: list[Any]  # of each example, as `Task.predictions` has it
    value: float  # of the experiment's metric
    units: Array  # (G,), see `influence`: how the independent groups of examples make it up
    rows: Tensor  # (N, K), see `Metric.statistics`: of the experiment's metric
    metrics: dict[str, float]  # all that the output can tell, the experiment's among them
    weights: dict[int, Array]  # example -> attention (heads, U, S), for the examples drawn


@dataclass(frozen=True)
class TestedBaseline(Tested):
    """A baseline on the test split, with what it took."""

    seconds: float  # to fit it and to predict, in one


def test_model(
    predictor: Predictor,
    prepared: Prepared,
    config: Experiment,
    groups: Array,
    drawn: list[int],
) -> Tested:
    """Run a final over the whole test split; keep its attention over the examples `drawn`.

    `groups` ``(N,)`` number what is independent, see `groups_of`.
    """
    test, protocol = prepared.split("test"), config.protocol
    outputs = predict_split(predictor.model, predictor.task, test, predictor.spec, protocol)
    return _score(outputs, prepared, config, groups, drawn)


def test_baseline(
    name: str, prepared: Prepared, config: Experiment, groups: Array
) -> TestedBaseline:
    """Score a baseline's prediction for each example of the test split, in such `groups`.

    Raises `FitError` where the data does not allow it, in one line; numpy and scikit-learn
    raise a ValueError for what they cannot fit.
    """
    task = task_for(config.task)
    began = time.perf_counter()
    try:
        judge = judge_on_valid(prepared, task, config.metric)
        predictions = BASELINES[name].predict(prepared, judge)
    except (ValueError, InputError) as error:
        raise FitError(in_one_line(error)) from error
    seconds = time.perf_counter() - began
    outputs = _outputs(task, predictions, prepared.split("test"))
    tested = _score(outputs, prepared, config, groups, [])
    return TestedBaseline(**vars(tested), seconds=seconds)


def chosen(test: Split, seed: int, count: int) -> list[int]:
    """Choose examples that every final is shown or timed on: at random, not by how they look."""
    drawn = np.random.default_rng(seed).choice(len(test), min(count, len(test)), replace=False)
    return sorted(int(index) for index in drawn)


def judge_on_valid(prepared: Prepared, task: AnyTask, name: str) -> Judge:
    """Return what tells how good predictions for valid are, by the metric of that name."""
    valid, metric = prepared.split("valid"), task.metrics[name]

    def judge(predictions: Predictions) -> float:
        rows = [
            metric.condensed(metric.statistics(output, batch, prepared.spec))
            for _, batch, output in _outputs(task, predictions, valid)
        ]
        return metric.bounds.sign * metric.of(torch.cat(rows))

    return judge


def _outputs(
    task: AnyTask, predictions: Predictions, split: Split
) -> Iterator[tuple[Array, Batch, Output]]:
    """Yield predictions as the outputs of a model, batch by batch, with what they are of."""
    for indices, batch in Batches(split, BATCH).in_order():
        mine = [predictions[index] for index in indices]
        yield indices, batch, task.output_from_predictions(mine, batch)


def _score(
    outputs: Iterable[tuple[Array, Batch, Output]],
    prepared: Prepared,
    config: Experiment,
    groups: Array,
    drawn: list[int],
) -> Tested:
    spec, test = prepared.spec, prepared.split("test")
    task = task_for(config.task)
    defined = {n: m for n, m in task.metrics.items() if m.undefined(test, spec) is None}
    kept: dict[str, list[Tensor]] = {}
    predictions: list[Any] = [None] * len(test)
    weights: dict[int, Array] = {}
    order: list[Array] = []
    for indices, batch, output in outputs:
        order.append(indices)
        for name, metric in defined.items():
            if isinstance(output, metric.needs):
                found = metric.statistics(output, batch, spec)
                whole = name == config.metric
                rows = found if whole else metric.condensed(found)
                kept.setdefault(name, []).append(rows.cpu())
        for place, (index, row) in enumerate(zip(indices, task.predictions(output), strict=True)):
            predictions[index] = row
            attention = task.attention_of(output, place) if int(index) in drawn else None
            if attention is not None:
                weights[int(index)] = attention
    metrics = {name: task.metrics[name].of(torch.cat(rows)) for name, rows in kept.items()}
    places = torch.from_numpy(np.argsort(np.concatenate(order)))
    rows = torch.cat(kept[config.metric]).index_select(0, places)
    value, units = influence(task.metrics[config.metric], rows, groups)
    return Tested(predictions, value, units, rows, metrics | {config.metric: value}, weights)
