"""Finals over the test split, on the processes of a cluster."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from seqarena.cluster.delivery import DataAddress
from seqarena.cluster.member import Member
from seqarena.cluster.pool import Seat, pool_for, seat_of
from seqarena.cluster.slot import Slot
from seqarena.config import Experiment
from seqarena.data.store import Array
from seqarena.device import computable, default_device
from seqarena.evaluation.scoring import Tested, test_model
from seqarena.experiments import ResolvedExperiment
from seqarena.predict import Predictor, model_files


class Scorer(Member):
    """Tests one model at a time."""

    def __init__(
        self,
        config: Experiment,
        address: DataAddress,
        slot: Slot,
        groups: Array,
        drawn: list[int],
    ) -> None:
        super().__init__(config, address, slot)
        self.groups, self.drawn = groups, drawn
        self.device = default_device()
        # Of the device that is here: that of the trainings may have been another.
        protocol = computable(config.protocol, self.device)
        self.config = config.model_copy(update={"protocol": protocol})

    def test(self, files: Mapping[str, bytes]) -> Tested:
        """Test the model of a folder, given by its files."""
        with tempfile.TemporaryDirectory() as folder:
            for name, content in files.items():
                (Path(folder) / name).write_bytes(content)
            predictor = Predictor(Path(folder), self.device)
        return test_model(predictor, self.prepared, self.config, self.groups, self.drawn)


def test_finals(
    experiment: ResolvedExperiment,
    data_digest: str,
    models: Mapping[str, Path],
    groups: Array,
    drawn: list[int],
) -> Iterator[tuple[str, Tested]]:
    """Test the models of some folders; yield the name and the outcome of each as it comes.

    `groups` ``(N,)`` number what is independent, see `groups_of`; of the examples `drawn` the
    attention is kept. Raises `InputError` naming the file of a model that is damaged, `RunError`
    where a model cannot be tested.
    """
    config = experiment.config
    resources = config.resources.model_copy(update={"workers": 1})  # a model fits into one of them
    alone = replace(experiment, config=config.model_copy(update={"resources": resources}))
    with pool_for(alone, data_digest, partial(_start, config, groups, drawn)) as pool:
        if not pool.slot.gpus:
            computable(config.protocol, torch.device("cpu"))  # warns here, where it is seen
        yield from pool.each("test", models, lambda name: model_files(models[name]))


def _start(
    config: Experiment, groups: Array, drawn: list[int], slot: Slot, address: DataAddress
) -> Seat:
    return seat_of(Scorer, slot, config, address, slot, groups, drawn, beside=True)
