"""An experiment against every registry, before anything of it is started."""

from __future__ import annotations

from typing import Any

from seqarena.baselines.registry import baseline_for
from seqarena.config import Strict
from seqarena.data.labelled import LabelledOptions
from seqarena.data.modalities import modality, options_of
from seqarena.data.spelling import most_steps, warn_of_unspellable
from seqarena.data.store import Prepared
from seqarena.datasets import dataset_of
from seqarena.errors import InputError, unknown
from seqarena.experiments import ResolvedExperiment
from seqarena.models.variants import VARIANTS, variant_for
from seqarena.spaces import space_of
from seqarena.tasks import AnyTask, StepTask, task_for


def validate(experiment: ResolvedExperiment) -> None:
    """Raise `InputError` for the first key of an experiment that does not fit the others."""
    config, where = experiment.config, experiment.where
    kind = config.modality
    modality(kind, f"{where}.modality")
    dataset_of(config, where)
    task = task_for(config.task, f"{where}.task")
    if kind not in task.modalities:
        fitting = ", ".join(sorted(task.modalities))
        raise InputError(f"{where}.task: {config.task} takes {fitting}, not {kind}")
    if config.metric not in task.metrics:
        raise unknown(f"{where}.metric", f"{config.task} metric", config.metric, task.metrics)
    if not task.metrics[config.metric].chooses:
        able = ", ".join(name for name, metric in task.metrics.items() if metric.chooses)
        message = f"{config.metric} is told beside the others, and chooses no model; known: {able}"
        raise InputError(f"{where}.metric: {message}")
    if config.protocol.balance != "none" and not task.of_one_class:
        reason = f"{config.task} has no class for a whole sequence; expected none"
        raise InputError(f"{where}.protocol.balance: {reason}")
    _check_variants(experiment, task)
    for baseline in config.baselines:
        baseline_for(baseline, config.task, kind, config.metric, f"{where}.baselines")
    if "folds" in config.prepare and kind == "series":
        reason = "a series is split by time, so that what validates comes after what is learned"
        raise InputError(f"{where}.prepare.folds: {reason}; expected `valid`, its share")
    options = options_of(experiment.config, experiment.where)
    if isinstance(options, LabelledOptions) and options.targets not in task.targets:
        fitting = " or ".join(sorted(task.targets))
        place = f"{where}.prepare.targets"
        raise InputError(f"{place}: {config.task} takes {fitting}, not {options.targets}")


def inspect_prepared(experiment: ResolvedExperiment) -> None:
    """Warn of targets that no variant could spell by CTC, where one writes by it."""
    if any(VARIANTS[name].decoder == "ctc" for name in experiment.config.variants):
        prepared = Prepared(experiment.prepared)
        warn_of_unspellable(prepared, most_steps(prepared.spec), "CTC")


def resolved(experiment: ResolvedExperiment) -> dict[str, Any]:
    """Return the whole configuration as plain data, every default visible."""
    config = experiment.config
    plain = config.model_dump(exclude={"space"})
    plain["prepare"] = options_of(experiment.config, experiment.where).model_dump(mode="json")
    plain["space"] = {
        variant: {
            key: value.model_dump() if isinstance(value, Strict) else value
            for key, value in space_of(config, variant, experiment.where).items()
        }
        for variant in config.variants
    }
    return plain


def _check_variants(experiment: ResolvedExperiment, task: AnyTask) -> None:
    config, where = experiment.config, experiment.where
    for variant in config.variants:
        _check_variant(variant, config.modality, task, config.task, f"{where}.variants")
        if config.protocol.truncate and not _carries(task, variant):
            reason = f"{variant} on {config.task} carries no state from step to step; expected null"
            raise InputError(f"{where}.protocol.truncate: {reason}")
        space_of(config, variant, where)


def _check_variant(name: str, kind: str, task: AnyTask, task_name: str, where: str) -> None:
    reason = task.incompatibility(variant_for(name, kind, where))
    if reason is not None:
        able = (
            n for n, v in VARIANTS.items() if kind in v.modalities and not task.incompatibility(v)
        )
        raise InputError(f"{where}: '{name}' {reason}; {task_name} takes {', '.join(able)}")


def _carries(task: AnyTask, variant: str) -> bool:
    entry = VARIANTS[variant]  # a CRF scores the labels of a whole sequence
    return isinstance(task, StepTask) and entry.context == "causal" and not entry.crf
