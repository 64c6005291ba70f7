"""The pool of workers that trials and finals are trained on."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial

from ray.util import placement_group

from seqarena.cluster.delivery import DataAddress
from seqarena.cluster.pool import Pool, Seat, pool_for, seat_of
from seqarena.cluster.slot import Slot
from seqarena.config import Experiment
from seqarena.experiments import ResolvedExperiment
from seqarena.search.leader import Leader
from seqarena.search.worker import Worker

CHECKPOINT = 30.0  # seconds of training after which the driver is given the state to keep


def training_pool(experiment: ResolvedExperiment, data_digest: str) -> AbstractContextManager[Pool]:
    """Return a pool of workers that train on the data of an experiment, see `pool_for`."""
    return pool_for(experiment, data_digest, partial(_start, experiment.config))


def _start(config: Experiment, slot: Slot, address: DataAddress) -> Seat:
    """Start a worker, or as many as train one model together."""
    arguments = (config, address, slot, CHECKPOINT)
    if slot.workers == 1:
        return seat_of(Worker, slot, *arguments)
    bundle = {name: count for name, count in (("CPU", slot.cpus), ("GPU", slot.gpus)) if count}
    placement = placement_group([bundle] * slot.workers)  # on as few machines as possible
    return seat_of(Leader, slot, *arguments, placement=placement)
