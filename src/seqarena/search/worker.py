"""The process that trains: a Ray actor that keeps torch and the data from one training to the next.

Between calls it does nothing: the driver decides after every epoch whether a training goes on.
"""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from seqarena.config import Experiment
from seqarena.data.store import Prepared
from seqarena.device import default_device
from seqarena.fit import Epoch, Training
from seqarena.parallel import ALONE, Group
from seqarena.runs import Job
from seqarena.search.delivery import DataAddress, receive
from seqarena.search.slot import Slot


@dataclass(frozen=True)
class Progress:
    """What a call brings: an epoch, or a part of one and the state to go on from."""

    epoch: Epoch | None
    steps: int  # of the optimiser, since the beginning
    parameters: int
    device: str
    state: bytes | None = None
    weights: dict[str, torch.Tensor] | None = None  # at the end, where they were asked for


class Worker:
    """Trains one job at a time, call by call."""

    def __init__(
        self, config: Experiment, address: DataAddress, slot: Slot, checkpoint_every: float
    ) -> None:
        torch.set_num_threads(slot.threads)
        self.checkpoint_every = checkpoint_every  # seconds
        self.config, self.address = config, address
        self.prepared: Prepared | None = None
        self.training: Training | None = None
        self.keep_weights = False
        self.saved = 0.0
        self.group = ALONE

    def join(self, address: str, rank: int, size: int) -> None:
        """Become one of several workers that train together."""
        self.group = Group.join(address, rank, size, default_device())

    def ready(self) -> bool:
        """Tell, once the process has started, whether the data is there."""
        folder = self.address.find()
        self.prepared = Prepared(folder) if folder else None
        return self.prepared is not None

    def receive(self, files: Mapping[str, list[Any]]) -> bool:
        """Take the data that this node lacks."""
        self.prepared = Prepared(receive(self.address, files))
        return True

    def start(self, job: Job, state: bytes | None) -> Progress:
        """Begin a training, or go on from a state, up to the end of its epoch."""
        self.training = None  # the memory of the last one is free before this one needs it
        assert self.prepared is not None
        self.training = Training(
            self.config,
            self.prepared,
            job.variant,
            dict(job.hyperparameters),
            job.seed,
            group=self.group,
        )
        self.keep_weights = job.kind == "final"
        if state is not None:
            kept = torch.load(
                io.BytesIO(state), map_location=self.training.device, weights_only=True
            )
            self.training.load_state_dict(kept)
        self.saved = time.perf_counter()
        return self._train()

    def go_on(self) -> Progress:
        """Train up to the end of the epoch, or until the state is to be kept."""
        return self._train()

    def _train(self) -> Progress:
        training = self.training
        assert training is not None
        epoch = training.advance(self.saved + self.checkpoint_every - time.perf_counter())
        state = weights = None
        if training.ended:
            if self.keep_weights and self.group.rank == 0:
                weights = {n: tensor.cpu() for n, tensor in training.model.state_dict().items()}
        elif self._is_time_to_save(epoch):
            whole = training.state_dict()  # of all workers that train together
            if self.group.rank == 0:
                file = io.BytesIO()
                torch.save(whole, file)
                state = file.getvalue()
            self.saved = time.perf_counter()
        steps, parameters = training.optimizer.updates, training.parameters
        return Progress(epoch, steps, parameters, str(training.device), state, weights)

    def _is_time_to_save(self, epoch: Epoch | None) -> bool:
        late = time.perf_counter() - self.saved >= self.checkpoint_every
        return epoch is None or self.group.any(late)
