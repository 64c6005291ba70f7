"""Prepared data for machines that do not see the driver's folder: copied once, by its digest."""

from __future__ import annotations

import fcntl
import socket
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import ray

from seqarena.errors import InputError
from seqarena.files import new_folder, sha256_of

CHUNK = 64 << 20  # bytes of a file in one object


@dataclass(frozen=True)
class DataAddress:
    """Where prepared data lies for the driver, and how a worker knows that it is the same."""

    folder: Path
    digest: str  # of the whole
    sizes: Mapping[str, int]  # of each file, in bytes
    spec: str  # sha256 of its description
    storage: Path | None = None  # that all machines see; otherwise each has its own copy

    @classmethod
    def of(cls, folder: Path, digest: str, storage: Path | None = None) -> DataAddress:
        """Describe a folder of prepared data."""
        folder = folder.resolve()
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}
        return cls(folder, digest, sizes, sha256_of(folder / "spec.json"), storage)

    def find(self) -> Path | None:
        """Return the folder as this process sees it: the driver's, or the copy."""
        return next((path for path in (self.folder, self.copy) if self.is_at(path)), None)

    @property
    def copy(self) -> Path:
        """The place of a copy: the one of all machines, or the one of this."""
        return (self.storage or Path(tempfile.gettempdir())) / "seqarena-data" / self.digest

    def is_at(self, folder: Path) -> bool:
        """Tell whether a folder holds this data, by its names, sizes and description."""
        there = all(
            (folder / name).is_file() and (folder / name).stat().st_size == size
            for name, size in self.sizes.items()
        )
        return there and sha256_of(folder / "spec.json") == self.spec


class Shipment:
    """What a machine is sent that lacks the data, made when the first one does."""

    def __init__(self, folder: Path, address: DataAddress) -> None:
        self.folder, self.address = folder, address

    @cached_property
    def files(self) -> dict[str, list[Any]]:
        """The pieces of each file as objects of Ray; none where the copy is in shared storage."""
        folder, names = self.folder, self.address.sizes
        if not self.address.storage:
            return {name: [ray.put(piece) for piece in _pieces(folder / name)] for name in names}
        _copy(self.address, {name: _pieces(folder / name) for name in names})
        return {}


def receive(address: DataAddress, files: Mapping[str, list[Any]]) -> Path:
    """Return the folder of the data on this machine, written from what was sent if need be.

    Raises `InputError` where this machine does not see the shared storage.
    """
    if address.storage is None:
        _copy(address, {name: map(ray.get, pieces) for name, pieces in files.items()})
    if (found := address.find()) is None:
        here = socket.gethostname()
        raise InputError(f"cluster.storage: {address.copy}: not seen from {here}")
    return found


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            yield piece


def _copy(address: DataAddress, files: Mapping[str, Iterable[bytes]]) -> None:
    """Write the copy, unless another process did."""
    address.copy.parent.mkdir(parents=True, exist_ok=True)
    with address.copy.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if address.is_at(address.copy):
            return
        with new_folder(address.copy) as folder:
            for name, pieces in files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                with (folder / name).open("wb") as file:
                    file.writelines(pieces)
