"""`seqarena reproduce`: a training or a whole verdict again, by its own code and its own data."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from seqarena.errors import InputError, RunError, few
from seqarena.files import sha256_of
from seqarena.records import Summary
from seqarena.reproduction import inside
from seqarena.reproduction.data import bring_data, bring_own, repro
from seqarena.reproduction.inside import Answer, Asked
from seqarena.reproduction.names import Recorded, find
from seqarena.reproduction.outcome import Outcome, changed_packages, print_outcome, rows_of
from seqarena.reproduction.worktree import Worktree, worktree_of
from seqarena.runs import Result
from seqarena.tracking.events import Run
from seqarena.tracking.ledger import Ledger
from seqarena.tracking.lineage import FOLDER, Lineage, lineage_of, requirements_in
from seqarena.tracking.prepared import LOCK, outputs_of

STAGES = ("search", "train", "evaluate")
OF_RUN = ("variant", "repetition", "trial", "seed")  # params beside the hyperparameters


@dataclass(frozen=True)
class Reproduction:
    """A recorded run, and what it was made of."""

    found: Recorded

    @cached_property
    def lineage(self) -> Lineage | None:
        """What it was made of; None for a run of an earlier version."""
        return lineage_of(self.found.results, self.found.run.tags.get("lineage", ""))

    @property
    def commit(self) -> str:
        """Return its commit; raises `InputError` where it was made outside of git."""
        commit = self.found.run.tags.get("git.commit", "none")
        if commit == "none":
            reason = "made outside of git, so its code is not known; commit first, then run"
            raise InputError(f"{self.found.run.name}: {reason}")
        return commit

    @property
    def patch(self) -> Path | None:
        """The changes to its commit."""
        name = self.lineage.changes if self.lineage else ""
        path = self.found.results / FOLDER / name
        if name and not path.is_file():
            raise InputError(f"{path}: not there; {self.found.run.name} was made with it")
        return path if name else None

    @property
    def requirements(self) -> dict[str, str]:
        """What was installed; nothing where that is not known."""
        if self.lineage is None:
            return {}
        return requirements_in(self.found.results / FOLDER / self.lineage.requirements)

    @property
    def inputs(self) -> Mapping[str, str]:
        """DVC's digests of its data; for a run that does not tell, those that hold now."""
        if self.lineage is not None:
            return self.lineage.inputs
        lock = Path(LOCK)
        return outputs_of(lock) if lock.is_file() else {}

    def about(self, source: str) -> list[str]:
        """Say what it was made from."""
        run, lineage = self.found.run, self.lineage
        patch = f", and {self.patch}" if self.patch else ""
        told = [f"code: commit {self.commit[:12]}{patch}"]
        told.append(f"data: {run.tags['data.digest'][:12]}, from {source}")
        if lineage is None and run.tags.get("git.dirty") == "true":
            told.append("warning: its working tree had changes, which it does not tell")
        elif lineage is not None and lineage.left_out:
            told.append(f"not in its patch: {few(lineage.left_out)}")
        if lineage is None:
            told.append("installed packages: not recorded")
        return told


def reproduce(asked: str) -> bool:
    """Make a run again and print both results; return whether they are as is to be expected.

    Raises `InputError` for a name that is not known, and where code or data cannot be had.
    """
    recorded = Reproduction(find(asked))
    found = recorded.found
    what = found.experiment if found.run.kind == "verdict" else found.run.name
    with worktree_of(recorded.commit, recorded.patch) as tree:
        digest = found.run.tags["data.digest"]
        source = bring_data(tree, found.experiment, recorded.inputs, digest)
        print(f"{what}: data from {source}; running …", file=sys.stderr, flush=True)
        outcome = (_verdict if found.run.kind == "verdict" else _training)(recorded, tree)
    print_outcome(what, outcome, recorded.about(source))
    return outcome.expected


