"""Experiments by name: their section of params.yaml against every registry, and their folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqarena.baselines.registry import baseline_for
from seqarena.config import PARAMS, Experiment, Strict, parse, read_params
from seqarena.data.labelled import LabelledOptions
from seqarena.data.modalities import modality
from seqarena.data.modalities.base import Modality
from seqarena.datasets import dataset
from seqarena.datasets.base import Dataset
from seqarena.errors import InputError, unknown
from seqarena.models.variants import VARIANTS, variant_for
from seqarena.spaces import space_of
from seqarena.tasks import StepTask, Task, task_for


@dataclass(frozen=True)
class Arena:
    """One experiment, checked: everything its stages need, and where they keep it."""

    name: str
    config: Experiment
    dataset: Dataset
    modality: Modality
    options: Strict  # of the modality
    task: Task

    @property
    def raw(self) -> Path:
        return Path("data/raw") / self.name

    @property
    def prepared(self) -> Path:
        return Path("data/prepared") / self.name

    @property
    def models(self) -> Path:
        return Path("models") / self.name

    @property
    def results(self) -> Path:
        return Path("results") / self.name

    @property
    def ledger(self) -> Path:
        return self.results / "ledger.jsonl"

    @property
    def spells(self) -> bool:
        """Whether a variant writes by CTC."""
        return any(VARIANTS[name].decoder == "ctc" for name in self.config.variants)

    def resolved(self) -> dict[str, Any]:
        """Return the whole configuration as plain data, every default visible."""
        where = f"experiments.{self.name}"
        plain = self.config.model_dump(exclude={"space"})
        plain["modality"] = self.dataset.modality
        plain["prepare"] = self.options.model_dump(mode="json")
        plain["space"] = {
            variant: {
                key: value.model_dump() if isinstance(value, Strict) else value
                for key, value in space_of(self.config, variant, where).items()
            }
            for variant in self.config.variants
        }
        return plain


def load(name: str, path: Path = PARAMS) -> Arena:
    """Check one experiment against every registry; raises `InputError` for the first mistake."""
    experiments = read_params(path)["experiments"]
    if name not in experiments:
        raise unknown(f"{path}: experiments", "experiment", name, experiments)
    where = f"{path}: experiments.{name}"
    config = parse(Experiment, experiments[name], where)
    kind = modality(config.modality, f"{where}.modality")
    source = dataset(config.data, config.modality, f"{where}.data")
    task = task_for(config.task, f"{where}.task")
    if source.modality not in task.modalities:
        fitting = ", ".join(sorted(task.modalities))
        raise InputError(f"{where}.task: {config.task} takes {fitting}, not {source.modality}")
    if config.metric not in task.metrics:
        raise unknown(f"{where}.metric", f"{config.task} metric", config.metric, task.metrics)
    for variant in config.variants:
        _check_variant(variant, source.modality, task, config.task, f"{where}.variants")
        if config.protocol.truncate and not _carries(task, variant):
            reason = f"{variant} on {config.task} carries no state from step to step; expected null"
            raise InputError(f"{where}.protocol.truncate: {reason}")
        space_of(config, variant, where)
    for baseline in config.baselines:
        place = f"{where}.baselines"
        baseline_for(baseline, config.task, source.modality, config.metric, place)
    options = parse(kind.Options, config.prepare, f"{where}.prepare")
    if isinstance(options, LabelledOptions) and options.targets not in task.targets:
        fitting = " or ".join(sorted(task.targets))
        place = f"{where}.prepare.targets"
        raise InputError(f"{place}: {config.task} takes {fitting}, not {options.targets}")
    return Arena(name, config, source, kind, options, task)


def _check_variant(name: str, kind: str, task: Task, task_name: str, where: str) -> None:
    reason = task.objection(variant_for(name, kind, where))
    if reason is not None:
        able = (n for n, v in VARIANTS.items() if kind in v.modalities and not task.objection(v))
        raise InputError(f"{where}: '{name}' {reason}; {task_name} takes {', '.join(able)}")


def _carries(task: Task, variant: str) -> bool:
    return isinstance(task, StepTask) and VARIANTS[variant].reads == "past"
