"""Labelled items, whatever they are: sentences, recordings or clips, read from one manifest."""

from __future__ import annotations

import math
import sys
import unicodedata
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypedDict

import numpy as np
from pydantic import Field, model_validator

from seqarena.config import Strict
from seqarena.data.children import Decode, DecodeAll
from seqarena.data.rows import Row, Rows, shortened
from seqarena.data.splits import STRATIFIED, Splits, Splitting
from seqarena.data.store import SPLITS, Array
from seqarena.data.subwords import PIECES
from seqarena.data.tables import TableRow, beside, items_of, read_records, spaced
from seqarena.data.targets import (
    BETWEEN,
    Labels,
    LabelSets,
    Number,
    StepLabels,
    Targets,
    labels_of,
)
from seqarena.data.tokens import TARGET_SPECIALS
from seqarena.data.writing import split_writers
from seqarena.errors import InputError, InputWarning, nearest
from seqarena.files import sha256_of

Fraction = Annotated[float, Field(gt=0, lt=1)]
MANIFESTS = {"text": "examples.csv", "file": "labels.csv"}  # by the column of the item


# Makes the steps ``(T, *feature_shape)`` of rows, in their order, or says why it cannot; closed
# where no more are wanted.
Encode = Callable[[Iterator[Row]], Generator[Array | InputError]]
# Digests what a model sees of an item; None where that cannot be told.
Content = Callable[[str], str | None]
# Targets that are read out of one text: what stands between them there, and how.
READ_AGAIN: dict[type[Targets], tuple[str, Callable[[str], list[str]]]] = {
    LabelSets: (BETWEEN, labels_of),
    StepLabels: (" ", str.split),
}
SKIPPED = 0.01  # of files, where `bad_files: skip` says no more


class Writing(TypedDict):
    """How rows of files are written."""

    bad_share: float
    pieces: int


# Options that a model needs not know.
NOT_OF_MODEL = {*Splitting.__annotations__, "bad_files", "vocabulary"}


class DrawnOptions(Strict):
    """How much of train is set aside where no split is named."""

    valid: Fraction = 0.1
    test: Fraction = 0.1
    folds: Annotated[int, Field(ge=2)] | None = None  # of train: they validate in turns

    @model_validator(mode="after")
    def _leaves_train(self) -> Self:
        if self.folds and self.valid != type(self).model_fields["valid"].default:
            raise ValueError(f"folds {self.folds} says how much validates; leave out valid")
        if self.valid + self.test >= 1:
            raise ValueError(f"valid {self.valid} and test {self.test} leave nothing to train on")
        return self


class LabelledOptions(DrawnOptions):
    """What an item is labelled with, and how it comes to its split."""

    targets: Literal[
        "label", "label_set", "labels", "number", "words", "characters", "subwords", "next"
    ] = "label"
    vocabulary: Annotated[int, Field(gt=len(TARGET_SPECIALS))] = PIECES  # subwords, at most
    leaks: Literal["drop", "keep", "refuse"] = "drop"  # what stands in two splits that are named

    def splitting(self) -> Splitting:
        """Return the options of `assign_splits`."""
        return {
            "valid": self.valid,
            "test": self.test,
            "folds": self.folds,
            "leaks": self.leaks,
            "stratify": self.targets if self.targets in STRATIFIED else None,
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
    path: Path,
    column: str,
    targets: type[Targets] | None = Labels,
    content: Content | None = None,
) -> Rows:
    """Read the rows of ``examples.csv`` (`column` is ``text``) or ``labels.csv`` (``file``).

    Their answers are such `targets`, in the column of these; without, they have none.

    Without a group of its own a row is grouped with the rows of the same `content`, so that a
    repeated sentence is never trained on and tested on; of files that is their bytes. Raises
    `InputError` naming file and line.
    """
    if content is None and column == "file":
        content = partial(_bytes_of, path.parent)
    records = read_records(path, [column] if targets is None else [column, targets.column])
    rows = Rows(_row(record, column, targets, content) for record in records)
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


def _row(
    record: TableRow, column: str, targets: type[Targets] | None, content: Content | None
) -> Row:
    place, target = record.place, column if targets is None else targets.column
    cells = _cells(record, column, targets)
    for name in (column,) if targets and targets.may_be_empty else (column, target):
        if not cells[name]:
            raise InputError(f"{place}: the cell '{name}' is empty")
    split = cells.get("split") or None
    if split is not None and split not in SPLITS:
        raise InputError(f"{place}: no split '{split}'; {nearest(split, SPLITS)}")
    item = cells[column]
    name = item if column == "file" else cells.get("id") or str(record.line)
    answer = unicodedata.normalize("NFC", cells[target])  # a label is one, however it is written
    group = cells.get("group")
    alike = content(item) if content is not None and not group else None
    return Row(name, item, answer, split, group or item, place, alike)


def _cells(record: TableRow, column: str, targets: type[Targets] | None) -> dict[str, str]:
    """Return the cells of a row as texts, a list of answers as such targets are written."""
    cells = {name: spaced(cell) for name, cell in record.cells.items()}
    if targets is None:
        return cells
    for name in (column, targets.column) if targets is StepLabels else (targets.column,):
        items = items_of(record.cells[name])
        if items is not None:
            cells[name] = _written(items, targets, f"{record.place}: column '{name}'")
    return cells


def _written(items: list[str], targets: type[Targets], where: str) -> str:
    """Return the items of a list as one text, out of which the targets read the same again."""
    if targets is Labels and len(items) > 1:
        fix = "`prepare: {targets: label_set}` takes several"
        raise InputError(f"{where}: {len(items)} labels, expected one; {fix}")
    between, read = READ_AGAIN.get(targets, (" ", None))
    odd = [item for item in items if read is not None and len(read(item)) != 1]
    if odd:
        found = f"'{shortened(odd[0])}'" if odd[0] else "an empty one"
        raise InputError(f"{where}: expected items without '{between}' in them, found {found}")
    return between.join(items)


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
    with split_writers(out, splits.names) as writers, closing(encoded):
        for (name, row), steps in zip(splits, encoded, strict=True):
            if isinstance(steps, InputError):
                bad.add(steps)
                continue
            if len(steps) <= learned.ahead:
                raise InputError(f"{row.place}: nothing to read in '{shortened(row.item)}'")
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
            found = f"expected a number, found '{shortened(row.target)}'"
            raise InputError(f"{row.place}: the cell '{Number.column}': {found}")


def _example(row: Row, column: str, target: str) -> dict[str, Any]:
    grouped = {} if row.group == row.item else {"group": row.group}
    return {"id": row.id, target: row.target, column: row.item, **grouped, **fold_of(row)}


def fold_of(row: Row) -> dict[str, int]:
    """Return what an example says of its fold, where train is divided into such."""
    return {} if row.fold is None else {"fold": row.fold}
