"""Labelled items, whatever they are: sentences, recordings or clips, read from one manifest."""

from __future__ import annotations

import math
import sys
import unicodedata
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import numpy as np
from pydantic import Field, model_validator

from seqarena.config import Strict
from seqarena.data.children import Decode, DecodeAll
from seqarena.data.rows import NO_SPLIT, Row, Rows
from seqarena.data.store import SPLITS, Array
from seqarena.data.subwords import PIECES
from seqarena.data.tables import TableRow, beside, read_records
from seqarena.data.targets import Labels, Number, Targets
from seqarena.data.tokens import TARGET_SPECIALS
from seqarena.data.writing import split_writers
from seqarena.errors import InputError, InputWarning, nearest
from seqarena.files import sha256_of

Fraction = Annotated[float, Field(gt=0, lt=1)]
ROUNDING = 1e-6  # rows
MANIFESTS = {"text": "examples.csv", "file": "labels.csv"}  # by the column of the item


# Makes the steps ``(T, *feature_shape)`` of rows, in their order, or says why it cannot; closed
# where no more are wanted.
Encode = Callable[[Iterator[Row]], Generator[Array | InputError]]
# Digests what a model sees of an item; None where that cannot be told.
Content = Callable[[str], str | None]
SKIPPED = 0.01  # of files, where `bad_files: skip` says no more


class Splitting(TypedDict):
    """How rows come to their splits."""

    valid: float
    test: float
    leaks: Literal["drop", "keep", "refuse"]
    stratify: bool


class Writing(TypedDict):
    """How rows of files are written."""

    bad_share: float
    pieces: int


# Options that a model needs not know.
NOT_OF_MODEL = {*Splitting.__annotations__, "bad_files", "vocabulary"}


class LabelledOptions(Strict):
    """What an item is labelled with, and how much of train is set aside where no split is named."""

    targets: Literal["label", "labels", "number", "words", "characters", "subwords", "next"] = (
        "label"
    )
    vocabulary: Annotated[int, Field(gt=len(TARGET_SPECIALS))] = PIECES  # subwords, at most
    valid: Fraction = 0.1
    test: Fraction = 0.1
    leaks: Literal["drop", "keep", "refuse"] = "drop"  # what stands in two splits that are named

    def splitting(self) -> Splitting:
        """Return the options of `assign_splits`."""
        return {
            "valid": self.valid,
            "test": self.test,
            "leaks": self.leaks,
            "stratify": self.targets == "label",
        }

    @property
    def learns_pieces(self) -> bool:
        """Whether there is a vocabulary of subwords."""
        return self.targets == "subwords"

    @model_validator(mode="after")
    def _sizes_what_is_there(self) -> LabelledOptions:
        if self.vocabulary != PIECES and not self.learns_pieces:
            raise ValueError("vocabulary is of subwords, and neither targets nor units are such")
        return self

    @model_validator(mode="after")
    def _leaves_train(self) -> LabelledOptions:
        if self.valid + self.test >= 1:
            raise ValueError(f"valid {self.valid} and test {self.test} leave nothing to train on")
        return self


class FilesOptions(LabelledOptions):
    """Options of items that are files."""

    bad_files: Literal["refuse", "skip"] | Fraction = "refuse"  # skip: one in a hundred at most

    @property
    def bad_share(self) -> float:
        """Return the share of files that cannot be read and may be left out."""
        if isinstance(self.bad_files, float):
            return self.bad_files
        return SKIPPED if self.bad_files == "skip" else 0.0

    def writing(self) -> Writing:
        """Return the options of `write_labelled`."""
        return {"bad_share": self.bad_share, "pieces": self.vocabulary}


