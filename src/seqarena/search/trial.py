"""One trial in a Ray worker; the actor is reused, so torch is imported once per worker."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from ray import tune

from seqarena.config import Experiment
from seqarena.data.store import Prepared
from seqarena.fit import Epoch, Training


class Trial(tune.Trainable):
    """Steps the same generator of epochs that every other launcher drives."""

    def setup(
        self,
        config: dict[str, Any],
        experiment: Experiment | None = None,
        prepared: str = "",
        threads: int = 1,
    ) -> None:
        assert experiment is not None
        torch.set_num_threads(threads)
        self.experiment, self.prepared = experiment, Prepared(Path(prepared))
        self._start(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._start(new_config)
        return True

    def _start(self, config: dict[str, Any]) -> None:
        self.training = Training(
            self.experiment,
            self.prepared,
            config["variant"],
            config["hyperparameters"],
            self.experiment.protocol.seed,
        )
        self.epochs: Iterator[Epoch] = self.training.epochs()
        self.objective = math.nan
        self.seconds = 0.0

    def step(self) -> dict[str, Any]:
        """Train one epoch; `objective` is the best validation score so far, NaN if none."""
        epoch = next(self.epochs)
        if epoch.improved:
            self.objective = epoch.scores[self.experiment.metric]
        self.seconds += epoch.seconds
        return {
            "epoch": epoch.epoch,
            "objective": self.objective,
            "values": epoch.values(),
            "seconds": self.seconds,
            "parameters": self.training.parameters,
            "device": str(self.training.device),
            "last": epoch.last,  # `done` too, but Tune also sets that on a trial which ASHA stops
            "done": epoch.last,
        }

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Trials are short and are never paused: there is nothing to save."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """See `save_checkpoint`."""