def _training(recorded: Reproduction, tree: Worktree) -> Outcome:
    found, run = recorded.found, recorded.found.run
    result = Result.model_validate(run.result)
    if result.outcome == "failed":
        raise InputError(f"{run.id}: {run.name} failed ({result.reason}); expected one that ended")
    answer = _answer(tree, _asked(found, result))
    if answer.key != run.key:
        reason = "its commit, patch and data do not give what it trained"
        more = recorded.lineage.left_out if recorded.lineage else ["what its tree had changed"]
        raise InputError(f"{run.name}: {reason}; not recorded: {few(more) or 'nothing known'}")
    if answer.outcome != result.outcome:
        raise RunError(f"{run.name}: {answer.outcome} ({answer.reason}), was {result.outcome}")
    counts = {name: float(getattr(result, name)) for name in answer.counts}
    rows = rows_of(counts, answer.counts)
    rows += rows_of(run.metrics, answer.metrics, _allowed(found))
    same = "the same to the bit" if answer.model == result.model else "other ones"
    return Outcome(
        rows,
        (_machine(run.tags), _machine(answer.tags)),
        changed_packages(recorded.requirements),
        notes=(f"Its weights are {same}.",) if result.model else (),
    )


def _asked(found: Recorded, result: Result) -> Asked:
    params = found.run.params
    job: dict[str, Any] = {
        "kind": found.run.kind,
        "variant": params["variant"],
        "repetition": params["repetition"],
        "number": params.get("trial", 0),
        "hyperparameters": {name: v for name, v in params.items() if name not in OF_RUN},
        "seed": params["seed"],
    }
    pruned = result.epochs if result.outcome == "pruned" else 0
    return Asked(found.experiment, job, found.run.key, found.run.tags["data.digest"], pruned)


def _answer(tree: Worktree, asked: Asked) -> Answer:
    """Train by the code of the worktree, in a process of its own."""
    script, question, answer = (tree.folder / name for name in ("again.py", "asked", "answer"))
    script.write_text(Path(inside.__file__).read_text(encoding="utf-8"), encoding="utf-8")
    question.write_text(json.dumps(asdict(asked)))
    if not tree.run(sys.executable, str(script), str(question), str(answer)):
        raise RunError(f"{asked.experiment}: the training ended early, see above")
    return Answer(**json.loads(answer.read_text()))


def _verdict(recorded: Reproduction, tree: Worktree) -> Outcome:
    found, name = recorded.found, recorded.found.experiment
    was = _summary(found)
    bring_own(tree, name)
    if not repro(tree, "--single-item", *(f"{stage}@{name}" for stage in STAGES)):
        raise RunError(f"{name}: its stages ended early, see above")
    now = Summary.read(tree.root / "results" / name / "summary.json")
    ledger = Ledger(tree.root / "results" / name / "ledger.jsonl", name)
    return Outcome(
        rows_of(
            {**was.means, **was.references},
            {**now.means, **now.references},
            {variant: _half(entry.ci95) for variant, entry in was.variants.items()},
        ),
        (_machines(found.ledger), _machines(ledger)),
        changed_packages(recorded.requirements),
        (was.verdict, now.verdict),
    )


def _summary(found: Recorded) -> Summary:
    """Read the summary that a verdict wrote; raises `InputError` where it is another by now."""
    path = found.results / "summary.json"
    mine = [event.data for event in found.ledger.events() if event.data["run"] == found.run.id]
    written = {each["path"]: each["sha256"] for each in mine if each["event"] == "artifact"}
    if not path.is_file() or written.get(path.as_posix()) != sha256_of(path):
        raise InputError(f"{path}: not what this verdict wrote; `dvc checkout {path}` may have it")
    return Summary.read(path)


def _allowed(found: Recorded) -> dict[str, float]:
    """Return half the interval of a variant in the verdict, under the name of its metric."""
    path = found.results / "summary.json"
    if found.run.kind != "final" or not path.is_file():
        return {}
    summary = Summary.read(path)
    variant = summary.variants.get(found.run.params["variant"])
    return {f"test_{summary.metric}": _half(variant.ci95)} if variant else {}


def _half(interval: tuple[float, float]) -> float:
    low, high = interval
    return (high - low) / 2


def _machine(tags: Mapping[str, str]) -> str:
    if "hardware" not in tags:
        return ""
    return f"{tags['hardware']} ({tags['device']}, threads: {tags['threads']})"


def _machines(ledger: Ledger) -> str:
    """Name all that trained what a verdict rests on; empty where one is not known."""
    runs: list[Run] = [r for r in ledger.runs("final").values() if r.tags.get("current") == "true"]
    machines = sorted({_machine(run.tags) for run in runs})
    return "; ".join(machines) if all(machines) else ""