def read_manifest(
    path: Path, column: str, target: str = "label", content: Content | None = None
) -> Rows:
    """Read the rows of ``examples.csv`` (`column` is ``text``) or ``labels.csv`` (``file``).

    Their answers stand in the column `target`, ``label``, ``labels`` or ``target``.

    Without a group of its own a row is grouped with the rows of the same `content`, so that a
    repeated sentence is never trained on and tested on; of files that is their bytes. Raises
    `InputError` naming file and line.
    """
    if content is None and column == "file":
        content = partial(_bytes_of, path.parent)
    records = read_records(path, (column, target))
    rows = Rows(_row(record, column, target, content) for record in records)
    if not len(rows):
        raise InputError(f"{path}: no rows")
    first, again = _places(rows.ranks("id"))
    if len(again):
        earlier, row = rows[first[0]], rows[again[0]]
        where = beside(row.place, earlier.place)
        raise InputError(f"{row.place}: '{row.id}' stands in {where} already")
    return rows


def _places(ranks: Array) -> tuple[Array, Array]:
    """Return the rows that are not the first of their rank, and for each the first, ``(N,)``."""
    _, first = np.unique(ranks, return_index=True)
    again = np.flatnonzero(first[ranks] != np.arange(len(ranks)))
    return first[ranks[again]], again


def _bytes_of(folder: Path, file: str) -> str | None:
    """Digest the bytes of a file: what its decoder makes of them is not known yet."""
    try:
        return sha256_of(folder / file)
    except OSError:
        return None  # whoever decodes it tells


def _row(record: TableRow, column: str, target: str, content: Content | None) -> Row:
    cells, place = record.cells, record.place
    for name in (column, target):
        if not cells[name]:
            raise InputError(f"{place}: the cell '{name}' is empty")
    split = cells.get("split") or None
    if split is not None and split not in SPLITS:
        raise InputError(f"{place}: no split '{split}'; {nearest(split, SPLITS)}")
    item = cells[column]
    name = item if column == "file" else cells.get("id") or str(record.line)
    answer = unicodedata.normalize("NFC", cells[target])  # a label is one, however it is written
    alike = None if content is None else content(item)
    return Row(name, item, answer, split, cells.get("group") or item, place, alike)


@dataclass(frozen=True)
class Splits:
    """Rows, and the split of each."""

    rows: Rows
    places: Array  # in SPLITS, int8 (N,)

    def __iter__(self) -> Iterator[tuple[str, Row]]:
        """Give the rows in their order, each with the name of its split."""
        return ((SPLITS[place], row) for place, row in zip(self.places, self.rows, strict=True))

    def of(self, split: str) -> Iterator[Row]:
        """Give the rows of one split in their order."""
        return (row for name, row in self if name == split)


def assign_splits(
    rows: Rows,
    *,
    valid: float,
    test: float,
    seed: int,
    leaks: Literal["drop", "keep", "refuse"] = "refuse",
    stratify: bool = False,
) -> Splits:
    """Divide rows into train, valid and test, whole groups at a time, and keep their order.

    A split that the manifest names stays as it is; a row without one follows its group, else it
    belongs to train; a split that no row names is carved out of train, with its part of each class
    if `stratify` says that targets are classes. Where a group lies in two named splits, it stays in
    test, else in valid, and what other splits have of it is left out, with an `InputWarning`; or
    all is kept as it is named, or refused. Raises `InputError` when that is so, and when a split
    ends up empty.
    """
    if leaks == "drop":
        rows = _without_leaks(rows)
    groups = rows.ranks("group")
    named = _follow_groups(rows, groups, refuses=leaks != "keep")
    train = SPLITS.index("train")
    fractions = {SPLITS.index("test"): test, SPLITS.index("valid"): valid}
    missing = {split: part for split, part in fractions.items() if not (named == split).any()}
    in_pool = (named == NO_SPLIT) | (named == train)
    carved = np.full(groups.max() + 1, train, np.int8)  # by group
    pool = groups[in_pool]
    classes = rows.ranks("target") if stratify else np.zeros(len(rows), np.int64)
    for group, split in _carve(pool, classes[in_pool], missing, seed).items():
        carved[group] = split
    places = np.where(in_pool, carved[groups], named)
    for split, name in enumerate(SPLITS):
        if not (places == split).any():
            count = f"{len(rows)} rows in {groups.max() + 1} groups"
            raise InputError(f"split '{name}' is empty: {count}, valid={valid}, test={test}")
    if stratify:
        _tell_absent(rows, classes, places)
    return Splits(rows, places)


