"""Prepared data held against what DVC knows of it: a disk may have changed it since.

DVC itself looks at times and sizes before it reads a file, and a bit that turned changes neither.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from pathlib import Path
from typing import Any

import yaml

from seqarena.errors import InputError
from seqarena.experiments import ResolvedExperiment

LOCK = "dvc.lock"
CACHE = ".dvc/cache/files/md5"
FOLDER = re.compile(r"[0-9a-f]{32}\.dir")  # how DVC names the content of a folder
LOOKS = 5  # at a dvc.lock that another `dvc repro` may be writing, half a second apart


def check_prepared(experiment: ResolvedExperiment) -> None:
    """See that the prepared data is what DVC wrote down; without a dvc.lock nothing is known.

    Raises `InputError` naming the file that is another, where DVC's cache tells which.
    """
    known, folder = known_digest(experiment), experiment.prepared
    if not known or not folder.is_dir():
        return
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    found = {path.relative_to(folder).as_posix(): _md5_of(path) for path in paths}
    listed = [{"md5": md5, "relpath": name} for name, md5 in sorted(found.items())]
    whole = hashlib.md5(json.dumps(listed).encode(), usedforsecurity=False).hexdigest()
    if f"{whole}.dir" == known:
        return
    listing = experiment.root / CACHE / known[:2] / known[2:]
    written: list[dict[str, str]] = json.loads(listing.read_bytes()) if listing.is_file() else []
    other = (each["relpath"] for each in written if found.get(each["relpath"]) != each["md5"])
    fix = f"remove {folder}, and `dvc repro` brings it back"
    place = folder / next(other, "")
    raise InputError(f"{place}: damaged, or changed by hand, since DVC wrote {LOCK}; {fix}")


def known_digest(experiment: ResolvedExperiment) -> str | None:
    """Return DVC's digest of the prepared data; None where its stage was not run by DVC."""
    path = experiment.root / LOCK
    for look in range(LOOKS):
        if not path.is_file():
            return None
        try:
            lock: Any = yaml.load(path.read_text(), yaml.CSafeLoader)
            (out,) = lock["stages"][f"prepare@{experiment.name}"]["outs"]
            if FOLDER.fullmatch(out["md5"]):
                return str(out["md5"])
        except (yaml.YAMLError, LookupError, TypeError, ValueError):
            pass  # half written, or the stage is not there
        time.sleep(0.5 if look < LOOKS - 1 else 0)
    return None


def _md5_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
