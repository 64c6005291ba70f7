"""What a pool keeps many of: a process, on some machine, that computes with prepared data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from seqarena.cluster.delivery import DataAddress, receive
from seqarena.cluster.slot import Slot
from seqarena.config import Experiment
from seqarena.data.store import Prepared


class Member:
    """A Ray actor that keeps torch and the data of an experiment from one call to the next."""

    def __init__(self, config: Experiment, address: DataAddress, slot: Slot) -> None:
        torch.set_num_threads(slot.threads)
        self.config, self.address = config, address
        self._prepared: Prepared | None = None

    @property
    def prepared(self) -> Prepared:
        """The data, once it is there."""
        assert self._prepared is not None
        return self._prepared

    def ready(self) -> bool:
        """Tell, once the process has started, whether the data is there."""
        folder = self.address.find()
        self._prepared = Prepared(folder) if folder else None
        return folder is not None

    def receive(self, files: Mapping[str, list[Any]]) -> bool:
        """Take the data that this machine lacks."""
        self._prepared = Prepared(receive(self.address, files))
        return True
