"""What runs in a worktree: one training again, and its test, by the code that is there.

This file is run as a script beside any commit, so it imports what has long been there alone.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqarena.experiments import ResolvedExperiment
    from seqarena.runs import Job
    from seqarena.search.finals import FinalTraining

TESTED = "final"  # how the one model is called
COUNTS = ("epochs", "best_epoch", "steps", "parameters")  # of a result


@dataclass(frozen=True)
class Asked:
    """A training as it was recorded."""

    experiment: str
    job: dict[str, Any]  # the fields of `Job`
    key: str
    data: str  # digest of the prepared data
    pruned: int = 0  # the epoch that it was ended after, for being behind others


@dataclass(frozen=True)
class Answer:
    """What came of it; only the key where that is another, since nothing was trained then."""

    key: str
    outcome: str = ""
    reason: str = ""
    model: str = ""  # digest
    metrics: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


def main() -> None:
    """Read what is asked from the first file that is named, write the answer to the second."""
    from seqarena.cluster.session import cluster
    from seqarena.tracking.follower import end_with

    end_with(os.environ["SEQARENA_FOLLOWED"])
    asked = Asked(**json.loads(Path(sys.argv[1]).read_text()))
    with cluster():
        answer = _again(asked)
    Path(sys.argv[2]).write_text(json.dumps(asdict(answer)))


def _again(asked: Asked) -> Answer:
    from seqarena.data.store import Prepared
    from seqarena.progress import Progress
    from seqarena.runs import Job
    from seqarena.search.execute import Execution
    from seqarena.search.records import Records
    from seqarena.search.training_pool import training_pool
    from seqarena.tasks import task_for
    from seqarena.tracking.ledger import Ledger
    from seqarena.tracking.recorder import Recorder

    experiment, job = _experiment(asked.experiment), Job(**asked.job)
    config = experiment.config
    recorder = Recorder(Ledger(experiment.ledger, experiment.name), {"data.digest": asked.data})
    bounds = task_for(config.task).metrics[config.metric].bounds
    records = Records(experiment, recorder, bounds)
    key = records.keys(job) if job.variant in records.keys.code else ""
    if key != asked.key:
        return Answer(key)
    training = _training(experiment, job, Prepared(experiment.prepared).spec, asked.pruned)
    display = Progress(f"reproduce {experiment.name}", 1)
    with display, training_pool(experiment, asked.data) as pool:
        Execution(records, display).run([training], pool)
    run, result = recorder.ledger.run(training.run), training.result
    tested = _test(experiment, asked.data, training.folder) if result.model else {}
    counts = {name: getattr(result, name) for name in COUNTS}
    metrics = {**run.metrics, **tested}
    return Answer(key, result.outcome, result.reason, result.model, metrics, counts, run.tags)


def _experiment(name: str) -> ResolvedExperiment:
    """Read a section of params.yaml, without a look at files that only `fetch` reads."""
    from seqarena.config import PARAMS, Experiment, parse, read_params, with_named_protocol
    from seqarena.errors import unknown
    from seqarena.experiments import ResolvedExperiment

    params, where = read_params(), f"{PARAMS}: experiments.{name}"
    if name not in params["experiments"]:
        raise unknown(f"{PARAMS}: experiments", "experiment", name, params["experiments"])
    section = params["experiments"][name]
    section = with_named_protocol(section, params.get("protocols"), PARAMS, where)
    return ResolvedExperiment(name, parse(Experiment, section, where), where)


def _training(experiment: ResolvedExperiment, job: Job, spec: Any, pruned: int) -> FinalTraining:
    from seqarena.search.finals import FinalTraining

    class Again(FinalTraining):
        """Ends where it was ended, for what it was behind is not here."""

        def prune(self, epoch: int, score: float, loss: float) -> bool:
            return bool(pruned) and epoch >= pruned

    return Again(experiment, job, spec)


def _test(experiment: ResolvedExperiment, data: str, folder: Path) -> dict[str, float]:
    from seqarena.data.store import Prepared
    from seqarena.evaluation.estimand import groups_of
    from seqarena.evaluation.scorer import test_finals

    groups = groups_of(Prepared(experiment.prepared).split("test"))
    ((_, tested),) = test_finals(experiment, data, {TESTED: folder}, groups, [])
    return {f"test_{name}": value for name, value in tested.metrics.items()}


if __name__ == "__main__":
    from seqarena.errors import exit_with_one_line

    exit_with_one_line(main)
