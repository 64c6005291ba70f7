"""The code and the machine that a run is of."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version


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


def _code() -> dict[str, str]:
    try:
        commit = _git("rev-parse", "HEAD")
        # DVC writes its lock after every stage, and runs name all that they take from params.yaml.
        apart = (":(top,exclude)dvc.lock", ":(top,exclude)params.yaml")
        changes = _git("status", "--porcelain", "--", ":(top)", *apart)
        return {"git.commit": commit, "git.dirty": str(bool(changes)).lower()}
    except (OSError, subprocess.CalledProcessError):  # no git, no repository or no commit
        return {"git.commit": "none", "git.dirty": "unknown"}


def _git(*arguments: str) -> str:
    command = ["git", "--no-optional-locks", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
