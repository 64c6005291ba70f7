"""Workers that train one model together, of which the driver speaks to one alone."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import Any

import ray
from ray.util import get_current_placement_group, get_node_ip_address
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from seqarena.cluster.delivery import DataAddress
from seqarena.cluster.slot import Slot
from seqarena.config import Experiment
from seqarena.parallel import PeerLostError
from seqarena.runs import Job
from seqarena.search.worker import Progress, Worker

LAST_WORDS = 10.0  # seconds that a worker has to say why it does not go on


class Leader(Worker):
    """The first of several workers; the others are its own, and end with it.

    It stands in the first bundle of a placement group, the others in one bundle each.
    """

    def __init__(
        self, config: Experiment, address: DataAddress, slot: Slot, checkpoint_every: float
    ) -> None:
        super().__init__(config, address, slot, checkpoint_every)
        placement = get_current_placement_group()
        assert placement is not None
        self.followers: list[Any] = [
            ray.remote(Follower)
            .options(
                num_cpus=slot.cpus,
                num_gpus=slot.gpus,
                max_restarts=0,
                scheduling_strategy=PlacementGroupSchedulingStrategy(placement, bundle),
            )
            .remote(config, address, slot, checkpoint_every)
            for bundle in range(1, slot.workers)
        ]

    def ready(self) -> bool:
        """Bring the workers together; tell whether the data is there for all of them."""
        address, size = f"{get_node_ip_address()}:{_free_port()}", 1 + len(self.followers)
        joining = [
            follower.join.remote(address, rank, size)
            for rank, follower in enumerate(self.followers, start=1)
        ]
        self.join(address, 0, size)
        ray.get(joining)
        return all([super().ready(), *ray.get([each.ready.remote() for each in self.followers])])

    def receive(self, files: Mapping[str, list[Any]]) -> bool:
        """Give all workers the data that their nodes lack."""
        others = [follower.receive.remote(files) for follower in self.followers]
        return all([super().receive(files), *ray.get(others)])

    def start(self, job: Job, state: bytes | None) -> Progress:
        """Begin a training on all workers, or go on from a state, up to the end of its epoch."""
        others = [follower.start.remote(job, state) for follower in self.followers]
        return self._with(others, lambda: super(Leader, self).start(job, state))

    def go_on(self) -> Progress:
        """Train on all workers up to the end of the epoch, or until the state is to be kept."""
        others = [follower.go_on.remote() for follower in self.followers]
        return self._with(others, super().go_on)

    def _with(self, others: list[Any], train: Callable[[], Progress]) -> Progress:
        """Train while the others do; where one of them fails, raise what it did."""
        try:
            progress = train()
        except PeerLostError:
            ray.get(others, timeout=LAST_WORDS)
            raise
        ray.get(others)
        return progress


class Follower(Worker):
    """A worker that does what its leader does."""

    def start(self, job: Job, state: bytes | None) -> Progress:
        """Begin a training together with the leader."""
        return self._or_leave(lambda: super(Follower, self).start(job, state))

    def go_on(self) -> Progress:
        """Go on together with the leader."""
        return self._or_leave(super().go_on)

    def _or_leave(self, train: Callable[[], Progress]) -> Progress:
        try:
            return train()
        except Exception:
            self.group.leave()  # or the leader would wait
            raise


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("", 0))
        return int(free.getsockname()[1])
