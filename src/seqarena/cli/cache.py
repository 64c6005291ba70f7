"""DVC's cache, as far as neither the workspace, nor dvc.lock, nor a commit of git refers to it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from seqarena.cli.dvc import dvc
from seqarena.config import read_yaml
from seqarena.tracking.garbage import Garbage, size_of
from seqarena.tracking.prepared import LOCK

REMOVING = "Removing "  # how DVC tells what it would remove


def unused_cache(notes: list[str]) -> Garbage:
    """Return what `dvc gc` would free; `notes` are told why nothing, where it must not."""
    place = Path(dvc("cache", "dir").strip()).resolve()
    if not place.is_relative_to(Path.cwd()):
        fix = "`dvc gc --workspace --projects …` knows of the others"
        notes.append(f"DVC's cache stays: {place} may be that of other projects too; {fix}")
        return Garbage("files of DVC's cache", 0, lambda: 0, lambda: None)
    told = _collect("--dry").splitlines()
    paths = [Path(line.removeprefix(REMOVING)) for line in told if line.startswith(REMOVING)]
    size = partial(_size, paths)

    def free() -> None:
        if paths:
            _collect()

    return Garbage("files of DVC's cache", len(paths), size, free)


def _size(paths: Sequence[Path]) -> int:
    return sum(map(size_of, paths))


def _collect(*options: str) -> str:
    with _forgotten() as projects:
        return dvc("gc", "--force", "--workspace", *_of_git(), *options, *projects)


def _of_git() -> list[str]:
    """Keep what any commit refers to, those of experiments of DVC's included."""
    known = dvc("config", "--list").splitlines()
    if "core.no_scm=true" in known:
        return []
    return ["--all-commits", "--all-experiments"]


@contextmanager
def _forgotten() -> Iterator[list[str]]:
    """Let DVC keep what dvc.lock holds of stages that dvc.yaml has no more.

    An experiment that was taken out of params.yaml may come back. DVC itself looks at the stages of
    dvc.yaml alone, so these are a project of their own to it.
    """
    path = Path(LOCK)
    lock: Any = read_yaml(path) if path.is_file() else {}
    there = {line.split()[0] for line in dvc("stage", "list", "--name-only").splitlines() if line}
    stages = {
        f"stage{number}": {"cmd": "true", "outs": stage["outs"]}
        for number, (name, stage) in enumerate((lock or {}).get("stages", {}).items())
        if name not in there and stage.get("outs")
    }
    if not stages:
        yield []
        return
    cache = dvc("cache", "dir").strip()
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder)
        subprocess.run(["git", "init", "--quiet"], cwd=other, check=True)
        subprocess.run([sys.executable, "-m", "dvc", "init", "--quiet"], cwd=other, check=True)
        (other / ".dvc" / "config").write_text(f"[cache]\n    dir = {Path(cache).resolve()}\n")
        wanted = {
            name: {"cmd": "true", "outs": [out["path"] for out in stage["outs"]]}
            for name, stage in stages.items()
        }
        (other / "dvc.yaml").write_text(yaml.safe_dump({"stages": wanted}))
        (other / LOCK).write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))
        yield ["--projects", str(other)]
