"""The run that is meant: by MLflow's id or the ledger's, or as EXPERIMENT/VARIANT/REPETITION."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from seqarena.errors import InputError, unknown
from seqarena.tracking.events import Kind, Run
from seqarena.tracking.ledger import Ledger
from seqarena.tracking.mlflow.lookup import ledger_run_of

RESULTS = Path("results")
ID = re.compile(r"[0-9a-f]{32}")
SPELLING = "EXPERIMENT, EXPERIMENT/VARIANT/REPETITION[/TRIAL] or the id of a run"


@dataclass(frozen=True)
class Recorded:
    """A run, and the ledger that holds it."""

    ledger: Ledger
    run: Run

    @property
    def experiment(self) -> str:
        """The name of its experiment."""
        return self.ledger.experiment

    @property
    def results(self) -> Path:
        """The folder of the experiment's results."""
        return self.ledger.path.parent


def find(asked: str) -> Recorded:
    """Find a run that ended well and that results rest on, or any by its id.

    Raises `InputError` with the nearest right name.
    """
    ledgers = _ledgers()
    if not ledgers:
        raise InputError(f"{RESULTS}: no run yet; `seqarena run` makes some")
    if ID.fullmatch(asked):
        return _finished(_by_id(asked, ledgers))
    experiment, *place = asked.split("/")
    if experiment not in ledgers:
        raise unknown(str(RESULTS), "experiment", experiment, ledgers)
    return _finished(_by_place(ledgers[experiment], place, asked))


def _ledgers() -> dict[str, Ledger]:
    paths = sorted(RESULTS.glob("*/ledger.jsonl"))
    return {path.parent.name: Ledger(path, path.parent.name) for path in paths}


def _by_id(asked: str, ledgers: dict[str, Ledger]) -> Recorded:
    for run in (asked, ledger_run_of(asked)):
        for ledger in ledgers.values():
            if run is not None and run in ledger.runs():
                return Recorded(ledger, ledger.run(run))
    raise InputError(f"{asked}: no such run, neither in {RESULTS}/*/ledger.jsonl nor in MLflow")


def _by_place(ledger: Ledger, place: list[str], asked: str) -> Recorded:
    kinds: dict[int, Kind] = {0: "verdict", 2: "final", 3: "trial"}
    if len(place) not in kinds:
        raise InputError(f"{asked}: no name of a run; expected {SPELLING}")
    runs = [run for run in ledger.runs(kinds[len(place)]).values() if _is_current(run)]
    for key, value in zip(("variant", "repetition", "trial"), place, strict=False):
        known = {str(run.params[key]) for run in runs}
        if value not in known:
            raise unknown(str(ledger.path), key, value, known)
        runs = [run for run in runs if str(run.params[key]) == value]
    if not runs:
        raise InputError(f"{ledger.path}: no verdict yet; `seqarena run {asked}` brings one")
    return Recorded(ledger, runs[-1])


def _is_current(run: Run) -> bool:
    return run.tags.get("current") == "true" and run.status == "FINISHED"


def _finished(found: Recorded) -> Recorded:
    run = found.run
    if run.kind == "search":
        raise InputError(f"{run.id}: {run.name}; expected a trial of it, a final or a verdict")
    if run.status != "FINISHED" or (run.kind == "trial" and run.result is None):
        why = f" ({run.message})" if run.message else ""
        raise InputError(f"{run.id}: {run.name}: {run.status}{why}; expected one that finished")
    return found
