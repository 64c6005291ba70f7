"""What a job on a cluster brings back: packed there, and made a part of the project here."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from dvc.repo import Repo

from seqarena.config import read_yaml
from seqarena.errors import InputError
from seqarena.files import new_file

KINDS = ("results", "models")  # of the folders of an experiment


def archive_name(job: str) -> str:
    """Return the name of the file that holds the results of a job."""
    return f"seqarena-{job}.tar.gz"


def pack(path: Path, experiments: Sequence[str]) -> None:
    """Pack what experiments of the project in this folder came to, as far as they did."""
    paths = [f"{kind}/{name}" for kind in KINDS for name in experiments] + ["dvc.lock"]
    with new_file(path) as partial, tarfile.open(partial, "w:gz") as archive:
        for each in filter(os.path.exists, paths):
            archive.add(each)


def take_all(packed: Path, folder: Path) -> list[str]:
    """Bring results, unpacked in a folder, into this project; return their experiments."""
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    names = sorted(path.name for path in (folder / "results").glob("*/"))
    for name in names:
        _refuse_other(folder, name)
    for kind in KINDS:
        for name in names:
            _take(folder / kind / name, Path(kind, name))
    _tell_dvc(folder / "dvc.lock", names)
    return names


def _refuse_other(folder: Path, experiment: str) -> None:
    """Refuse to replace trainings that the cluster's ledger does not hold."""
    ledger = Path("results", experiment, "ledger.jsonl")
    mine, theirs = (
        path.read_bytes() if path.is_file() else b"" for path in (ledger, folder / ledger)
    )
    if not theirs.startswith(mine):
        message = "holds trainings that the cluster has not; move its folder away and submit again"
        raise InputError(f"{ledger}: {message}: what is done there is fetched")


def _take(new: Path, place: Path) -> None:
    if new.exists():
        shutil.rmtree(place, ignore_errors=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        new.replace(place)


def _tell_dvc(lock: Path, experiments: Sequence[str]) -> None:
    """Have DVC know as its own what a lock file says of some experiments."""
    if not lock.is_file():
        return
    there, place = read_yaml(lock)["stages"], Path("dvc.lock")
    here: dict[str, Any] = {"schema": "2.0", "stages": {}}
    if place.is_file():
        here = read_yaml(place)
    fetched = {
        stage: entry for stage, entry in there.items() if stage.partition("@")[2] in experiments
    }
    here["stages"] |= fetched
    with new_file(place) as partial:
        partial.write_text(yaml.safe_dump(here, sort_keys=False))
    with Repo() as repo, repo.lock:
        for name, entry in fetched.items():
            if all(Path(out["path"]).exists() for out in entry.get("outs", ())):
                for stage in repo.stage.collect(name):
                    stage.save_outs()  # into the cache; what they depend on stays there
                    stage.commit(relink=False)
