"""Workers on a Ray cluster, as many as it has room for, each training one job at a time."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import (
    GetTimeoutError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
)
from ray.util import placement_group, remove_placement_group
from ray.util.placement_group import PlacementGroup
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

import seqarena
from seqarena.config import Resources
from seqarena.errors import InputError, RunError
from seqarena.experiments import ResolvedExperiment
from seqarena.parallel import PeerLostError
from seqarena.search.delivery import DataAddress, Shipment
from seqarena.search.leader import Leader
from seqarena.search.slot import Slot, slot_of
from seqarena.search.worker import Progress, Worker

CHECKPOINT = 30.0  # seconds of training after which the driver is given the state to keep
LOOK = 2.0  # seconds between looks at what the cluster has
OUT_OF_MEMORY = "OUT_OF_MEMORY"  # how Ray says why it ended a process
BROKEN = 3  # workers in a row that do not start: no fault of a machine


class WorkerLostError(Exception):
    """The process or the machine that trained is gone: a fault of neither job nor code."""


class TrainingError(Exception):
    """A training raised; the message is its last line."""


def slot_here(resources: Resources, where: str) -> Slot:
    """Resolve what an experiment asks for on the cluster that is there.

    Raises `InputError` where no node has as much, or all together have not as many workers.
    """
    machines = _machines()
    cpus, gpus = zip(*machines, strict=True)
    slot = slot_of(resources, sum(cpus), sum(gpus))
    for name, most, largest in (("cpus", slot.cpus, max(cpus)), ("gpus", slot.gpus, max(gpus))):
        if most > largest:
            raise InputError(f"{where}.{name}: {most:g}, but the largest node has {largest:g}")
    alone = replace(slot, workers=1).room(machines)
    if slot.workers > alone:
        raise InputError(f"{where}.workers: {slot.workers}, but there is room for {alone}")
    return slot


def _machines() -> list[tuple[float, float]]:
    """List the cores and GPUs of every node that is there."""
    nodes = (node["Resources"] for node in ray.nodes() if node["Alive"])
    return [(has.get("CPU", 0.0), has.get("GPU", 0.0)) for has in nodes]


class Seat:
    """A worker, and the call that it is busy with."""

    def __init__(self, actor: Any, placement: PlacementGroup | None = None) -> None:
        """Where it leads others, all of them stand in a `placement`."""
        self.actor, self.placement = actor, placement
        self.call: ray.ObjectRef[Any] | None = actor.ready.remote()
        self.started = False

    def ask(self, method: str, *arguments: Any) -> None:
        """Have it do something; `Pool.wait` brings the result."""
        self.call = getattr(self.actor, method).remote(*arguments)

    def end(self) -> None:
        """End it at once, and all that it leads."""
        ray.kill(self.actor)
        if self.placement is not None:
            remove_placement_group(self.placement)


class Pool:
    """Keeps as many workers as there is work and room for."""

    def __init__(self, make: Callable[[], Seat], slot: Slot, shipment: Shipment) -> None:
        self.make, self.slot, self.shipment = make, slot, shipment
        self.seats: list[Seat] = []
        self.broken = 0
        self.room, self.looked = 0, -math.inf

    def resize(self, wanted: int) -> None:
        """Start workers up to what is wanted and the cluster holds; end idle ones beyond it."""
        if time.monotonic() - self.looked > LOOK:
            self.looked, self.room = time.monotonic(), self._room()
        for seat in self.idle():
            if len(self.seats) > wanted:
                self.end(seat)
        while len(self.seats) < min(wanted, self.room):
            self.seats.append(self.make())

    def _room(self) -> int:
        """Count the slots of the cluster; nodes come and go."""
        return max(1, self.slot.room(_machines()))

    def idle(self) -> list[Seat]:
        """List the workers that wait for something to do."""
        return [seat for seat in self.seats if seat.started and seat.call is None]

    def wait(self, seconds: float) -> list[tuple[Seat, Callable[[], Progress]]]:
        """Wait for calls to end, or so long; give each seat with a function of its result.

        That returns the progress, or raises `WorkerLostError` or `TrainingError`: the seat is gone.
        """
        calls = {seat.call: seat for seat in self.seats if seat.call is not None}
        done, _ = ray.wait(list(calls), num_returns=1, timeout=seconds)
        if done:  # and all others that have ended meanwhile
            done, _ = ray.wait(list(calls), num_returns=len(calls), timeout=0)
        ended: list[tuple[Seat, Callable[[], Progress]]] = []
        for call in done:
            seat = calls[call]
            seat.call = None
            if seat.started:
                ended.append((seat, partial(self._result, seat, call)))
            else:
                self._welcome(seat, call)
        return ended

    def _welcome(self, seat: Seat, call: Any) -> None:
        try:
            has_data = ray.get(call)
        except RayError as error:
            self.end(seat)
            self.broken += 1
            if self.broken == BROKEN:
                raise RunError(f"no worker can start: {_last_line(error)}") from error
            return
        if has_data:
            seat.started, self.broken = True, 0
        else:
            seat.ask("receive", self.shipment.files)

    def _result(self, seat: Seat, call: Any) -> Progress:
        try:
            progress: Progress = ray.get(call)
        except (RayTaskError, RayActorError, OutOfMemoryError) as error:
            self.end(seat)  # what it raised may have left the device unusable
            # Of a worker that trained together with others, its leader tells.
            cause = error.cause if isinstance(error, RayTaskError) else error
            lost = isinstance(cause, (RayActorError, PeerLostError, GetTimeoutError))
            if isinstance(cause, OutOfMemoryError) or (lost and OUT_OF_MEMORY in str(cause)):
                raise TrainingError("out of memory") from error
            if lost:
                raise WorkerLostError(_last_line(cause)) from error
            raise TrainingError(_last_line(error)) from error
        return progress

    def end(self, seat: Seat) -> None:
        """End a worker at once."""
        self.seats.remove(seat)
        seat.end()

    def close(self) -> None:
        """End all workers."""
        for seat in list(self.seats):
            self.end(seat)


@contextmanager
def pool_for(experiment: ResolvedExperiment, data_digest: str) -> Iterator[Pool]:
    """Yield a pool of workers that train on the data of an experiment; they end with the block."""
    slot = slot_here(experiment.config.resources, f"{experiment.where}.resources")
    address = DataAddress.of(experiment.prepared, data_digest)
    arguments = (experiment.config, address, slot, CHECKPOINT)
    pool = Pool(partial(_make, slot, arguments), slot, Shipment(experiment.prepared, address.sizes))
    try:
        yield pool
    finally:
        pool.close()


def _make(slot: Slot, arguments: tuple[Any, ...]) -> Seat:
    """Start a worker, with this process's code where it may come to run on another machine."""
    here = socket.gethostname()
    elsewhere = any(n["NodeManagerHostname"] != here for n in ray.nodes() if n["Alive"])
    code = {"py_modules": [str(Path(seqarena.__file__).parent)]} if elsewhere else None
    needs: dict[str, Any] = {"num_cpus": slot.cpus, "num_gpus": slot.gpus, "max_restarts": 0}
    if slot.workers == 1:
        return Seat(ray.remote(Worker).options(**needs, runtime_env=code).remote(*arguments))
    bundle = {name: count for name, count in (("CPU", slot.cpus), ("GPU", slot.gpus)) if count}
    placement = placement_group([bundle] * slot.workers)  # on as few machines as possible
    leading = PlacementGroupSchedulingStrategy(placement, 0)
    leader = ray.remote(Leader).options(**needs, runtime_env=code, scheduling_strategy=leading)
    return Seat(leader.remote(*arguments), placement)


def _last_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]
