"""The folder that commands run in: one that DVC can start in, of the version that is installed."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import seqarena
from seqarena.config import NO_PROJECT, PARAMS, read_params
from seqarena.errors import InputError

PINNED = "requirements.txt"  # of a project of its own: the version that its stages depend on


def check_project() -> None:
    """Raise `InputError` where DVC could not start, or would not see another version."""
    if not (Path("dvc.yaml").is_file() and Path(".dvc").is_dir()):
        raise InputError(f"dvc.yaml: {NO_PROJECT}")
    _check_version()
    _mend_lock(Path(".dvc/tmp/rwlock"))
    for name, section in read_params()["experiments"].items():
        try:
            section["protocol"]["name"]
        except (KeyError, TypeError) as error:
            place = f"{PARAMS}: experiments.{name}.protocol.name"
            raise InputError(f"{place}: missing; expected one of `protocols`, for DVC") from error


def pins(path: Path) -> dict[str, str]:
    """Return the version of each package that a file of requirements pins; none without a file."""
    if not path.is_file():
        return {}
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return {name: pin for name, _, pin in (line.partition("==") for line in lines) if pin}


def _check_version() -> None:
    """Refuse a version that the project does not name: DVC would take its stages for up to date."""
    ours = seqarena.__version__
    pin = pins(Path(PINNED)).get("seqarena", ours)
    if pin != ours:
        fix = f"name seqarena=={ours} there, and all stages run again"
        raise InputError(f"{PINNED}: seqarena=={pin}, but {ours} is installed; {fix}")


def _mend_lock(path: Path) -> None:
    """Remove a lock of DVC that a killed command left half written, since all others fail at it."""
    for _ in range(2):
        try:
            json.loads(path.read_text())
            return
        except FileNotFoundError:
            return
        except ValueError:
            time.sleep(0.5)  # one that is at work may be writing it
    path.unlink()
    print(f"warning: {path}: half written by a command that was killed; removed", file=sys.stderr)
