"""What an experiment costs: how many trainings, and how long they take on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch

from seqarena.cluster.slot import slot_of
from seqarena.config import Experiment, Resources
from seqarena.experiments import ResolvedExperiment
from seqarena.tracking.ledger import Ledger

TRAININGS: tuple[Literal["trial", "final"], ...] = ("trial", "final")
Seconds = Mapping[str, list[float]]  # of each training that ran, by variant


@dataclass(frozen=True)
class Cost:
    """The trainings of an experiment from its beginning to its verdict."""

    studies: int
    trials: int  # of all studies
    finals: int
    epochs: int  # at most, of all trainings


def cost_of(config: Experiment) -> Cost:
    """Count the trainings that an experiment asks for."""
    protocol, variants = config.protocol, len(config.variants)
    studies, finals = variants * protocol.searches, variants * protocol.repetitions
    trials = studies * protocol.trials
    return Cost(studies, trials, finals, (trials + finals) * protocol.epochs)


def lines(experiment: ResolvedExperiment, tried: Seconds | None = None) -> Iterator[str]:
    """Tell the cost, and the time it takes by trainings of the experiment that have run.

    Of a section that is new, by how long one training of each variant takes that was `tried`.
    """
    config, cost = experiment.config, cost_of(experiment.config)
    protocol = config.protocol
    shared = ", one search for all of them" if protocol.search == "shared" else ""
    repetitions = _count(protocol.repetitions, "repetition")
    yield f"{_count(len(config.variants), 'variant')}, {repetitions}{shared}"
    yield (
        f"{_count(cost.studies, 'study')} of {_count(protocol.trials, 'trial')}: "
        f"{_count(cost.trials, 'trial')}; {_count(cost.finals, 'final')}"
    )
    yield f"{_count(protocol.epochs, 'epoch')} each at most: {_count(cost.epochs, 'epoch')} in all"
    slots = slots_here(config.resources)
    if tried:
        took = duration(estimate(config, tried, {}, slots))
        yield f"about {took} of training in all at most, {slots} at a time, by a try of each"
        return
    trials, finals = (seconds_of(experiment, kind) for kind in TRAININGS)
    ran = [sum(map(len, seconds.values())) for seconds in (trials, finals)]
    if any(ran):
        took = duration(estimate(config, trials, finals, slots))
        basis = f"{_count(ran[0], 'trial')} and {_count(ran[1], 'final')} that ran"
        yield f"about {took} of training in all, {slots} at a time, by {basis}"


def seconds_of(experiment: ResolvedExperiment, kind: Literal["trial", "final"]) -> Seconds:
    """Read from the ledger how long the trainings of each variant took."""
    found: dict[str, list[float]] = {}
    for run in Ledger(experiment.ledger, experiment.name).runs(kind).values():
        variant = run.params.get("variant")
        if run.result is not None and variant in experiment.config.variants:
            found.setdefault(variant, []).append(float(run.result["seconds"]))
    return found


def slots_here(resources: Resources) -> int:
    """Return how many trainings run at a time on this machine, one at least."""
    cores, gpus = len(os.sched_getaffinity(0)), torch.cuda.device_count()
    return max(1, slot_of(resources, cores, gpus).room([(cores, gpus)]))


def estimate(config: Experiment, trials: Seconds, finals: Seconds, slots: int) -> float:
    """Estimate the seconds of the whole experiment, from its first trial to its last final.

    The trials of a study run one after the other, so that no search is shorter than one of them.
    """
    protocol = config.protocol
    study = [protocol.trials * _mean(variant, trials, finals) for variant in config.variants]
    final = [_mean(variant, finals, trials) for variant in config.variants]
    search = max(max(study), protocol.searches * sum(study) / slots)
    return search + max(max(final), protocol.repetitions * sum(final) / slots)


def _mean(variant: str, own: Seconds, other: Seconds) -> float:
    """Average a variant's trainings of one kind; of what did not run yet, what is most like it."""
    every = [second for seconds in own.values() for second in seconds]
    seconds = own.get(variant) or other.get(variant) or every
    seconds = seconds or [second for seconds in other.values() for second in seconds]
    return sum(seconds) / len(seconds)


def duration(seconds: float) -> str:
    """Write a duration as people say it."""
    if seconds < 90:
        return _count(max(1, round(seconds)), "second")
    if seconds < 5400:
        return _count(round(seconds / 60), "minute")
    return f"{seconds / 3600:,.1f} hours"


def _count(number: int, noun: str) -> str:
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun[:-1]}ies" if noun.endswith("y") else f"{number:,} {noun}s"
