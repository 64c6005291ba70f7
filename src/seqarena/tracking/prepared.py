"""Prepared data held against what DVC knows of it: a disk may have changed it since.

DVC itself looks at times and sizes before it reads a file, and a bit that turned changes neither.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from seqarena.config import read_yaml
from seqarena.errors import InputError
from seqarena.experiments import ResolvedExperiment

LOCK = "dvc.lock"
CACHE = ".dvc/cache/files/md5"
FOLDER = re.compile(r"[0-9a-f]{32}\.dir")  # how DVC names the content of a folder
IGNORED = re.compile(r"(^|/)__pycache__/|\.pyc$|\.egg-info(/|$)")
LOOKS = 5  # at a dvc.lock that another `dvc repro` may be writing, half a second apart


def check_prepared(experiment: ResolvedExperiment) -> dict[str, str]:
    """See that the prepared data is what DVC wrote down; without a dvc.lock nothing is known.

    Returns DVC's digest of every output that it knows, by path. Raises `InputError` naming the file
    that is another, where DVC's cache tells which.
    """
    outputs, folder = _outputs(experiment), experiment.prepared
    known = outputs.get(f"data/prepared/{experiment.name}")
    if not known or not folder.is_dir():
        return outputs
    found = _files_of(folder)
    if _digest_of(found) == known:
        return outputs
    listing = experiment.root / CACHE / known[:2] / known[2:]
    written: list[dict[str, str]] = json.loads(listing.read_bytes()) if listing.is_file() else []
    other = (each["relpath"] for each in written if found.get(each["relpath"]) != each["md5"])
    fix = f"remove {folder}, and `dvc repro` brings it back"
    place = folder / next(other, "")
    raise InputError(f"{place}: damaged, or changed by hand, since DVC wrote {LOCK}; {fix}")


def known_digest(experiment: ResolvedExperiment) -> str | None:
    """Return DVC's digest of the prepared data; None where its stage was not run by DVC."""
    return _outputs(experiment).get(f"data/prepared/{experiment.name}")


def dvc_digest(path: Path) -> str:
    """Return the digest by which DVC knows a file, or a folder of code."""
    return _digest_of(_files_of(path)) if path.is_dir() else _md5_of(path)


def outputs_of(lock: Path) -> dict[str, str]:
    """Read DVC's digest of every output from a dvc.lock, by path.

    Raises `ValueError` where it is half written.
    """
    try:
        stages: Any = read_yaml(lock)["stages"].values()
        outs = [out for stage in stages for out in stage.get("outs", ())]
        return {str(out["path"]): str(out["md5"]) for out in outs if "md5" in out}
    except (yaml.YAMLError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{lock}: half written") from error


def _outputs(experiment: ResolvedExperiment) -> dict[str, str]:
    """Return what DVC knows once the prepared data is there; nothing where DVC did not make it."""
    path = experiment.root / LOCK
    for look in range(LOOKS):
        if not path.is_file():
            return {}
        with suppress(ValueError):
            outputs = outputs_of(path)
            if FOLDER.fullmatch(outputs.get(f"data/prepared/{experiment.name}", "")):
                return outputs
        time.sleep(0.5 if look < LOOKS - 1 else 0)
    return {}


def _files_of(folder: Path) -> dict[str, str]:
    """Digest the files below a folder, by path, but for those that .dvcignore leaves out."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    return {name: _md5_of(path) for name, path in names.items() if not IGNORED.search(name)}


def _digest_of(files: dict[str, str]) -> str:
    listed = [{"md5": md5, "relpath": name} for name, md5 in sorted(files.items())]
    whole = hashlib.md5(json.dumps(listed).encode(), usedforsecurity=False)
    return f"{whole.hexdigest()}.dir"


def _md5_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
