"""What nothing refers to any more: counted, measured, and freed once somebody has said so."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Garbage:
    """All of one kind. It is measured whenever it is asked, before and after it is freed."""

    kind: str
    number: int
    size: Callable[[], int]  # bytes that it takes now
    free: Callable[[], None]
    whole: Callable[[], int] | None = None  # bytes of what shrinks, where that tells more

    def freed(self) -> int:
        """Free it, and return by how many bytes there is less than before."""
        measured = self.whole or self.size
        before = measured()
        self.free()
        return before - measured()


def of_paths(kind: str, paths: Sequence[Path]) -> Garbage:
    """Return files and folders as garbage."""

    def free() -> None:
        for path in paths:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    return Garbage(kind, len(paths), lambda: sum(map(size_of, paths)), free)


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files below a folder; 0 where it is not there."""
    below = path.rglob("*") if path.is_dir() and not path.is_symlink() else [path]
    return sum(file.lstat().st_size for file in below if file.is_symlink() or file.is_file())
