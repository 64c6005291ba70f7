"""Labelled items, whatever they are: sentences, recordings or clips, read from one manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from seqarena.config import Strict
from seqarena.data.store import SPLITS, Array, write_sequences
from seqarena.data.tables import read_records
from seqarena.data.targets import Labels, Targets
from seqarena.errors import InputError, nearest

Fraction = Annotated[float, Field(gt=0, lt=1)]
MANIFESTS = {"text": "examples.csv", "file": "labels.csv"}  # by the column of the item


@dataclass(frozen=True)
class Row:
    """One labelled item of a manifest."""

    id: str
    item: str  # the text itself, or the file's name
    target: str  # its label, its labels, its number, or the text to be written for it
    split: str | None
    group: str  # rows of one group never come into two splits
    line: int  # in the manifest, for messages


class LabelledOptions(Strict):
    """What an item is labelled with, and how much of train is set aside where no split is named."""

    targets: Literal["label", "labels", "number", "words", "characters", "next"] = "label"
    valid: Fraction = 0.1
    test: Fraction = 0.1

    @model_validator(mode="after")
    def _leaves_train(self) -> LabelledOptions:
        if self.valid + self.test >= 1:
            raise ValueError(f"valid {self.valid} and test {self.test} leave nothing to train on")
        return self


def read_manifest(path: Path, column: str, target: str = "label") -> list[Row]:
    """Read the rows of ``examples.csv`` (`column` is ``text``) or ``labels.csv`` (``file``).

    Their answers stand in the column `target`, ``label``, ``labels`` or ``target``.

    Without a group of its own a row is grouped with the rows of the very same item, so that a
    repeated sentence is never trained on and tested on. Raises `InputError` naming file and line.
    """
    rows = [_row(path, n, r, column, target) for n, r in read_records(path, (column, target))]
    if not rows:
        raise InputError(f"{path}: no rows")
    lines: dict[str, int] = {}
    for row in rows:
        if row.id in lines:
            where = f"{path} line {row.line}"
            raise InputError(f"{where}: '{row.id}' stands in line {lines[row.id]} already")
        lines[row.id] = row.line
    return rows


def _row(path: Path, line: int, record: dict[str, str], column: str, target: str) -> Row:
    for name in (column, target):
        if not record[name]:
            raise InputError(f"{path} line {line}: the cell '{name}' is empty")
    split = record.get("split") or None
    if split is not None and split not in SPLITS:
        raise InputError(f"{path} line {line}: no split '{split}'; {nearest(split, SPLITS)}")
    item = record[column]
    name = item if column == "file" else record.get("id") or str(line)
    return Row(name, item, record[target], split, record.get("group") or item, line)


def assign_splits(rows: list[Row], *, valid: float, test: float, seed: int) -> dict[str, list[Row]]:
    """Divide rows into train, valid and test, whole groups at a time, and keep their order.

    A split that the manifest names stays as it is; a row without one follows its group, else it
    belongs to train; a split that no row names is carved out of train. Raises `InputError` when
    a group lies in two splits or a split ends up empty.
    """
    rows = _follow_groups(rows)
    fractions = {"test": test, "valid": valid}
    missing = {name: fractions[name] for name in fractions if all(r.split != name for r in rows)}
    pool = [row for row in rows if row.split in (None, "train")]
    carved = _carve(pool, missing, seed)
    splits: dict[str, list[Row]] = {name: [] for name in SPLITS}
    for row in rows:
        named = row.split if row.split in fractions else None
        splits[named or carved.get(row.group, "train")].append(row)
    for name, held in splits.items():
        if not held:
            count = f"{len(rows)} rows in {len({row.group for row in rows})} groups"
            raise InputError(f"split '{name}' is empty: {count}, valid={valid}, test={test}")
    return splits


def _carve(pool: list[Row], fractions: dict[str, float], seed: int) -> dict[str, str]:
    """Draw groups until each split has its fraction of the rows; return the split by group."""
    sizes = Counter(row.group for row in pool)
    names = sorted(sizes)
    shuffled = [names[i] for i in np.random.default_rng(seed).permutation(len(names))]
    carved: dict[str, str] = {}
    for split, fraction in fractions.items():
        wanted = fraction * len(pool)
        while wanted > 0 and shuffled:
            group = shuffled.pop()
            carved[group] = split
            wanted -= sizes[group]
    return carved


def _follow_groups(rows: list[Row]) -> list[Row]:
    """Give every row of a group the one split that the group's rows name."""
    named: dict[str, Row] = {}
    for row in rows:
        if row.split is None:
            continue
        first = named.setdefault(row.group, row)
        if first.split != row.split:
            raise InputError(
                f"line {row.line}: split '{row.split}', but line {first.line} "
                f"of the same group '{_short(row.group)}' is in '{first.split}'"
            )
    return [replace(r, split=named[r.group].split) if r.group in named else r for r in rows]


def write_labelled(
    out: Path,
    splits: dict[str, list[Row]],
    encode: Callable[[Row], Array],
    targets: type[Targets] = Labels,
    *,
    column: str = "file",
    max_length: int | None = None,
) -> dict[str, Any]:
    """Encode and write every split; return the `DataSpec` fields of targets, sizes and lengths.

    `encode` makes the steps ``(T, *feature_shape)`` of a row; steps after `max_length` are cut.
    Raises `InputError` when the targets of train cannot be learned from, another split has one that
    train lacks, or a row has no steps.
    """
    manifest = MANIFESTS[column]
    learned = targets([row.target for row in splits["train"]], manifest)
    for name, rows in splits.items():
        for row in rows:
            learned.check(row.target, name, f"{manifest} line {row.line}")
    train_length = 0
    cut = None if max_length is None else max_length + learned.ahead
    for name, rows in splits.items():
        sequences = []
        for row in rows:
            steps, where = encode(row), f"{manifest} line {row.line}"
            if len(steps) <= learned.ahead:
                raise InputError(f"{where}: nothing to read in '{_short(row.item)}'")
            learned.match(row.target, steps, where)
            sequences.append(steps[:cut])
        aims = learned.encode([row.target for row in rows], sequences)
        inputs = [steps[: len(steps) - learned.ahead] for steps in sequences]
        examples = (_example(row, column, learned.column) for row in rows)
        write_sequences(out / name, inputs, aims, examples)
        if name == "train":
            train_length = max(map(len, inputs))
    sizes = {name: len(rows) for name, rows in splits.items()}
    return {**learned.fields(), "sizes": sizes, "max_length": train_length}


def _example(row: Row, column: str, target: str) -> dict[str, str]:
    grouped = {} if row.group == row.item else {"group": row.group}
    return {"id": row.id, target: row.target, column: row.item, **grouped}


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"
