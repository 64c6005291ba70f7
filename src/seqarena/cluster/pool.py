"""Processes on a Ray cluster, as many as it has room for, each busy with one call at a time."""

from __future__ import annotations

import math
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import ray
from ray.exceptions import (
    GetTimeoutError,
    ObjectLostError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
)
from ray.util import remove_placement_group
from ray.util.placement_group import PlacementGroup
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

import seqarena
from seqarena.cluster.access import named_cluster
from seqarena.cluster.delivery import DataAddress, Shipment
from seqarena.cluster.member import Member
from seqarena.cluster.slot import Slot, slot_of
from seqarena.config import Resources, read_cluster
from seqarena.errors import InputError, RunError
from seqarena.experiments import ResolvedExperiment
from seqarena.parallel import PeerLostError

LOOK = 2.0  # seconds between looks at what the cluster has
OUT_OF_MEMORY = "OUT_OF_MEMORY"  # how Ray says why it ended a process
WAIT = 1.0  # seconds of waiting for a call until the cluster is looked at again
BROKEN = 3  # processes in a row that do not start: no fault of a machine
ATTEMPTS = 3  # at one call, of machines that fail
# A large result stays with its process until it is fetched, and may be lost after the call.
LOST = (RayActorError, ObjectLostError, PeerLostError, GetTimeoutError)
K = TypeVar("K")


class ProcessLostError(Exception):
    """The process or the machine that was busy is gone: a fault of neither data nor code."""


class CallError(Exception):
    """A call raised; the message is its last line."""


def slot_here(resources: Resources, where: str) -> Slot:
    """Resolve what an experiment asks for on the cluster that is there.

    Raises `InputError` where no node has as much, or all together have not as many workers.
    """
    machines = _machines()
    cpus, gpus = zip(*machines, strict=True)
    slot = slot_of(resources, sum(cpus), sum(gpus))
    # GPUs first: where none are named, the cores are those of their share.
    for name, most, largest in (("gpus", slot.gpus, max(gpus)), ("cpus", slot.cpus, max(cpus))):
        if most > largest:
            raise InputError(f"{where}.{name}: {most:g}, but the largest node has {largest:g}")
    alone = replace(slot, workers=1).room(machines)
    if slot.workers > alone:
        raise InputError(f"{where}.workers: {slot.workers}, but there is room for {alone}")
    return slot


def _machines() -> list[tuple[float, float]]:
    """List the cores and GPUs of every node that is there."""
    return [(has.get("CPU", 0.0), has.get("GPU", 0.0)) for has in _resources()]


def _resources() -> list[dict[str, float]]:
    """List what every node that is there has, by Ray's names."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def memory_of(slot: Slot) -> float:
    """Return the bytes that a process has on the smallest machine; no bound where it is a GPU's."""
    if slot.gpus:
        return math.inf
    alone = replace(slot, workers=1)
    shares = [
        has["memory"] / alone.room([(has.get("CPU", 0.0), has.get("GPU", 0.0))])
        for has in _resources()
        if has.get("CPU", 0.0) >= slot.cpus and "memory" in has
    ]
    return min(shares, default=math.inf)


