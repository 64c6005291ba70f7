"""What items are labelled with: a class, a set of them, a number, a class per step, a text, …"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqarena.data.store import Array, Split
from seqarena.data.subwords import PIECES, Pieces, learn_subwords
from seqarena.data.tokens import (
    END,
    PAD,
    TARGET_SPECIALS,
    UNITS,
    Tokenise,
    ids,
    learn_vocabulary,
)
from seqarena.errors import InputError

NO_LABEL = "_"  # in `labels`: a step without a label
BETWEEN = ";"  # the labels of a set
AGAIN = 2  # times that a piece stands in train, or it teaches nothing that its parts do not


class Targets(ABC):
    """Learned from the targets of train; raises `InputError` for what cannot be learned."""

    column: str  # of the manifest
    may_be_empty = False  # its cell
    ahead = 0  # steps of a sequence that are targets alone

    @abstractmethod
    def __init__(self, train: Sequence[str], manifest: str, pieces: int = PIECES) -> None:
        """Learn from the targets of train; `pieces` is the most a vocabulary of subwords holds."""

    @abstractmethod
    def check(self, target: str, split: str, where: str) -> None:
        """Raise `InputError` at `where` for a target that cannot be predicted."""

    def match(self, target: str, steps: Array, where: str) -> None:  # noqa: B027
        """Raise `InputError` at `where` for a target that does not fit its item's steps."""

    @abstractmethod
    def encode(self, targets: Sequence[str], sequences: Sequence[Array]) -> Array | list[Array]:
        """Encode the targets of sequences ``(T, *)`` as a split holds them."""

    @abstractmethod
    def fields(self) -> dict[str, Any]:
        """Return their fields of a `DataSpec`."""


class Labels(Targets):
    """One of the classes that train has."""

    column = "label"

    def __init__(self, train: Sequence[str], manifest: str, pieces: int = PIECES) -> None:
        self.classes = _classes(train, manifest)
        self.index = {label: number for number, label in enumerate(self.classes)}

    def check(self, target: str, split: str, where: str) -> None:
        if target not in self.index:
            raise InputError(f"{where}: label '{target}' of {split} does not occur in train")

    def encode(self, targets: Sequence[str], sequences: Sequence[Array]) -> Array:
        return np.array([self.index[target] for target in targets], dtype=np.int64)

    def fields(self) -> dict[str, Any]:
        return {"classes": self.classes}


class LabelSets(Labels):
    """Any of the classes that train has, several or none: ``(K,)`` of 0 and 1.

    They are separated by `BETWEEN`, in any order.
    """

    column = "labels"
    may_be_empty = True

    def __init__(self, train: Sequence[str], manifest: str, pieces: int = PIECES) -> None:
        labels = [label for target in train for label in labels_of(target)]
        if not labels:
            raise InputError(f"{manifest}: no row of train has a label")
        super().__init__(labels, manifest)

    def check(self, target: str, split: str, where: str) -> None:
        for label in labels_of(target):
            super().check(label, split, where)

    def encode(self, targets: Sequence[str], sequences: Sequence[Array]) -> Array:
        sets = np.zeros((len(targets), len(self.classes)), np.uint8)
        for row, target in zip(sets, targets, strict=True):
            row[[self.index[label] for label in labels_of(target)]] = 1
        return sets


class StepLabels(Targets):
    """A class for each step, ``(T,)`` from 1 in the order of the classes; 0 where there is none.

    Labels are separated by blanks; `NO_LABEL` stands for a step without one.
    """

    column = "labels"

    def __init__(self, train: Sequence[str], manifest: str, pieces: int = PIECES) -> None:
        labels = [label for target in train for label in step_labels_of(target)]
        if not labels:
            raise InputError(f"{manifest}: no step of train has a label")
        self.classes = _classes(labels, manifest)
        self.index = {NO_LABEL: PAD, **{c: n for n, c in enumerate(self.classes, start=1)}}

    def check(self, target: str, split: str, where: str) -> None:
        for label in target.split():
            if label not in self.index:
                raise InputError(f"{where}: label '{label}' of {split} does not occur in train")

    def match(self, target: str, steps: Array, where: str) -> None:
        count = len(target.split())
        if count != len(steps):
            raise InputError(f"{where}: {count} labels for {len(steps)} steps; expected one each")

    def encode(self, targets: Sequence[str], sequences: Sequence[Array]) -> list[Array]:
        return [
            np.array([self.index[label] for label in target.split()[: len(steps)]], np.int32)
            for target, steps in zip(targets, sequences, strict=True)
        ]

    def fields(self) -> dict[str, Any]:
        return {"classes": self.classes}


