"""Scores of finals and baselines on the test split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from seqarena.baselines.registry import BASELINES
from seqarena.data.batches import Batch, Batches
from seqarena.data.store import Array, Prepared, Split
from seqarena.errors import InputError
from seqarena.experiments import ResolvedExperiment
from seqarena.fit import predict_split
from seqarena.models.outputs import Output
from seqarena.predict import Predictor
from seqarena.tasks import add, task_for

BATCH = 256


class FitError(InputError):
    """A baseline that cannot be fitted to this data, as one of words to texts without any."""


@dataclass(frozen=True)
class Tested:
    """The predictions and scores of one final, or one baseline, on the test split."""

    predictions: list[Any]  # of each example, as `Task.predictions` has it
    metrics: dict[str, float]
    per_example: Array  # (N,) of the experiment's metric
    weights: dict[int, Array]  # example -> attention (heads, U, S), for the examples drawn


def test_model(
    predictor: Predictor, prepared: Prepared, experiment: ResolvedExperiment, drawn: list[int]
) -> Tested:
    """Run a final over the whole test split; keep its attention over the examples `drawn`."""
    test, protocol = prepared.split("test"), experiment.config.protocol
    outputs = predict_split(predictor.model, predictor.task, test, predictor.spec, protocol)
    return _score(outputs, prepared, experiment, drawn)


def test_baseline(name: str, prepared: Prepared, experiment: ResolvedExperiment) -> Tested:
    """Score a baseline's prediction for each example of the test split.

    Raises `FitError` where the data does not allow it, in one line; numpy and scikit-learn
    raise a ValueError for what they cannot fit.
    """
    task = task_for(experiment.config.task)
    try:
        predictions: Array | Sequence[Any] = BASELINES[name].predict(prepared)
    except (ValueError, InputError) as error:
        raise FitError(" ".join(str(error).split())) from error
    outputs = (
        (
            indices,
            batch,
            task.output_from_predictions([predictions[index] for index in indices], batch),
        )
        for indices, batch in Batches(prepared.split("test"), BATCH).in_order()
    )
    return _score(outputs, prepared, experiment, [])


def chosen_to_draw(test: Split, seed: int, count: int = 4) -> list[int]:
    """Choose the examples that every final is drawn on: at random, not by how they look."""
    chosen = np.random.default_rng(seed).choice(len(test), min(count, len(test)), replace=False)
    return sorted(int(index) for index in chosen)


def _score(
    outputs: Iterable[tuple[Array, Batch, Output]],
    prepared: Prepared,
    experiment: ResolvedExperiment,
    drawn: list[int],
) -> Tested:
    config, spec, count = experiment.config, prepared.spec, len(prepared.split("test"))
    task = task_for(config.task)
    total: dict[str, torch.Tensor] = {}
    shares = np.zeros(count)
    predictions: list[Any] = [None] * count
    weights: dict[int, Array] = {}
    for indices, batch, output in outputs:
        add(total, task.counts(output, batch, spec, task.metrics))
        shares[indices] = task.per_example(config.metric, output, batch, spec).cpu()
        for place, (index, row) in enumerate(zip(indices, task.predictions(output), strict=True)):
            predictions[index] = row
            attention = task.attention_of(output, place) if int(index) in drawn else None
            if attention is not None:
                weights[int(index)] = attention
    return Tested(predictions, task.scores(total, spec), shares, weights)
