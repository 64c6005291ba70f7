"""The rows of a manifest, kept on disk: there may be more of them than memory holds."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterable, Iterator
from itertools import starmap
from typing import Literal, NamedTuple

import numpy as np

from seqarena.data.store import SPLITS, Array

NO_SPLIT = -1  # of a row that names none
CACHE = 32 << 10  # KiB of the table that stay in memory, also while it is sorted


class Row(NamedTuple):
    """One labelled item of a manifest."""

    id: str
    item: str  # the text itself, or the file's name
    target: str  # its label, its labels, its number, or the text to be written for it
    split: str | None
    group: str  # rows of one group never come into two splits
    place: str  # in the manifest, for messages
    content: str | None = None  # of the item, by a digest; without a group, equal ones are one
    fold: int | None = None  # of train, where it is divided


COLUMNS = "id, item, target, split, coalesce(grouped, item), place, content"
# What is alike goes by the first of its items: so the order is theirs, not that of digests.
ALIKE = "min(item) OVER (PARTITION BY coalesce(content, item))"
IN_ORDER = {
    "id": "SELECT number, id AS key FROM rows ORDER BY key",
    "group": f"SELECT number, coalesce(grouped, {ALIKE}) AS key FROM rows ORDER BY key",  # noqa: S608
    "target": "SELECT number, target AS key FROM rows ORDER BY key",
}


class Rows:
    """Rows in the order of their manifest, in a file of SQLite's that nobody else sees.

    It ends with this object; until it outgrows `CACHE` there is none.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        self._named = array("b")
        self._table = sqlite3.connect("", isolation_level=None)
        self._table.execute(f"PRAGMA cache_size = -{CACHE}")
        self._table.execute(
            "CREATE TABLE rows (number INTEGER PRIMARY KEY, "
            "id TEXT, item TEXT, target TEXT, split TEXT, grouped TEXT, place TEXT, content TEXT)"
        )
        insert = "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        self._table.execute("BEGIN")
        self._table.executemany(insert, self._numbered(rows))
        self._table.execute("COMMIT")

    def _numbered(self, rows: Iterable[Row]) -> Iterator[tuple[int | str | None, ...]]:
        for number, row in enumerate(rows):
            self._named.append(NO_SPLIT if row.split is None else SPLITS.index(row.split))
            group = None if row.group == row.item else row.group  # a text is not kept twice
            yield number, *row[:4], group, row.place, row.content

    def __len__(self) -> int:
        return len(self._named)

    def __iter__(self) -> Iterator[Row]:
        found = self._table.execute(f"SELECT {COLUMNS} FROM rows ORDER BY number")  # noqa: S608
        return starmap(Row, found)

    def __getitem__(self, number: int) -> Row:
        query = f"SELECT {COLUMNS} FROM rows WHERE number = ?"  # noqa: S608
        return Row(*self._table.execute(query, [int(number)]).fetchone())

    @property
    def named(self) -> Array:
        """The split that each row names, int8 ``(N,)``: its index, or `NO_SPLIT`."""
        return np.array(self._named, np.int8)

    def ranks(self, column: Literal["id", "group", "target"]) -> Array:
        """Number what a column holds in alphabetical order, int64 ``(N,)``: equal ones alike."""
        ranks = np.empty(len(self), np.int64)
        rank, before = -1, None
        for number, key in self._table.execute(IN_ORDER[column]):
            rank += key != before
            ranks[number], before = rank, key
        return ranks


def shortened(text: str) -> str:
    """Cut what a row holds, for a message."""
    return text if len(text) <= 40 else f"{text[:39]}…"
