"""`seqarena submit`: a run as a job of a Ray cluster, followed, and its results fetched."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from dvc.repo import Repo

from seqarena.cli import remote
from seqarena.cli.run import repro
from seqarena.cluster.jobs import Jobs
from seqarena.config import read_cluster
from seqarena.errors import InputError, RunError
from seqarena.files import new_file
from seqarena.tracking.mlflow.projection import sync


def submit(experiments: Sequence[str], address: str | None = None) -> list[str]:
    """Run experiments on a cluster; bring their results here and to MLflow; return all it has.

    A job of this project that runs there already is followed instead. Raises `InputError` where no
    cluster answers, `RunError` where the run failed; what it has by then is fetched all the same.
    """
    jobs, name = Jobs(_address(address)), _name()
    job = jobs.running(name)
    if job:
        print(f"{job} runs already, and is followed")
    else:
        job = jobs.submit(name, remote.__name__, [name, *experiments])
        print(f"{job} is submitted; Ctrl-C leaves it alone, the same command follows it again")
    succeeded = jobs.follow(job)
    Path(".dvc/tmp").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=".dvc/tmp") as folder:
        archive = Path(folder) / remote.archive_name(name)
        jobs.fetch(job, archive.name, archive)
        fetched = _take_all(archive, Path(folder))
    sync(Path("results"), fetched)
    repro("compare", "--single-item")
    if not succeeded:
        raise RunError(f"{job} failed, see above; what it had is fetched: {', '.join(fetched)}")
    return fetched


def _address(given: str | None) -> str:
    address = given or os.environ.get("RAY_API_SERVER_ADDRESS") or read_cluster().jobs
    if not address:
        where = "params.yaml: cluster.jobs: missing"
        raise InputError(f"{where}; expected the address of Ray's jobs, as http://HEAD:8265")
    return address


def _name() -> str:
    """Name the folder of this project on the cluster."""
    return re.sub(r"[^\w.-]", "-", f"{getpass.getuser()}-{Path.cwd().name}")


def _take_all(packed: Path, folder: Path) -> list[str]:
    """Bring results, unpacked in a folder, into this project; return their experiments."""
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    names = sorted(path.name for path in (folder / "results").glob("*/"))
    for name in names:
        _refuse_other(folder, name)
    for kind in remote.KINDS:
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
    there, place = yaml.safe_load(lock.read_text())["stages"], Path("dvc.lock")
    here: dict[str, Any] = {"schema": "2.0", "stages": {}}
    if place.is_file():
        here = yaml.safe_load(place.read_text())
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
