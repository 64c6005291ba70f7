"""What trainings are asked for and what comes of them, as the ledger and the stages keep it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from seqarena.config import Experiment, Record, Scalar, Strict
from seqarena.files import digest_of, sha256_of

Hyperparameters = dict[str, Scalar]
# What decides the weights that a training ends with, held by a test to be what `fit` imports.
CODE = (
    "data/batches",
    "data/pitches",
    "data/spelling",
    "data/store",
    "data/targets",
    "data/tokens",
    "decode",
    "device",
    "fit",
    "inference",
    "models",
    "optimizer",
    "parallel",
    "tasks",
)
DESIGNED = 4  # first trials of a study, of its design: from then on it learns from its own
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

    def __init__(self, config: Experiment, data: str) -> None:
        budget = config.protocol.model_dump(exclude=set(NOT_OF_TRAINING))
        asked = {"data": data, "code": code_digest(), "task": config.task, "metric": config.metric}
        if config.resources.workers > 1:  # each drops out units of its own
            asked["workers"] = str(config.resources.workers)
        self.trial = {**asked, **budget}
        self.final = {name: v for name, v in self.trial.items() if name not in OF_PRUNING}

    def __call__(self, job: Job) -> str:
        """Return the key of a training: runs of the same key have the same result."""
        return _digest({**(self.trial if job.kind == "trial" else self.final), **asdict(job)})

    def study(self, variant: str, repetition: int) -> str:
        """Return the key under which all trials of a study stand."""
        return _digest({**self.trial, "variant": variant, "repetition": repetition})


def code_digest() -> str:
    """Digest the code that trains."""
    package = Path(__file__).parent
    files = {name: _content(package / name) for name in CODE}
    return _digest(files)


def _content(path: Path) -> str:
    return digest_of(path, "*.py") if path.is_dir() else sha256_of(path.with_suffix(".py"))


def _digest(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
