"""How long trainings will take here, by training each variant for a moment."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from seqarena.cli.cost import Seconds
from seqarena.data.store import Prepared
from seqarena.experiments import ResolvedExperiment
from seqarena.fit import Training
from seqarena.inference import predict_split
from seqarena.search.design import Design
from seqarena.search.matching import with_matched_size
from seqarena.spaces import smallest, space_of

MOMENT = 0.5  # seconds


def tried(experiment: ResolvedExperiment, prepared: Prepared) -> Seconds:
    """Return how long one training of each variant takes, of all its epochs.

    By the first configuration that its search would try, on one core as in a search.
    """
    with _threads(1):
        return {v: [_whole(experiment, prepared, v)] for v in experiment.config.variants}


def _whole(experiment: ResolvedExperiment, prepared: Prepared, variant: str) -> float:
    config, spec = experiment.config, prepared.spec
    space = space_of(config, variant, experiment.where)
    drawn = {**smallest(space), **Design(config.protocol.seed, 1).point(space, 1)}
    chosen = with_matched_size(config, spec, variant, drawn)
    training = Training(config, prepared, variant, chosen, seed=1)
    return config.protocol.epochs * _epoch(training, config.metric)


def _epoch(training: Training, metric: str) -> float:
    training.advance(0.0)  # the first batch pays for what is loaded
    began, before = time.perf_counter(), training.sums.batches
    if (epoch := training.advance(MOMENT)) is not None:
        return epoch.seconds
    batch = (time.perf_counter() - began) / (training.sums.batches - before)
    return batch * len(training.batches) + _judging(training, metric)


def _judging(training: Training, metric: str) -> float:
    """Return how long the metric of valid takes, after each epoch."""
    model, task, valid = training.model, training.task, training.valid
    began, judged = time.perf_counter(), 0
    for rows, batch, output in predict_split(
        model, task, valid, training.spec, training.protocol, [metric]
    ):
        task.metrics[metric].statistics(output, batch, training.spec)
        judged += len(rows)
        if time.perf_counter() - began > MOMENT:
            break
    return (time.perf_counter() - began) * len(valid) / judged


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
