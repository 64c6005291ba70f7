"""What the working tree has beside its commit, as a patch that `git apply` takes."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from seqarena.tracking.git import NO_GIT, git

# New files that are taken though git does not know them yet: all that a stage runs, no data.
CODE = ("own", "src", "pipelines", "dvc.yaml", "params.yaml", "requirements.txt", ".dvcignore")
LARGEST = 256 << 10  # bytes of a file, and of what has changed in it
ALL = 2 << 20  # bytes of the whole patch
LOCK = "dvc.lock"
NAMED = 50  # files that are named of those left out
OPTIONS = ("--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--no-relative")
PREFIXES = ("--full-index", "--src-prefix=a/", "--dst-prefix=b/")
NEW = ("--others", "--exclude-standard", "--full-name", "-z")
BINARY = b"\nBinary files "


@dataclass(frozen=True)
class Changes:
    """A patch to a commit; dvc.lock is left to the digests that a run has of its data."""

    patch: bytes = b""
    left_out: tuple[str, ...] = ()  # too large, binary, or new and no code


def changes() -> Changes:
    """Return what has changed around this folder since the commit; nothing where there is none."""
    try:
        top = Path(git("rev-parse", "--show-toplevel").decode().strip())
        changed = _names(git("diff", "HEAD", "--name-only", "-z", *OPTIONS))
        new = _names(git("ls-files", *NEW, "--", *CODE))
        other = _names(git("ls-files", *NEW, "--directory", "--no-empty-directory"))
        large = [name for name in (*changed, *new) if _size(top / name) > LARGEST]
        patch = _patch([name for name in new if name not in large], large)
    except NO_GIT:
        return Changes()
    taken, left = _bounded(patch)
    prefix = Path.cwd().relative_to(top.resolve()).as_posix()
    unknown = [name for name in other if not _is_code(name, prefix) and Path(name).name != LOCK]
    return Changes(b"".join(taken), tuple(_some([*large, *left, *unknown])))


def _names(listed: bytes) -> list[str]:
    return [os.fsdecode(name) for name in listed.split(b"\0") if name]


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _is_code(name: str, prefix: str) -> bool:
    inside = name if prefix == "." else name.removeprefix(f"{prefix}/")
    return inside.partition("/")[0] in CODE


def _patch(new: list[str], large: Iterable[str]) -> bytes:
    """Compare the tree to its commit; new files by an index of their own, the user's stays."""
    apart = [f":(exclude){LOCK}", *(f":(top,exclude,literal){name}" for name in large)]
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        place = Path(os.fsdecode(git("rev-parse", "--git-path", "index")).strip())
        if place.is_file():
            # With its time: git tells by it which files may have changed since without a trace.
            shutil.copy2(place, index)
        environment = {"GIT_INDEX_FILE": str(index)}
        if new:
            paths = [f":(top,literal){name}" for name in new]
            git("add", "--intent-to-add", "--", *paths, environment=environment)
        command = ("diff", "HEAD", *OPTIONS, *PREFIXES, "--", ":(top)", *apart)
        return git(*command, environment=environment)


def _bounded(patch: bytes) -> tuple[list[bytes], list[str]]:
    """Part a patch into what is taken, and the names of what is binary or too large."""
    taken: list[bytes] = []
    left: list[str] = []
    for part in filter(None, re.split(rb"(?m)^(?=diff --git )", patch)):
        room = min(LARGEST, ALL - sum(map(len, taken)))
        if BINARY in part or len(part) > room:
            both = part.partition(b"\n")[0].removeprefix(b"diff --git a/")  # NAME b/NAME
            left.append(os.fsdecode(both[: (len(both) - len(b" b/")) // 2]))
        else:
            taken.append(part)
    return taken, left


def _some(names: list[str]) -> Iterator[str]:
    yield from names[:NAMED]
    if len(names) > NAMED:
        yield f"and {len(names) - NAMED} more"
