"""The states of trainings under way: one file for each, whose name ends in the digest of it."""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Callable, Container
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
    """The checkpoints of an experiment, in no more bytes than they may take.

    Where these are too few, what spares the least training goes first, or is not written: more is
    repeated after a crash, and it comes to the same result.
    """

    def __init__(
        self,
        folder: Path,
        most: int | None = None,
        spares: Callable[[str, int], float] = lambda run, epochs: epochs,
    ) -> None:
        """Take the bytes, and what tells the training that the state of a run spares."""
        self.folder, self.most, self.spares = folder, most, spares

    def save(self, run: str, epochs: int, state: bytes) -> None:
        """Keep the state of a run in place of the one before, if there is room for it."""
        if not self._make_room(len(state), self.spares(run, epochs), run):
            return
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
            _, epochs = _told(path)
            if sha256_of(path)[:DIGITS] == path.stem.rpartition("-")[2]:
                whole.append(Checkpoint(epochs, path))
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
        for path in self.others(runs):
            path.unlink()

    def others(self, runs: Container[str]) -> list[Path]:
        """List what was kept of runs that are not among these."""
        return [path for path in self._of("*") if _told(path)[0] not in runs]

    def keep_within(self) -> None:
        """Remove what is beyond the bytes that checkpoints may take, which may have been more."""
        self._make_room(0, math.inf)

    def _make_room(self, size: int, spared: float, run: str = "") -> bool:
        """Make room for a state, at the cost of those that spare less; tell whether it fits.

        Nothing is removed where that would not do. The run's own last state, which the new one
        takes the place of, goes before others: it stays beside it only where both fit.
        """
        if self.most is None:
            return True
        kept = {path: path.stat().st_size for path in self._of("*")}
        others = {path: self.spares(*_told(path)) for path in kept if _told(path)[0] != run}
        lesser = sorted(
            (each for each, worth in others.items() if worth < spared), key=others.__getitem__
        )
        order = [path for path in kept if path not in others] + lesser
        free = self.most - sum(kept.values())
        if size > free + sum(kept[path] for path in order):
            return False
        for path in order:
            if size <= free:
                break
            free += kept[path]
            path.unlink()
        return True

    def _of(self, run: str) -> list[Path]:
        return list(self.folder.glob(f"{run}-*-*.pt"))


def _told(path: Path) -> tuple[str, int]:
    """Return what the name of a checkpoint tells: its run, and after how many epochs."""
    run, epochs, _ = path.stem.rsplit("-", 2)
    return run, int(epochs)