class Seat:
    """A process, and the call that it is busy with."""

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
    """Keeps as many processes as there is work and room for."""

    def __init__(self, make: Callable[[], Seat], slot: Slot, shipment: Shipment) -> None:
        self.make, self.slot, self.shipment = make, slot, shipment
        self.seats: list[Seat] = []
        self.broken = 0
        self.room, self.looked = 0, -math.inf

    def resize(self, wanted: int) -> None:
        """Start processes up to what is wanted and the cluster holds; end idle ones beyond it."""
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
        """List the processes that wait for something to do."""
        return [seat for seat in self.seats if seat.started and seat.call is None]

    def each(
        self, method: str, keys: Iterable[K], argument: Callable[[K], Any]
    ) -> Iterator[tuple[K, Any]]:
        """Call a method once for each key, with its argument; yield its result as each ends.

        A call whose machine fails is made again elsewhere. Raises `RunError` once that has failed
        too often, and where a call raised.
        """
        waiting, busy, attempts = list(keys), dict[Seat, K](), Counter[K]()
        while waiting or busy:
            self.resize(len(waiting) + len(busy))
            for seat, key in zip(self.idle(), list(waiting), strict=False):
                waiting.remove(key)
                busy[seat] = key
                seat.ask(method, argument(key))
            for seat, result in self.wait(WAIT):
                key = busy.pop(seat)
                try:
                    yield key, result()
                except ProcessLostError as error:
                    attempts[key] += 1
                    if attempts[key] == ATTEMPTS:
                        message = f"{key}: its process was lost {ATTEMPTS} times: {error}"
                        raise RunError(message) from error
                    waiting.append(key)
                except CallError as error:
                    raise RunError(f"{key}: {error}") from error

    def wait(self, seconds: float) -> list[tuple[Seat, Callable[[], Any]]]:
        """Wait for calls to end, or so long; give each seat with a function of its result.

        That returns what the call did, or raises `ProcessLostError` or `CallError`: the seat is
        gone.
        """
        calls = {seat.call: seat for seat in self.seats if seat.call is not None}
        done, _ = ray.wait(list(calls), num_returns=1, timeout=seconds)
        if done:  # and all others that have ended meanwhile
            done, _ = ray.wait(list(calls), num_returns=len(calls), timeout=0)
        ended: list[tuple[Seat, Callable[[], Any]]] = []
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
                raise RunError(f"no process can start: {_last_line(error)}{_hint()}") from error
            return
        if has_data:
            seat.started, self.broken = True, 0
        else:
            seat.ask("receive", self.shipment.files)

    def _result(self, seat: Seat, call: Any) -> Any:
        try:
            return ray.get(call)
        except (RayTaskError, RayActorError, ObjectLostError, OutOfMemoryError) as error:
            self.end(seat)  # what it raised may have left the device unusable
            # Of a worker that trained together with others, its leader tells.
            cause = error.cause if isinstance(error, RayTaskError) else error
            lost = isinstance(cause, LOST)
            if isinstance(cause, OutOfMemoryError) or (lost and OUT_OF_MEMORY in str(cause)):
                raise CallError("out of memory") from error
            if lost:
                raise ProcessLostError(_last_line(cause)) from error
            raise CallError(_last_line(error)) from error

    def end(self, seat: Seat) -> None:
        """End a process at once."""
        self.seats.remove(seat)
        seat.end()

    def close(self) -> None:
        """End all of them."""
        for seat in list(self.seats):
            self.end(seat)


@contextmanager
def pool_for(
    experiment: ResolvedExperiment, data_digest: str, start: Callable[[Slot, DataAddress], Seat]
) -> Iterator[Pool]:
    """Yield a pool of processes that have the data of an experiment; they end with the block.

    Each is begun by `start`, with what it is given and where its data is.
    """
    slot = slot_here(experiment.config.resources, f"{experiment.where}.resources")
    address = DataAddress.of(experiment.prepared, data_digest, read_cluster().storage)
    pool = Pool(partial(start, slot, address), slot, Shipment(experiment.prepared, address))
    try:
        yield pool
    finally:
        pool.close()


def seat_of(
    kind: type[Member],
    slot: Slot,
    *arguments: Any,
    placement: PlacementGroup | None = None,
    beside: bool = False,
) -> Seat:
    """Start a process in a slot, the first of its `placement` where it is to lead others.

    One that is brief may stand `beside` those that have the cores, instead of waiting for the end
    of another experiment's search; a GPU it waits for. It gets this process's code where it may
    come to run on another machine.
    """
    here = socket.gethostname()
    elsewhere = any(n["NodeManagerHostname"] != here for n in ray.nodes() if n["Alive"])
    first = PlacementGroupSchedulingStrategy(placement, 0) if placement else None
    actor = ray.remote(kind).options(
        num_cpus=0 if beside and not slot.gpus else slot.cpus,
        num_gpus=slot.gpus,
        max_restarts=0,
        runtime_env={"py_modules": [str(Path(seqarena.__file__).parent)]} if elsewhere else None,
        scheduling_strategy="SPREAD" if beside else first,
    )
    return Seat(actor.remote(*arguments), placement)


def _hint() -> str:
    """Say what is most often wrong with a cluster that was not started here."""
    address, _ = named_cluster()
    asked = "were all its machines started with RAY_AUTH_MODE=token and the same token?"
    return f"; {asked} See docs/cluster.md" if address else ""


def _last_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]
