"""The prepared data of a run, brought into a worktree by its digest."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import yaml
from dvc.config import Config

from seqarena.config import read_params
from seqarena.errors import InputError
from seqarena.files import digest_of
from seqarena.reproduction.worktree import Worktree

DVC = (sys.executable, "-m", "dvc")
# What is run is neither taken from the cache nor put there: it would not be made again.
REPRO = (*DVC, "repro", "--quiet", "--no-commit", "--no-run-cache")
LINKS = ["reflink", "symlink", "copy"]  # how data comes out of the cache: no gigabytes are copied
STAGES = {"raw": "fetch", "prepared": "prepare"}  # folder of data -> the stage that makes it


def bring_data(tree: Worktree, experiment: str, inputs: Mapping[str, str], wanted: str) -> str:
    """Bring the prepared data into a worktree, and return where it came from.

    `inputs` has DVC's digests of what is to be found in its cache or remote; what is `wanted` is
    the ledger's digest of the folder. Raises `InputError` where it cannot be had.
    """
    _configure(tree, _cache())
    _write_lock(tree, experiment, inputs)
    place, here = tree.root / "data/prepared" / experiment, Path("data/prepared", experiment)
    source = _fetched(tree, f"data/prepared/{experiment}", inputs)
    if not source and here.is_dir() and digest_of(here) == wanted:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(here.resolve())
        source = "this project's data/prepared"
    if not source:
        alone = ["--single-item"] if _fetched(tree, f"data/raw/{experiment}", inputs) else []
        if not repro(tree, *alone, f"prepare@{experiment}"):
            reason = "in no cache, no remote and not here, and could not be prepared again"
            raise InputError(f"data/prepared/{experiment}: {reason}, see above")
        source = "its stages, run again"
    if digest_of(place) != wanted:
        reason = f"from {source}, but other than what the run read"
        raise InputError(f"data/prepared/{experiment}: {reason} ({wanted[:12]})")
    return source


def bring_own(tree: Worktree, experiment: str) -> None:
    """Let the user's own files be where the experiment names them; no stage here reads them."""
    data = read_params(tree.root / "params.yaml")["experiments"][experiment]["data"]
    by_name = not isinstance(data, dict) and "/" not in data  # of the gallery, or a module's
    paths = [data["path"], data.get("files")] if isinstance(data, dict) else [data]
    for own in map(Path, filter(None, paths)):
        place = tree.root / own
        if not by_name and not own.is_absolute() and not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            if own.exists():
                place.symlink_to(own.resolve())
            else:
                place.mkdir()


def _fetched(tree: Worktree, path: str, inputs: Mapping[str, str]) -> str:
    """Take a folder from the cache or a remote; return which, "" for neither."""
    if path in inputs:
        for command, source in (("checkout", "the DVC cache"), ("pull", "the DVC remote")):
            if tree.run(*DVC, command, path, shown=False) and (tree.root / path).is_dir():
                return source
    return ""


def repro(tree: Worktree, *arguments: str) -> bool:
    """Run stages, whose listings go to a cache that is removed too; return whether they ended well.

    DVC lists what stages made in its cache even where it is told to keep nothing of it.
    """
    _configure(tree, tree.folder / "cache")
    return tree.run(*REPRO, *arguments)


def _cache() -> Path:
    mine = Path(".dvc").resolve()
    return Path(Config(str(mine)).read()["cache"].get("dir") or mine / "cache")


def _configure(tree: Worktree, cache: Path) -> None:
    """Have DVC know a cache and the user's remotes there, with what only this clone is told."""
    folder = tree.root / ".dvc"
    folder.mkdir(exist_ok=True)
    known = Config(str(Path(".dvc").resolve())).read()  # paths are absolute in it
    with Config(str(folder)).edit("local") as local:
        local.update({**known, "cache": {**known["cache"], "dir": str(cache), "type": LINKS}})


def _write_lock(tree: Worktree, experiment: str, inputs: Mapping[str, str]) -> None:
    """Write a dvc.lock that knows the data alone, by the digests of the run."""
    stages = {}
    for folder, stage in STAGES.items():
        path = f"data/{folder}/{experiment}"
        if path in inputs:
            out = {"path": path, "hash": "md5", "md5": inputs[path]}
            command = f"python pipelines/{stage}.py {experiment}"
            stages[f"{stage}@{experiment}"] = {"cmd": command, "outs": [out]}
    lock = {"schema": "2.0", "stages": stages}
    (tree.root / "dvc.lock").write_text(yaml.safe_dump(lock, sort_keys=False))
