"""What a ledger tells of an experiment that has a verdict: what its views and its note are of."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from seqarena.errors import InputError
from seqarena.records import Summary
from seqarena.tracking.events import Run, apply
from seqarena.tracking.ledger import Ledger
from seqarena.tracking.mlflow.made import is_as_made

NUMBERED = re.compile(r"(.+)-(\d+)")
SUMMARY = "summary.json"
NO_CHOICE = ("variant", "repetition", "trial", "seed")  # parameters that no search chose


class Pictures(NamedTuple):
    """The pictures of one kind: their first number, and of how many finals they are."""

    first: int
    finals: int


@dataclass(frozen=True)
class Facts:
    """The verdict, and what there is to be charted of the runs that it rests on."""

    experiment: str
    ended: int  # of the verdict, in milliseconds since the epoch
    summary: Summary
    of_finals: Sequence[str]  # metrics
    of_trials: Sequence[str]
    chosen: Sequence[str]  # hyperparameters that every trial has and that differ between them
    numbers: Sequence[str]  # those of them that are numbers
    pictures: dict[str, Pictures]  # of finals, by kind


def picture_of(path: Path) -> tuple[str, int] | None:
    """Return kind and number of a picture by its name, `kind-3.png` or `kind.png` (0), or None."""
    if path.suffix != ".png":
        return None
    numbered = NUMBERED.fullmatch(path.stem)
    return (numbered[1], int(numbered[2])) if numbered else (path.stem, 0)


def facts_of(ledger: Ledger, root: Path) -> Facts | None:
    """Read a ledger whole; None without a verdict whose summary is still as it was recorded."""
    runs: dict[str, Run] = {}
    files: dict[str, dict[Path, str]] = defaultdict(dict)  # run -> path -> digest
    for event in ledger.events():
        apply(event.data, runs, ledger.path)
        if event.data["event"] == "artifact":
            files[event.data["run"]][Path(event.data["path"])] = event.data["sha256"]
    current = [run for run in runs.values() if run.tags.get("current") == "true"]
    finals, trials = (_of_kind(current, kind) for kind in ("final", "trial"))
    verdicts = [run for run in _of_kind(current, "verdict") if run.status == "FINISHED"]
    summary = _summary(verdicts[-1], files[verdicts[-1].id], root) if verdicts else None
    if summary is None:
        return None
    choosing = trials or finals
    chosen = _that_differ(choosing)
    return Facts(
        experiment=ledger.experiment,
        ended=verdicts[-1].ended or 0,
        summary=summary,
        of_finals=sorted({name for run in finals for name in run.metrics}),
        of_trials=sorted({name for run in trials for name in run.metrics}),
        chosen=chosen,
        numbers=[
            name
            for name in chosen
            if all(isinstance(run.params[name], (int, float)) for run in choosing)
        ],
        pictures=_pictures([files[run.id] for run in finals]),
    )


def _of_kind(runs: Iterable[Run], kind: str) -> list[Run]:
    return [run for run in runs if run.kind == kind]


def _summary(verdict: Run, files: dict[Path, str], root: Path) -> Summary | None:
    for path, digest in files.items():
        whole = root / path
        if path.name == SUMMARY and is_as_made(whole, digest, verdict.ended or 0):
            return _read(whole)
    return None


def _read(path: Path) -> Summary | None:
    try:
        return Summary.read(path)
    except InputError:  # of an earlier version
        return None


def _that_differ(runs: Sequence[Run]) -> list[str]:
    shared = set.intersection(*(set(run.params) for run in runs)) if runs else set()
    values = {name: {str(run.params[name]) for run in runs} for name in shared}
    listed = [name for run in runs[:1] for name in run.params if name in shared]
    return [name for name in listed if name not in NO_CHOICE and len(values[name]) > 1]


def _pictures(of_finals: Sequence[Iterable[Path]]) -> dict[str, Pictures]:
    """Count the pictures by kind, attention first."""
    numbers = defaultdict(list)
    finals: Counter[str] = Counter()
    for paths in of_finals:
        found = [picture for path in paths if (picture := picture_of(path))]
        finals.update({kind for kind, _ in found})
        for kind, number in found:
            numbers[kind].append(number)
    kinds = sorted(numbers, key=lambda kind: (kind != "attention", kind))
    return {kind: Pictures(min(numbers[kind]), finals[kind]) for kind in kinds}
