"""Prepared data on a node that does not see the driver's folder: sent once, kept by its digest."""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import ray

from seqarena.files import new_folder, sha256_of

CHUNK = 64 << 20  # bytes of a file in one object


@dataclass(frozen=True)
class DataAddress:
    """Where prepared data lies for the driver, and how a worker knows that it is the same."""

    folder: Path
    digest: str  # of the whole
    sizes: Mapping[str, int]  # of each file, in bytes
    spec: str  # sha256 of its description

    @classmethod
    def of(cls, folder: Path, digest: str) -> DataAddress:
        """Describe a folder of prepared data."""
        folder = folder.resolve()
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}
        return cls(folder, digest, sizes, sha256_of(folder / "spec.json"))

    def find(self) -> Path | None:
        """Return the folder as this process sees it: the driver's, or the copy of this node."""
        return next((path for path in (self.folder, self.copy) if self._is_at(path)), None)

    @property
    def copy(self) -> Path:
        """The place of a copy on a node."""
        return Path(tempfile.gettempdir()) / "seqarena-data" / self.digest

    def _is_at(self, folder: Path) -> bool:
        there = all(
            (folder / name).is_file() and (folder / name).stat().st_size == size
            for name, size in self.sizes.items()
        )
        return there and sha256_of(folder / "spec.json") == self.spec


class Shipment:
    """The files of prepared data as objects of Ray, put there when the first worker lacks them."""

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        self.folder, self.names = folder, names

    @cached_property
    def files(self) -> dict[str, list[Any]]:
        """The pieces of each file, as references."""
        return {name: list(self._pieces(name)) for name in self.names}

    def _pieces(self, name: str) -> Iterator[Any]:
        with (self.folder / name).open("rb") as file:
            while piece := file.read(CHUNK):
                yield ray.put(piece)


def receive(address: DataAddress, files: Mapping[str, list[Any]]) -> Path:
    """Write what was sent into the copy of this node, unless another worker did; return it."""
    address.copy.parent.mkdir(parents=True, exist_ok=True)
    with address.copy.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (found := address.find()) is not None:
            return found
        with new_folder(address.copy) as folder:
            for name, pieces in files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                with (folder / name).open("wb") as file:
                    for piece in pieces:
                        file.write(ray.get(piece))
    return address.copy
