"""`seqarena submit`: a run as a job of a Ray cluster, followed, and its results fetched."""

from __future__ import annotations

import getpass
import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from seqarena.cli.archive import archive_name, take_all
from seqarena.cli.dvc import repro
from seqarena.cluster.jobs import Jobs
from seqarena.config import read_cluster
from seqarena.errors import InputError, RunError
from seqarena.tracking.mlflow.projection import sync

REMOTE = "seqarena.cli.remote"  # the module that a job runs


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
        job = jobs.submit(name, REMOTE, [name, *experiments])
        print(f"{job} is submitted; Ctrl-C leaves it alone, the same command follows it again")
    succeeded = jobs.follow(job)
    Path(".dvc/tmp").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=".dvc/tmp") as folder:
        archive = Path(folder) / archive_name(name)
        jobs.fetch(job, archive.name, archive)
        fetched = take_all(archive, Path(folder))
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
