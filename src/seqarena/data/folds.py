"""Prepared data as a repetition sees it: where train is divided into folds, another one validates.

The whole of train stands in the folder `POOL` then, in the format of a split, with the fold of
each sequence in ``folds.npy`` ``(N,)``, below 0 where it never validates.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqarena.data.store import Array, Prepared, Split

POOL = "pool"


class Part(Split):
    """Some sequences of a split, whose steps stay where they are."""

    def __init__(self, whole: Split, places: Array) -> None:
        self.folder, self.places, self.inputs = whole.folder, places, whole.inputs
        self.starts, self.lengths = whole.starts[places], whole.lengths[places]
        self.scales = None if whole.scales is None else whole.scales[places]
        self.target_starts = self.target_lengths = None
        if whole.target_starts is None or whole.target_lengths is None:
            self.targets = whole.targets[places]
        else:
            self.targets = whole.targets
            self.target_starts = whole.target_starts[places]
            self.target_lengths = whole.target_lengths[places]

    def examples(self) -> list[dict[str, Any]]:
        known = super().examples()
        return [known[place] for place in self.places]


class Fold(Prepared):
    """Prepared data of which one fold of train is valid, and train the others."""

    def __init__(self, prepared: Prepared, number: int) -> None:
        self.folder, self.spec, self.number = prepared.folder, prepared.spec, number

    def split(self, name: str) -> Split:
        if name == "test":
            return super().split(name)
        validates = _folds(self) == self.number
        return Part(super().split(POOL), np.flatnonzero(validates == (name == "valid")))


def of_repetition(prepared: Prepared, repetition: int) -> Prepared:
    """Return what a repetition (from 1) learns from and validates on: the next fold each time."""
    folds = folds_of(prepared)
    return folds[(repetition - 1) % len(folds)]


def folds_of(prepared: Prepared) -> list[Prepared]:
    """Return prepared data as each fold has it, or as it is where there are none."""
    if not _is_divided(prepared):
        return [prepared]
    return [Fold(prepared, number) for number in range(int(_folds(prepared).max()) + 1)]


def learned_from(prepared: Prepared) -> Split:
    """Return all that some repetition learns from."""
    return prepared.split(POOL if _is_divided(prepared) else "train")


def _is_divided(prepared: Prepared) -> bool:
    return (prepared.folder / POOL).is_dir()


def _folds(prepared: Prepared) -> Array:
    return np.asarray(np.load(prepared.folder / POOL / "folds.npy"))
