"""The data of an experiment, checked; reading this much of params.yaml needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seqarena.config import PARAMS, Experiment, Strict, parse, read_params
from seqarena.data.datasets import dataset
from seqarena.data.datasets.base import Dataset
from seqarena.data.modalities import modality
from seqarena.data.modality import Modality
from seqarena.errors import unknown


@dataclass(frozen=True)
class ExperimentData:
    """Where an experiment's data comes from, how it is prepared, and where it is kept."""

    name: str
    config: Experiment
    dataset: Dataset
    modality: Modality
    options: Strict  # of the modality

    @property
    def raw(self) -> Path:
        return Path("data/raw") / self.name

    @property
    def prepared(self) -> Path:
        return Path("data/prepared") / self.name


def data_of(name: str, path: Path = PARAMS) -> ExperimentData:
    """Check the data of one experiment; raises `InputError` for the first mistake."""
    experiments = read_params(path)["experiments"]
    if name not in experiments:
        raise unknown(f"{path}: experiments", "experiment", name, experiments)
    where = f"{path}: experiments.{name}"
    config = parse(Experiment, experiments[name], where)
    kind = modality(config.modality, f"{where}.modality")
    source = dataset(config.data, config.modality, f"{where}.data")
    options = parse(kind.Options, config.prepare, f"{where}.prepare")
    return ExperimentData(name, config, source, kind, options)
