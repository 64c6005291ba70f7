"""Experiments whose searches and finals take seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from seqarena.config import Experiment
from seqarena.data.store import DataSpec, Prepared
from seqarena.data.tokens import TARGET_SPECIALS
from seqarena.experiments import ResolvedExperiment
from seqarena.models.variants import VARIANTS
from seqarena.runs import SearchResult
from seqarena.spaces import AVERAGE
from seqarena.tasks import TASKS, StepTask
from seqarena.tracking.ledger import Ledger
from seqarena.tracking.recorder import Recorder

KINDS = {"labelling": "labels", "regression": "number", "transduction": "words"}
KINDS["multi_label_classification"] = "label_set"
KINDS |= dict.fromkeys(("language_modelling", "music_modelling"), "next")
ASKED = [(task, modality) for task, entry in TASKS.items() for modality in sorted(entry.modalities)]
Prepare = Callable[..., Path]
Make = Callable[..., Experiment]
Choose = Callable[..., dict[str, Any]]
LIKED = ("lstm_attention", "stacked_lstm", "lstm", "bag_attention")  # the first that fits a task


def tiny(folder: Path, task: str, spec: DataSpec, prepare: Prepare) -> Prepared:
    """Prepare a little data with the targets that a task takes."""
    if task == "transduction":
        words = (*TARGET_SPECIALS, "good", "bad")
        spec = replace(spec, target_vocabulary=words, target_unit="words", max_target_length=3)
    if task == "regression":
        spec = replace(spec, target={"mean": 0.0, "std": 1.0})
    return Prepared(prepare(folder, spec, targets=KINDS.get(task, "label")))


def config_for(
    make: Make, task: str, modality: str, variants: tuple[str, ...], **space: Any
) -> Any:
    metric = next(iter(TASKS[task].metrics))
    change = {"task": task, "metric": metric, "space": space, "modality": modality}
    return make(modality, variants).model_copy(update=change)


def trial_of(
    make: Make, choose: Choose, task: str, modality: str, batch_size: int, dropout: float
) -> tuple[Experiment, str, dict[str, Any]]:
    """Return an experiment of a task, a variant that fits it and hyperparameters to train it."""
    entry = TASKS[task]
    variant = next(
        name
        for name in LIKED
        if modality in VARIANTS[name].modalities and not entry.incompatibility(VARIANTS[name])
    )
    config = config_for(make, task, modality, (variant,))
    truncate = 3 if isinstance(entry, StepTask) else None
    protocol = {"epochs": 3, "patience": 3, "batch_size": batch_size, "truncate": truncate}
    config = config.model_copy(update={"protocol": config.protocol.model_copy(update=protocol)})
    more = {**AVERAGE, **entry.added_space(VARIANTS[variant], modality)}
    own = {name: value[0] if isinstance(value, list) else value for name, value in more.items()}
    return config, variant, choose(variant, modality, dropout=dropout, **own)


def balanced(config: Experiment, balance: str) -> Experiment:
    """Return an experiment whose classes are to learn alike."""
    protocol = config.protocol.model_copy(update={"balance": balance})
    return config.model_copy(update={"protocol": protocol})


def make_uneven(prepared: Path) -> None:
    """Let a fourth of train be of the second class alone."""
    path = prepared / "train" / "targets.npy"
    classes = np.arange(len(np.load(path)))
    np.save(path, (classes % 4 == 0).astype(np.int64))


def over(config: Experiment, prepared: Path, root: Path) -> ResolvedExperiment:
    """Make the experiment `toy` of a project at `root` over data that is prepared elsewhere."""
    experiment = ResolvedExperiment("toy", config, "params.yaml: experiments.toy", root)
    experiment.prepared.parent.mkdir(parents=True, exist_ok=True)
    if not experiment.prepared.exists():
        experiment.prepared.symlink_to(prepared)
    return experiment


def recorder_at(root: Path, **tags: str) -> Recorder:
    """Make a recorder without MLflow; the data always counts as the same."""
    return Recorder(Ledger(root / "ledger.jsonl", "toy"), {"data.digest": "d", **tags})


def comparable(result: SearchResult) -> list[dict[str, Any]]:
    """What must be the same however and wherever a search is run."""
    times = {"run": True, "seconds": True, "tried": {"__all__": {"seconds"}}}
    return [study.model_dump(exclude=times) for study in result.studies]
