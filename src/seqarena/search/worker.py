"""The process that trains.

Between calls it does nothing: the driver decides after every epoch whether a training goes on.
"""

from __future__ import annotations

import io
import time
from dataclasses import dataclass, field

import torch

from seqarena.cluster.delivery import DataAddress
from seqarena.cluster.member import Member
from seqarena.cluster.slot import Slot
from seqarena.config import Experiment
from seqarena.data.folds import of_repetition
from seqarena.device import default_device
from seqarena.epochs import Epoch
from seqarena.fit import Training
from seqarena.inference import predict_split
from seqarena.parallel import ALONE, Group
from seqarena.runs import Job
from seqarena.tasks.conformal import Calibrates
from seqarena.tracking.hardware import SystemMetrics, hardware


@dataclass(frozen=True)
class Progress:
    """What a call brings: an epoch, or a part of one and the state to go on from."""

    epoch: Epoch | None
    steps: int  # of the optimiser, since the beginning
    parameters: int
    device: str
    state: bytes | None = None
    weights: dict[str, torch.Tensor] | None = None  # at the end, where they were asked for
    system: dict[str, float] = field(default_factory=dict)  # see `SystemMetrics`
    hardware: str = ""  # the kind of the device
    threads: int = 1

    @property
    def about(self) -> dict[str, str]:
        """Return what is known once it has begun, as tags of its run."""
        known = {"parameters": self.parameters, "device": self.device}
        known |= {"hardware": self.hardware, "threads": self.threads}
        return {name: str(value) for name, value in known.items()}


class Worker(Member):
    """Trains one job at a time, call by call."""

    def __init__(
        self, config: Experiment, address: DataAddress, slot: Slot, checkpoint_every: float
    ) -> None:
        super().__init__(config, address, slot)
        self.checkpoint_every = checkpoint_every  # seconds
        self.training: Training | None = None
        self.keep_weights = False
        self.saved = 0.0
        self.group = ALONE
        self.system = SystemMetrics(default_device())

    def join(self, address: str, rank: int, size: int) -> None:
        """Become one of several workers that train together."""
        self.group = Group.join(address, rank, size, default_device())

    def start(self, job: Job, state: bytes | None) -> Progress:
        """Begin a training, or go on from a state, up to the end of its epoch."""
        self.training = None  # the memory of the last one is free before this one needs it
        self.training = Training(
            self.config,
            of_repetition(self.prepared, job.repetition),
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
        self.system = SystemMetrics(self.training.device)
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
                _calibrate(training)
                weights = {n: tensor.cpu() for n, tensor in training.model.state_dict().items()}
        elif self._is_time_to_save(epoch):
            whole = training.state_dict()  # of all workers that train together
            if self.group.rank == 0:
                file = io.BytesIO()
                torch.save(whole, file)
                state = file.getvalue()
            self.saved = time.perf_counter()
        return Progress(
            epoch,
            training.optimizer.updates,
            training.parameters,
            str(training.device),
            state,
            weights,
            self.system.sample() if epoch else {},
            hardware(training.device),
            torch.get_num_threads(),
        )

    def _is_time_to_save(self, epoch: Epoch | None) -> bool:
        late = time.perf_counter() - self.saved >= self.checkpoint_every
        return epoch is None or self.group.any(late)


def _calibrate(training: Training) -> None:
    """Set by valid what a final says, where its task does so."""
    task, model = training.task, training.model
    if isinstance(task, Calibrates):
        task.calibrate(
            model, predict_split(model, task, training.valid, training.spec, training.protocol)
        )
