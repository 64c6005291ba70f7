"""The states of trainings under way: one file for each, whose name ends in the digest of it."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from seqarena.files import new_file, sha256_of

DIGITS = 16  # of the sha256


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training after so many epochs and a part of the next."""

    epochs: int
    path: Path

    def read(self) -> bytes:
        """Return what a worker goes on from."""
        return self.path.read_bytes()


class Checkpoints:
    """The checkpoints of an experiment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, run: str, epochs: int, state: bytes) -> None:
        """Keep the state of a run in place of the one before."""
        path = self.folder / f"{run}-{epochs}-{hashlib.sha256(state).hexdigest()[:DIGITS]}.pt"
        with new_file(path) as partial:
            partial.write_bytes(state)
        for other in self._of(run):
            if other != path:
                other.unlink()

    def last(self, run: str) -> Checkpoint | None:
        """Return the last state that was kept of a run; warn of a damaged one, and remove it."""
        whole = []
        for path in self._of(run):
            _, epochs, digest = path.stem.rsplit("-", 2)
            if sha256_of(path)[:DIGITS] == digest:
                whole.append(Checkpoint(int(epochs), path))
                continue
            path.unlink()
            told = "damaged, and removed; the training begins anew where none is left"
            print(f"warning: {path}: {told}", file=sys.stderr)
        return max(whole, key=lambda checkpoint: checkpoint.epochs, default=None)

    def drop(self, run: str) -> None:
        """Remove what was kept of a run."""
        for path in self._of(run):
            path.unlink()

    def drop_others(self, runs: Container[str]) -> None:
        """Remove what was kept of runs that are not among these: no training can go on from it."""
        for path in self._of("*"):
            if path.stem.rsplit("-", 2)[0] not in runs:
                path.unlink()

    def _of(self, run: str) -> list[Path]:
        return list(self.folder.glob(f"{run}-*-*.pt"))
