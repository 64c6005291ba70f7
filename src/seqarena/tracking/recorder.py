"""Where a stage tells what happened: the ledger, which MLflow follows."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from seqarena.experiments import ResolvedExperiment
from seqarena.files import digest_of
from seqarena.progress import FOLLOWED
from seqarena.tracking.events import Kind
from seqarena.tracking.follower import end_with
from seqarena.tracking.ledger import Ledger
from seqarena.tracking.lineage import FOLDER, keep_lineage
from seqarena.tracking.lock import only_run
from seqarena.tracking.mlflow.projection import Projection
from seqarena.tracking.prepared import check_prepared


def _current(is_current: bool) -> dict[str, str]:
    return {"current": str(is_current).lower()}


def _nobody() -> None:
    """Show it to nobody."""


@dataclass(frozen=True)
class Recorder:
    """The ledger of an experiment, the tags all its runs carry, and its projection."""

    ledger: Ledger
    tags: dict[str, str]
    maybe_update: Callable[[], object] = _nobody  # cheap: for hot loops
    update: Callable[[], object] = _nobody  # everything up to now
    lineage: tuple[Path, ...] = ()  # the files that say what all its runs are made of

    def trace(self, run: str) -> None:
        """Show in a run what it is made of; trials stand under a search that shows it."""
        for path in self.lineage:
            self.ledger.artifact(run, path, FOLDER)

    def mark_current(self, current: Collection[str], *kinds: Kind) -> None:
        """Tag the runs of some kinds that the results rest on, and those that they rested on.

        Of a larger budget, other code or other data, the former ones stay to be seen.
        """
        for run, record in self.ledger.runs().items():
            tags = _current(run in current)
            if record.kind in kinds and not tags.items() <= record.tags.items():
                self.ledger.tag(run, tags)


@contextmanager
def recorder_for(experiment: ResolvedExperiment) -> Iterator[Recorder]:
    """Open an experiment's ledger for a stage; MLflow holds all of it when the block ends.

    Raises `InputError` where another run of the experiment has it, or the prepared data is damaged.
    """
    follower = os.environ.get(FOLLOWED, "")
    if follower:
        end_with(follower)
    # Who follows has locked it.
    with nullcontext() if follower else only_run(experiment.results):
        yield from _record(experiment, bool(follower))


def _record(experiment: ResolvedExperiment, followed: bool) -> Iterator[Recorder]:
    made = keep_lineage(experiment, check_prepared(experiment))
    ledger = Ledger(experiment.ledger, experiment.name)
    ledger.close_orphans()
    tags = {
        "experiment": experiment.name,
        "modality": experiment.config.modality,
        "data.name": experiment.config.own.path,
        "data.digest": digest_of(experiment.prepared),
        "lineage": made.digest,
        "command": made.command,
        **_current(True),
    }
    if followed:
        yield Recorder(ledger, tags, lineage=made.files)
        return
    projection = Projection(ledger)
    try:
        yield Recorder(ledger, tags, projection.maybe_update, projection.update, made.files)
    finally:
        projection.update()