def _tell_absent(rows: Rows, classes: Array, places: Array) -> None:
    """Warn of classes that no row of valid or of test has."""
    for split, name in enumerate(SPLITS[1:], start=1):
        absent = np.setdiff1d(classes, classes[places == split])
        if len(absent):
            first = rows[np.flatnonzero(classes == absent[0])[0]].target
            others = f" and {len(absent) - 1:,} other labels" if len(absent) > 1 else ""
            warnings.warn(
                f"no row of {name} has the label '{_short(first)}'{others}: "
                "more rows would have it judged",
                InputWarning,
                stacklevel=2,
            )


def _carve(pool: Array, classes: Array, fractions: dict[int, float], seed: int) -> dict[int, int]:
    """Draw groups until each split has its fraction of the rows; return the split by group.

    `pool` and `classes` hold the group and the class of each row, by their places in the alphabet.
    Each split has its fraction of every class, and train keeps a group of each; groups of several
    classes are drawn as if they were one more. What a split has too much of one class, it has less
    of the next.
    """
    sizes = np.bincount(pool)
    groups = np.flatnonzero(sizes)
    of_group = np.zeros(len(sizes), np.int64)
    of_group[pool] = classes
    of_group[pool[classes != of_group[pool]]] = classes.max(initial=0) + 1
    shuffled = groups[np.random.default_rng(seed).permutation(len(groups))]
    carved, owed = dict[int, int](), dict.fromkeys(fractions, 0.0)
    for number in np.unique(of_group[groups]):
        left = shuffled[of_group[shuffled] == number].tolist()
        rows = int(sizes[left].sum())
        for split, fraction in fractions.items():
            owed[split] += fraction * rows
            while owed[split] > ROUNDING and len(left) > 1:
                group = left.pop()
                carved[group] = split
                owed[split] -= int(sizes[group])
    return carved


def _without_leaks(rows: Rows) -> Rows:
    """Leave out what train has of groups in valid or test, and valid of groups in test."""
    groups = rows.ranks("group")
    strictest = np.full(groups.max() + 1, NO_SPLIT, np.int8)  # by group; SPLITS are in that order
    np.maximum.at(strictest, groups, rows.named)
    leaking = (rows.named != NO_SPLIT) & (rows.named != strictest[groups])
    if not leaking.any():
        return rows
    counts = ((name, int((leaking & (rows.named == n)).sum())) for n, name in enumerate(SPLITS))
    told = " and ".join(f"{count:,} rows of {name}" for name, count in counts if count)
    kept = "what they hold is also in a split that judges; `prepare: {leaks: keep}` keeps them"
    warnings.warn(f"{told} are left out: {kept}", InputWarning, stacklevel=2)
    return Rows(row for row, leaks in zip(rows, leaking, strict=True) if not leaks)


def _follow_groups(rows: Rows, groups: Array, refuses: bool) -> Array:
    """Give every row without a split the one that its group's rows name, int8 ``(N,)``."""
    naming = np.flatnonzero(rows.named != NO_SPLIT)
    first = np.full(len(rows), NO_SPLIT)  # row that names a split, by group
    first[groups[naming[::-1]]] = naming[::-1]  # of equal places the last one assigned stays
    odd = naming[rows.named[naming] != rows.named[first[groups[naming]]]]
    if refuses and len(odd):
        row, earlier = rows[odd[0]], rows[first[groups[odd[0]]]]
        before = beside(row.place, earlier.place)
        alike = "content" if row.group == row.item else "group"
        raise InputError(
            f"{row.place}: split '{row.split}', but {before} of the same {alike} is in "
            f"'{earlier.split}': '{_short(earlier.group)}'; `prepare: {{leaks: drop}}` leaves it "
            "out of train"
        )
    follows = (rows.named == NO_SPLIT) & (first[groups] != NO_SPLIT)
    return np.where(follows, rows.named[first[groups]], rows.named)


