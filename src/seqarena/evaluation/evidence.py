"""What there is to judge a budget by: how finals learned, what was searched, what was tested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from seqarena.baselines.registry import BASELINES
from seqarena.config import Protocol
from seqarena.data.folds import folds_of
from seqarena.data.store import SPLITS, Prepared
from seqarena.data.targets import class_counts
from seqarena.evaluation.tuning_record import Tuning
from seqarena.experiments import ResolvedExperiment
from seqarena.records import Comparison, Summary
from seqarena.runs import Final
from seqarena.tasks import task_for
from seqarena.tasks.metric import Bounds
from seqarena.tracking.ledger import Ledger


class Losses(NamedTuple):
    """The mean losses of one epoch."""

    train: float
    valid: float


@dataclass(frozen=True)
class Course:
    """How one final learned, and what it came to."""

    final: Final
    losses: Mapping[int, Losses]  # by epoch, as far as they are known
    tested: float  # the metric on test


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that the remarks on one experiment rest on."""

    protocol: Protocol
    bounds: Bounds
    summary: Summary
    best: str  # variant
    visible: float | None  # the smallest gap that would have been seen, in the metric's unit
    repetitions_help: bool  # to decide a gap that is not
    groups: int  # of the test split that are independent of each other
    examples: int | None  # to learn from, where these do not overlap as windows of series do
    courses: Mapping[str, Sequence[Course]]  # by variant
    constants: Mapping[str, float]  # baselines that say the same of everything, on test
    tuning: Tuning
    absent: Mapping[str, Sequence[str]]  # split -> classes that it lacks, if any


def evidence_of(
    experiment: ResolvedExperiment,
    prepared: Prepared,
    finals: Mapping[str, Sequence[Final]],
    ledger: Ledger,
    *,
    groups: int,
    summary: Summary,
    comparison: Comparison,
    tuning: Tuning,
) -> Evidence:
    """Gather what the remarks on an experiment rest on; `finals` are of each variant."""
    return Evidence(
        protocol=experiment.config.protocol,
        bounds=task_for(experiment.config.task).metrics[summary.metric].bounds,
        summary=summary,
        best=comparison.best,
        visible=comparison.visible,
        repetitions_help=any(pair.repetitions for pair in comparison.pairs.values()),
        groups=groups,
        examples=examples_of(prepared),
        courses=courses_of(finals, summary, ledger),
        constants=constants_of(summary),
        tuning=tuning,
        absent=absent_classes(prepared),
    )


def examples_of(prepared: Prepared) -> int | None:
    """Count what a training has to learn from, in the fold that has the least."""
    if prepared.spec.modality == "series":
        return None
    return min(len(fold.split("train")) for fold in folds_of(prepared))


def courses_of(
    finals: Mapping[str, Sequence[Final]], summary: Summary, ledger: Ledger
) -> dict[str, list[Course]]:
    """Put beside each final its losses, as the ledger has them, and its value on test."""
    return {
        variant: [
            Course(final, _losses(ledger, final.run), tested)
            for final, tested in zip(group, summary.variants[variant].values, strict=True)
        ]
        for variant, group in finals.items()
    }


def _losses(ledger: Ledger, run: str) -> dict[int, Losses]:
    return {
        epoch: Losses(values["train_loss"], values["valid_loss"])
        for epoch, values in ledger.run(run).curve.items()
        if values.keys() >= {"train_loss", "valid_loss"}
    }


def constants_of(summary: Summary) -> dict[str, float]:
    """Return the values of the baselines that say the same of every sequence."""
    return {name: value for name, value in summary.references.items() if BASELINES[name].constant}


def absent_classes(prepared: Prepared) -> dict[str, list[str]]:
    """Return for each split that lacks classes their names; no split where there are no classes."""
    classes = prepared.spec.classes
    if not classes:
        return {}
    counted = {split: class_counts(prepared.split(split), len(classes)) for split in SPLITS}
    absent = {
        split: [name for name, count in zip(classes, counts, strict=True) if not count]
        for split, counts in counted.items()
    }
    return {split: names for split, names in absent.items() if names}