class Number(Targets):
    """One number, ``(1,)`` float32 scaled by the mean and deviation of train."""

    column = "target"

    def __init__(self, train: Sequence[str], manifest: str, pieces: int = PIECES) -> None:
        numbers = [_number(target, f"{manifest}: train") for target in train]
        self.mean, self.std = float(np.mean(numbers)), float(np.std(numbers))
        if self.std == 0:
            raise InputError(f"{manifest}: every row of train has the target {train[0]}")

    def check(self, target: str, split: str, where: str) -> None:
        _number(target, where)

    def encode(self, targets: Sequence[str], sequences: Sequence[Array]) -> Array:
        numbers = np.array([float(target) for target in targets])
        return ((numbers - self.mean) / self.std).astype(np.float32)[:, None]

    def fields(self) -> dict[str, Any]:
        return {"target": {"mean": self.mean, "std": self.std}}


class Next(Targets):
    """The step after each step, ``(T,)``: the item is its own target."""

    column = "text"
    ahead = 1

    def __init__(self, train: Sequence[str], manifest: str, pieces: int = PIECES) -> None: ...

    def check(self, target: str, split: str, where: str) -> None: ...

    def encode(self, targets: Sequence[str], sequences: Sequence[Array]) -> list[Array]:
        return [steps[1:] for steps in sequences]

    def fields(self) -> dict[str, Any]:
        return {}


class Texts(Targets):
    """A text as tokens over the vocabulary of train, ``(U,)`` with its end."""

    column = "target"
    unit: str
    split: Tokenise  # a target into tokens

    def __init__(self, train: Sequence[str], manifest: str, pieces: int = PIECES) -> None:
        self.vocabulary, self.split = self.learn(train, pieces)
        self.max_length = max(len(self.split(target)) for target in train) + 1
        self.index = {token: number for number, token in enumerate(self.vocabulary)}

    def learn(self, train: Sequence[str], pieces: int) -> tuple[tuple[str, ...], Tokenise]:
        """Return the vocabulary of train, and what splits a target."""
        split = UNITS[self.unit]
        return learn_vocabulary(map(split, train), TARGET_SPECIALS, most=None), split

    def check(self, target: str, split: str, where: str) -> None:
        if not self.split(target):
            raise InputError(f"{where}: an empty target; expected some {self.unit}")

    def encode(self, targets: Sequence[str], sequences: Sequence[Array]) -> list[Array]:
        coded = [ids(self.split(target), self.index) for target in targets]
        return [np.append(tokens, np.int32(END)) for tokens in coded]

    def fields(self) -> dict[str, Any]:
        return {
            "target_vocabulary": self.vocabulary,
            "max_target_length": self.max_length,
            "target_unit": self.unit,
        }


class Words(Texts):
    """A text word by word."""

    unit = "words"


class Characters(Texts):
    """A text character by character."""

    unit = "characters"


class Subwords(Texts):
    """A text by its words and pieces of them."""

    unit = "subwords"

    def learn(self, train: Sequence[str], pieces: int) -> tuple[tuple[str, ...], Tokenise]:
        vocabulary, merges = learn_subwords(train, TARGET_SPECIALS, size=pieces, min_count=AGAIN)
        return vocabulary, Pieces(vocabulary, merges)


def labels_of(cell: str) -> list[str]:
    """Return the labels of a set as it is written: ``a; b``."""
    return [label for part in cell.split(BETWEEN) if (label := part.strip())]


def step_labels_of(cell: str) -> list[str]:
    """Return the labels of the steps that have one, as they are written: ``O B-PER O``."""
    return [label for label in cell.split() if label != NO_LABEL]


def class_counts(split: Split, classes: int) -> Array:
    """Count the sequences of each class, or the steps that are labelled with it, ``(K,)``."""
    if split.target_starts is not None:  # counted from 1; what is no label stands at `PAD`
        return np.delete(np.bincount(split.targets, minlength=classes + 1), PAD)
    if split.targets.ndim == 2:
        return np.asarray(split.targets.sum(0, dtype=np.int64))
    return np.bincount(split.targets, minlength=classes)


def _classes(labels: Sequence[str], manifest: str) -> tuple[str, ...]:
    classes = tuple(sorted(set(labels)))
    if len(classes) < 2:
        raise InputError(f"{manifest}: train has no other label than '{classes[0]}'")
    return classes


def _number(target: str, where: str) -> float:
    try:
        number = float(target)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{where}: expected a number as target, found '{target}'")
    return number


TARGETS: dict[str, type[Targets]] = {
    "label": Labels,
    "label_set": LabelSets,
    "labels": StepLabels,
    "number": Number,
    "words": Words,
    "characters": Characters,
    "subwords": Subwords,
    "next": Next,
}
