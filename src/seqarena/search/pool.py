"""Workers on a Ray cluster, as many as it has room for, each training one job at a time."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import OutOfMemoryError, RayActorError, RayError, RayTaskError

import seqarena
from seqarena.config import Resources
from seqarena.errors import InputError, RunError
from seqarena.experiments import ResolvedExperiment
from seqarena.search.delivery import DataAddress, Shipment
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

    Raises `InputError` where no node has as much.
    """
    total = ray.cluster_resources()
    slot = slot_of(resources, total.get("CPU", 1.0), total.get("GPU", 0.0))
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    for name, most in (("CPU", slot.cpus), ("GPU", slot.gpus)):
        largest = max((node.get(name, 0.0) for node in nodes), default=0.0)
        if most > largest:
            found = f"the largest node has {largest:g}"
            raise InputError(f"{where}.{name.lower()}s: {most:g}, but {found}")
    return slot


class Seat:
    """A worker, and the call that it is busy with."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor
        self.call: ray.ObjectRef[Any] | None = actor.ready.remote()
        self.started = False

    def ask(self, method: str, *arguments: Any) -> None:
        """Have it do something; `Pool.wait` brings the result."""
        self.call = getattr(self.actor, method).remote(*arguments)


class Pool:
    """Keeps as many workers as there is work and room for."""

    def __init__(self, make: Callable[[], Any], slot: Slot, shipment: Shipment) -> None:
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
            self.seats.append(Seat(self.make()))

    def _room(self) -> int:
        """Count the slots of the cluster; nodes come and go."""
        nodes = (node["Resources"] for node in ray.nodes() if node["Alive"])
        room = sum(self.slot.room(has.get("CPU", 0.0), has.get("GPU", 0.0)) for has in nodes)
        return max(1, room)

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
        except RayTaskError as error:
            self.end(seat)  # what it raised may have left the device unusable
            raise TrainingError(_last_line(error)) from error
        except (RayActorError, OutOfMemoryError) as error:
            self.end(seat)
            if OUT_OF_MEMORY in str(error) or isinstance(error, OutOfMemoryError):
                raise TrainingError("out of memory") from error
            raise WorkerLostError(_last_line(error)) from error
        return progress

    def end(self, seat: Seat) -> None:
        """End a worker at once."""
        self.seats.remove(seat)
        ray.kill(seat.actor)

    def close(self) -> None:
        """End all workers."""
        for seat in list(self.seats):
            self.end(seat)


@contextmanager
def pool_for(experiment: ResolvedExperiment, data_digest: str) -> Iterator[Pool]:
    """Yield a pool of workers that train on the data of an experiment; they end with the block."""
    slot = slot_here(experiment.config.resources, f"{experiment.where}.resources")
    address = DataAddress.of(experiment.prepared, data_digest)
    arguments = (experiment.config, address, slot.threads, CHECKPOINT)
    pool = Pool(partial(_make, slot, arguments), slot, Shipment(experiment.prepared, address.sizes))
    try:
        yield pool
    finally:
        pool.close()


def _make(slot: Slot, arguments: tuple[Any, ...]) -> Any:
    """Start a worker, with this process's code where it may come to run on another machine."""
    here = socket.gethostname()
    elsewhere = any(n["NodeManagerHostname"] != here for n in ray.nodes() if n["Alive"])
    code = {"py_modules": [str(Path(seqarena.__file__).parent)]} if elsewhere else None
    worker = ray.remote(Worker).options(
        num_cpus=slot.cpus, num_gpus=slot.gpus, max_restarts=0, runtime_env=code
    )
    return worker.remote(*arguments)


def _last_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]
