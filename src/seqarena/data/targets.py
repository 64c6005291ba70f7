"""What labelled items are labelled with: a class each, or a text that is to be written."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqarena.data.store import Array
from seqarena.data.tokens import END, TARGET_SPECIALS, UNITS, ids, learn_vocabulary
from seqarena.errors import InputError


class Targets(ABC):
    """Learned from the answers of train; raises `InputError` at what cannot be learned."""

    column: str  # of the manifest

    @abstractmethod
    def __init__(self, train: Sequence[str], manifest: str) -> None: ...

    @abstractmethod
    def check(self, answer: str, split: str, where: str) -> None:
        """Raise `InputError` at `where` for an answer that cannot be given."""

    @abstractmethod
    def encode(self, answers: Sequence[str]) -> Array | list[Array]:
        """Turn answers into what a split holds as targets."""

    @abstractmethod
    def fields(self) -> dict[str, Any]:
        """Return what a `DataSpec` says of them."""


class Labels(Targets):
    """One of the classes that train has."""

    column = "label"

    def __init__(self, train: Sequence[str], manifest: str) -> None:
        self.classes = tuple(sorted(set(train)))
        if len(self.classes) < 2:
            raise InputError(f"{manifest}: every row of train has the label '{self.classes[0]}'")
        self.index = {label: number for number, label in enumerate(self.classes)}

    def check(self, answer: str, split: str, where: str) -> None:
        if answer not in self.index:
            raise InputError(f"{where}: label '{answer}' of {split} does not occur in train")

    def encode(self, answers: Sequence[str]) -> Array:
        return np.array([self.index[answer] for answer in answers], dtype=np.int64)

    def fields(self) -> dict[str, Any]:
        return {"classes": self.classes}


class Texts(Targets):
    """A text as tokens over the vocabulary of train, ``(U,)`` with its end."""

    column = "target"
    unit: str

    def __init__(self, train: Sequence[str], manifest: str) -> None:
        tokens = [self.split(answer) for answer in train]
        self.vocabulary = learn_vocabulary(tokens, TARGET_SPECIALS, most=None)
        self.longest = max(map(len, tokens)) + 1
        self.index = {token: number for number, token in enumerate(self.vocabulary)}

    def split(self, answer: str) -> list[str]:
        """Split an answer into tokens."""
        return UNITS[self.unit](answer)

    def check(self, answer: str, split: str, where: str) -> None:
        if not self.split(answer):
            raise InputError(f"{where}: an empty target; expected some {self.unit}")

    def encode(self, answers: Sequence[str]) -> list[Array]:
        coded = [ids(self.split(answer), self.index) for answer in answers]
        return [np.append(tokens, np.int32(END)) for tokens in coded]

    def fields(self) -> dict[str, Any]:
        return {
            "target_vocabulary": self.vocabulary,
            "longest_target": self.longest,
            "target_unit": self.unit,
        }


class Words(Texts):
    """A text word by word."""

    unit = "words"


class Characters(Texts):
    """A text character by character."""

    unit = "characters"


TARGETS: dict[str, type[Targets]] = {"label": Labels, "words": Words, "characters": Characters}
