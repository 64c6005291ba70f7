"""What trainings are asked for and what comes of them, as the ledger and the stages keep it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from seqarena.config import Experiment, Record, Scalar, Strict

Hyperparameters = dict[str, Scalar]
DESIGNED = 8  # first trials of a study, of its design: from then on it learns from its own
OF_PRUNING = ("grace", "reduction")
NOT_OF_TRAINING = ("name", "seed", "repetitions", "trials", "search", "timeout")


@dataclass(frozen=True)
class Job:
    """One training that is wanted: a trial of a study, or the final of a repetition."""

    kind: Literal["trial", "final"]
    variant: str
    repetition: int  # from 1
    number: int  # of the trial in its study, from 1; 0 for a final
    hyperparameters: Hyperparameters
    seed: int

    @property
    def name(self) -> str:
        """How a run of it is called."""
        place = f"{self.variant} repetition {self.repetition}"
        return f"{place} trial {self.number}" if self.kind == "trial" else place


class Result(Strict):
    """What came of a training that was run to its end."""

    outcome: Literal["finished", "pruned", "failed"]
    best: tuple[float, float] | None = None  # score and loss of the best weights on valid
    best_epoch: int = 0
    epochs: int = 0
    steps: int = 0  # of the optimiser
    seconds: float = 0.0
    parameters: int = 0
    device: str = ""
    reason: str = ""  # why it failed
    timeout: float | None = None  # seconds, where they were too few
    model: str = ""  # digest of the folder of a final's model


class TriedTrial(Strict):
    """One trial of a study: what was tried, and what came of it."""

    hyperparameters: Hyperparameters
    outcome: Literal["finished", "pruned", "failed"]
    score: float | None  # best on valid; None where it failed
    epochs: int
    seconds: float


class StudyResult(Strict):
    """The best trial of one variant in one repetition, and what its study spent."""

    variant: str
    repetition: int
    hyperparameters: Hyperparameters
    score: float  # of the best trial on valid
    loss: float
    run: str  # of the best trial
    trials: int
    pruned: int
    failed: int
    epochs: int
    steps: int
    seconds: float
    tried: tuple[TriedTrial, ...]  # in order


class SearchResult(Record):
    """All studies of a search."""

    studies: tuple[StudyResult, ...]

    def of(self, variant: str, repetition: int) -> StudyResult:
        """Return the study that a final rests on: its repetition's, or the one that all share."""
        own = [s for s in self.studies if s.variant == variant and s.repetition in (repetition, 1)]
        return max(own, key=lambda study: study.repetition)


class Final(Strict):
    """A trained model of one variant in one repetition."""

    variant: str
    repetition: int
    seed: int
    run: str
    parameters: int
    train_seconds: float
    steps: int
    best_epoch: int
    score: float  # of its weights on valid
    loss: float
    curve: tuple[tuple[int, float], ...]  # epoch, the metric on valid, where it is finite


class Finals(Record):
    """All finals of an experiment, by variant and repetition."""

    finals: tuple[Final, ...]


class Keys:
    """Names trainings by all that decides their result: data, code, what is asked, the budget."""

    def __init__(self, config: Experiment, data: str, code: Callable[[str, str], str]) -> None:
        """Take the digest of the data, and what tells that of the code of a task and a variant."""
        budget = config.protocol.model_dump(exclude=set(NOT_OF_TRAINING))
        asked = {"data": data, "task": config.task, "metric": config.metric}
        self.code = {variant: code(config.task, variant) for variant in config.variants}
        if config.resources.workers > 1:  # each drops out units of its own
            asked["workers"] = str(config.resources.workers)
        self.trial = {**asked, **budget}
        self.final = {name: v for name, v in self.trial.items() if name not in OF_PRUNING}

    def __call__(self, job: Job) -> str:
        """Return the key of a training: runs of the same key have the same result."""
        budget = self.trial if job.kind == "trial" else self.final
        return _digest({**budget, **asdict(job), "code": self.code[job.variant]})

    def study(self, variant: str, repetition: int) -> str:
        """Return the key under which all trials of a study stand."""
        study = {"variant": variant, "repetition": repetition, "code": self.code[variant]}
        return _digest({**self.trial, **study})


def _digest(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