def write_labelled(
    out: Path,
    splits: Splits,
    encode: Encode,
    targets: type[Targets] = Labels,
    *,
    column: str = "file",
    max_length: int | None = None,
    bad_share: float = 0.0,
    pieces: int = PIECES,
) -> dict[str, Any]:
    """Encode and write every row; return the `DataSpec` fields of targets, sizes and lengths.

    Steps after `max_length` are cut. Of files that cannot be read this share may be left out, with
    an `InputWarning`; a vocabulary of subwords holds so many `pieces`. Raises `InputError` when the
    targets of train cannot be learned from, another split has one that train lacks, or a row has
    no steps.
    """
    if targets is Number:
        _check_numbers(splits.rows)
    known = [sys.intern(row.target) for row in splits.of("train")]
    learned = targets(known, MANIFESTS[column], pieces)
    for name, row in splits:
        learned.check(row.target, name, row.place)
    cut = None if max_length is None else max_length + learned.ahead
    encoded = encode(iter(splits.rows))
    bad = BadFiles(len(splits.rows), bad_share)
    with split_writers(out) as writers, closing(encoded):
        for (name, row), steps in zip(splits, encoded, strict=True):
            if isinstance(steps, InputError):
                bad.add(steps)
                continue
            if len(steps) <= learned.ahead:
                raise InputError(f"{row.place}: nothing to read in '{_short(row.item)}'")
            learned.match(row.target, steps, row.place)
            kept = steps[:cut]
            aim = learned.encode([row.target], [kept])
            inputs = kept[: len(kept) - learned.ahead]
            writers[name].add(inputs, aim, _example(row, column, learned.column))
        bad.tell()
    sizes = {name: len(writer) for name, writer in writers.items()}
    return {**learned.fields(), "sizes": sizes, "max_length": writers["train"].longest}


class BadFiles:
    """The files of an experiment that cannot be read, as far as they may be left out."""

    def __init__(self, files: int, share: float) -> None:
        """Of so many `files` this share may be left out."""
        self.files, self.share = files, share
        self.errors: list[InputError] = []

    def add(self, error: InputError) -> None:
        """Leave a file out; raises its `InputError` where that is one too many."""
        self.errors.append(error)
        if not self.share:
            raise error
        if len(self.errors) > self.share * self.files:
            found = f"{len(self.errors)} of {self.files:,} files cannot be read, more than"
            fix = f"{found} the {self.share:.2%} that `prepare: {{bad_files: …}}` lets pass"
            raise InputError(f"{fix}; the first: {self.errors[0]}") from error

    def tell(self) -> None:
        """Warn of what was left out."""
        if self.errors:
            found = f"{len(self.errors)} of {self.files:,} files cannot be read and are left out"
            warnings.warn(f"{found}; the first: {self.errors[0]}", InputWarning, stacklevel=3)


def encode_files(decode_all: DecodeAll, decode: Decode, raw: Path) -> Encode:
    """Return the encoder of rows whose items are files below `raw`."""
    return lambda rows: decode_all(decode, (raw / row.item for row in rows))


def _check_numbers(rows: Rows) -> None:
    for row in rows:
        try:
            finite = math.isfinite(float(row.target))
        except ValueError:
            finite = False
        if not finite:
            found = f"expected a number, found '{_short(row.target)}'"
            raise InputError(f"{row.place}: the cell '{Number.column}': {found}")


def _example(row: Row, column: str, target: str) -> dict[str, str]:
    grouped = {} if row.group == row.item else {"group": row.group}
    return {"id": row.id, target: row.target, column: row.item, **grouped}


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"
