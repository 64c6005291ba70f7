"""The code and the machine that a run is of."""

from __future__ import annotations

import os
import platform
import sys
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from seqarena.tracking.git import NO_GIT, git


@lru_cache(maxsize=1)
def environment() -> dict[str, str]:
    """Describe code and machine, once per process; the device is the caller's to add."""
    tags = {"platform": platform.platform(), "cpus": str(os.cpu_count()), **_code()}
    for package in ("python", "torch", "ray", "mlflow", "dvc", "optuna"):
        try:
            tags[package] = platform.python_version() if package == "python" else version(package)
        except PackageNotFoundError:
            tags[package] = "not installed"
    return tags


def installed() -> dict[str, str]:
    """Return the version of every installed distribution by its name, in order.

    Told by the names of their folders: to read the metadata of hundreds takes half a second.
    """
    found: dict[str, str] = {}
    for entry in filter(os.path.isdir, sys.path):
        for folder in Path(entry).glob("*.dist-info"):
            name, _, number = folder.stem.rpartition("-")
            found.setdefault(name.lower().replace("_", "-"), number)  # the first is imported
    return dict(sorted(found.items()))


@cache
def processor() -> str:
    """Name the kind of CPU."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _code() -> dict[str, str]:
    try:
        commit = git("rev-parse", "HEAD").decode().strip()
        # DVC writes its lock after every stage, and runs name all that they take from params.yaml.
        apart = (":(exclude)dvc.lock", ":(exclude)params.yaml")
        changes = git("status", "--porcelain", "--", ":(top)", *apart)
        return {"git.commit": commit, "git.dirty": str(bool(changes)).lower()}
    except NO_GIT:
        return {"git.commit": "none", "git.dirty": "unknown"}
