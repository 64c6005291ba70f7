"""What the runs of a stage are made of: written once beside the ledger, named by every run.

The files are called by their content, so that what two stages share is there once.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from seqarena.config import Protocol, Record, read_yaml
from seqarena.errors import InputError
from seqarena.experiments import ResolvedExperiment
from seqarena.files import new_file
from seqarena.tracking.changes import changes
from seqarena.tracking.environment import environment, installed, processor
from seqarena.tracking.prepared import dvc_digest

FOLDER = "lineage"  # of an experiment's results, and of a run's artifacts
DIGITS = 12  # of the sha256 of a file, in its name
MADE = ("data", "models", "results")  # folders of what stages make: DVC knows their digests


class Lineage(Record):
    """What made the runs of a stage, beside what each run has in its params."""

    commit: str  # "none" without git
    changes: str  # the patch to it, a file beside this one; empty where nothing had changed
    left_out: tuple[str, ...]  # of the patch: what is too large, binary, or new and no code
    requirements: str  # all that was installed, a file beside this one
    python: str
    platform: str
    processor: str
    cores: int | None
    command: str
    inputs: dict[str, str]  # path -> DVC's digest of what the stage reads
    protocol: Protocol  # seeds and budget


@dataclass(frozen=True)
class Kept:
    """A lineage on disk."""

    digest: str
    files: tuple[Path, ...]
    command: str


def keep_lineage(experiment: ResolvedExperiment, outputs: dict[str, str]) -> Kept:
    """Write what the runs of this process are made of; `outputs` have DVC's digests by path."""
    folder, found = experiment.results / FOLDER, changes()
    command = shlex.join([Path(sys.executable).name, *sys.argv])
    listed = "".join(f"{name}=={version}\n" for name, version in installed().items())
    requirements = _write(folder, "requirements", ".txt", listed.encode())
    patch = _write(folder, "changes", ".diff", found.patch) if found.patch else None
    lineage = Lineage(
        commit=environment()["git.commit"],
        changes=patch.name if patch else "",
        left_out=found.left_out,
        requirements=requirements.name,
        python=platform.python_version(),
        platform=platform.platform(),
        processor=processor(),
        cores=os.cpu_count(),
        command=command,
        inputs=_inputs(experiment.name, outputs),
        protocol=experiment.config.protocol,
    )
    content = json.dumps(lineage.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
    path = _write(folder, "lineage", ".json", content.encode())
    digest = path.stem.rpartition("-")[2]
    return Kept(digest, tuple(filter(None, (path, patch, requirements))), command)


def lineage_of(results: Path, digest: str) -> Lineage | None:
    """Read the lineage that a run names by its digest; None where it names none."""
    return Lineage.read(results / FOLDER / f"lineage-{digest}.json") if digest else None


def requirements_in(path: Path) -> dict[str, str]:
    """Read the version of each distribution that was installed."""
    if not path.is_file():
        raise InputError(f"{path}: not there; a run was made with what it lists")
    lines = (line.partition("==") for line in path.read_text().splitlines())
    return {name: version for name, _, version in lines}


def _write(folder: Path, stem: str, suffix: str, content: bytes) -> Path:
    path = folder / f"{stem}-{hashlib.sha256(content).hexdigest()[:DIGITS]}{suffix}"
    if not path.is_file():
        with new_file(path) as partial:
            partial.write_bytes(content)
    return path


def _inputs(experiment: str, outputs: dict[str, str]) -> dict[str, str]:
    """Return DVC's digest of what the stage of this script depends on, and of the raw data."""
    deps = [f"data/raw/{experiment}", *_deps(experiment)]
    digests = {dep: outputs.get(dep) or _of_code(dep) for dep in deps}
    return {dep: digest for dep, digest in digests.items() if digest}


def _deps(experiment: str) -> list[str]:
    stage, path = Path(sys.argv[0]).stem, Path("dvc.yaml")
    if not path.is_file():
        return []
    stages = read_yaml(path).get("stages") or {}
    entry = stages.get(stage) or {}
    return [dep.replace("${key}", experiment) for dep in entry.get("do", entry).get("deps", ())]


def _of_code(dep: str) -> str | None:
    path = Path(dep)
    return dvc_digest(path) if path.parts[0] not in MADE and path.exists() else None
