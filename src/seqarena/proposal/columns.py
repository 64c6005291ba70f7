"""What the columns of a table look like, from some of its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from operator import itemgetter
from typing import Literal

import numpy as np

from seqarena.data.moments import forms_of, moments
from seqarena.data.tables import TableRow, is_number, items_of, spaced
from seqarena.data.targets import BETWEEN, labels_of
from seqarena.data.timeline import MISSING
from seqarena.data.tokens import words
from seqarena.datasets.own.tables import SPLIT_NAMES
from seqarena.errors import few

SAMPLE = 20_000  # rows that are looked at
MOST_CLASSES = 100
ROWS_OF_A_CLASS = 5  # on average; with fewer a column names its rows, not their classes
MOSTLY = 0.9  # of the values are numbers: then so is the column, and what is none is odd
LONG = 24  # bytes in UTF-8 of what is no name: 24 Latin letters, 8 Chinese ones
OF_TIMES = ("time", "date", "epoch", "unix", "stamp", "ts")  # in names of columns
SINCE = {  # 1970, in the years 1980 to 2100
    "seconds": range(315_532_800, 4_102_444_800),
    "milliseconds": range(315_532_800_000, 4_102_444_800_000),
}
YEARS = range(1500, 2201)  # what a whole number may be that counts years
FEWEST_YEARS = 5
FEWEST_OF_NUMBERS = 20  # different whole numbers; fewer are taken for classes

Kind = Literal["text", "class", "labels", "number", "numbers", "time", "split", "name", "empty"]


@dataclass(frozen=True)
class Lengths:
    """How long items are: the middle one, the one that 95 % do not pass, and the longest."""

    median: float
    most: float
    longest: float
    unit: str

    @classmethod
    def of(cls, lengths: Sequence[float], unit: str) -> Lengths:
        """Summarise the lengths of some items."""
        median, most = np.quantile(lengths, [0.5, 0.95], method="higher")
        return cls(float(median), float(most), float(max(lengths)), unit)

    def __str__(self) -> str:
        return f"{self.median:g} {self.unit}, 95 % at most {self.most:g}, longest {self.longest:g}"


@dataclass(frozen=True)
class Column:
    """One column, as far as it was looked at."""

    name: str
    kind: Kind
    missing: int  # cells
    values: Counter[str]  # that are there, and how often
    lengths: Lengths | None = None  # of texts, in words, and of lists of numbers
    odd: tuple[str, ...] = ()  # values among numbers that are none
    forms: tuple[str, ...] = ()  # in which times may be written, see data/moments.py

    @property
    def repeated(self) -> int:
        """How many cells hold what another one before them holds."""
        return self.values.total() - len(self.values)

    @property
    def is_numeric(self) -> bool:
        """Whether its values are numbers, be it a few that may stand for classes."""
        return self.kind == "number" or (self.kind == "class" and all(map(is_number, self.values)))

    @property
    def counts_rows(self) -> bool:
        """Whether its values are whole numbers that rise from row to row."""
        if self.missing or self.repeated or not all(value.isdecimal() for value in self.values):
            return False
        return all(int(a) < int(b) for a, b in pairwise(self.values))

    @property
    def is_years(self) -> bool:
        """Whether its values are years, one after the other, as in a yearly series."""
        if not all(value.isdecimal() for value in self.values):
            return False
        years = sorted(map(int, self.values))
        follow = years == [*range(years[0], years[-1] + 1)] if years else False
        return follow and len(years) >= FEWEST_YEARS and years[0] in YEARS and years[-1] in YEARS

    def __str__(self) -> str:
        told = f"{self.kind}{self._told()}"
        return f"{told}; {self.missing:,} missing" if self.missing else told

    def _told(self) -> str:
        if self.kind == "numbers":
            return f": {self.lengths}"
        if self.kind == "text":
            return f": {self.lengths}" + (f"; {self.repeated:,} repeated" if self.repeated else "")
        if self.kind in ("class", "split"):
            total = self.values.total()
            listed = [f"{value} {count / total:.0%}" for value, count in self.values.most_common(6)]
            more = len(self.values) - len(listed)
            return f": {', '.join(listed)}" + (f" and {more} more" if more > 0 else "")
        if self.kind == "labels":
            labels = _labels(self.values)
            total = self.values.total() + self.missing  # a cell without one has none
            shares = (f"{label} {count / total:.0%}" for label, count in labels.most_common())
            return f": {few(shares)}"
        if self.kind == "number":
            numbers = [float(value) for value in self.values if value not in self.odd]
            odd = f"; no numbers: {few(map(repr, self.odd))}" if self.odd else ""
            return f": {min(numbers):g} to {max(numbers):g}{odd}"
        if self.kind == "time" and len(self.forms) == 1:
            cells = list(self.values)
            read = moments(cells, self.forms[0])
            return f": {cells[int(read.argmin())]} to {cells[int(read.argmax())]}"
        return f": {len(self.values):,} different" if self.values else ""


def drawn_rows(rows: Iterable[TableRow]) -> tuple[list[TableRow], int]:
    """Draw `SAMPLE` rows from all parts of a table, in order; return how many it has in all too.

    Its first ones may be the shortest, or of one class: many a table is sorted. A reservoir
    (Vitter 1985, algorithm R), seeded.
    """
    draw, count = np.random.default_rng(0), 0
    kept: list[tuple[int, TableRow]] = []
    for count, row in enumerate(rows, start=1):
        if len(kept) < SAMPLE:
            kept.append((count, row))
        elif (place := int(count * draw.random())) < SAMPLE:
            kept[place] = count, row
    return [row for _, row in sorted(kept, key=itemgetter(0))], count


def columns_of(rows: Iterable[TableRow]) -> list[Column]:
    """Look at some rows of a table; return its columns."""
    cells: dict[str, list[str]] = {}
    for row in rows:
        for name, cell in row.cells.items():
            cells.setdefault(name, []).append(cell)
    return [_column(name, found) for name, found in cells.items()]


def _column(name: str, cells: list[str]) -> Column:
    sets = _sets(cells)
    values = Counter(cell for cell in sets or map(spaced, cells) if cell)
    if steps := _lengths_of_numbers(cells):
        told = Lengths.of(steps, "steps")
        return Column(name, "numbers", len(cells) - values.total(), values, told)
    kind = "labels" if sets else _kind(values)
    if kind == "number":  # what a series takes for missing is no odd value
        values = Counter({v: count for v, count in values.items() if v.lower() not in MISSING})
    lengths = None
    if kind == "text":
        lengths = Lengths.of([len(words(cell)) for cell in values.elements()], "words")
    odd = tuple(value for value in values if kind == "number" and not is_number(value))
    forms = () if kind in ("labels", "split") else _forms(name, values)
    if forms:
        kind, lengths, odd = "time", None, ()
    return Column(name, kind, len(cells) - values.total(), values, lengths, odd, forms)


def _forms(name: str, values: Counter[str]) -> tuple[str, ...]:
    """List the ways in which times may be written that a column holds; none where it holds others.

    A number is a time only where it can hardly be anything else: a date of eight digits, or, by the
    name of its column too, what has passed since 1970.
    """
    cells = list(values)
    if not all(is_number(value) for value in cells[:FEWEST_YEARS]):
        return tuple(forms_of(cells))
    if not all(value.isdecimal() for value in cells):
        return ()
    if all(len(value) == len("20190831") for value in cells):
        return tuple(forms_of(cells))
    since = [form for form, span in SINCE.items() if all(int(value) in span for value in cells)]
    return tuple(since) if any(word in name.lower() for word in OF_TIMES) else ()


def _lengths_of_numbers(cells: Iterable[str]) -> list[float]:
    """Return how many numbers there are in each cell of lists; none where others are there too."""
    lists = [items_of(cell) for cell in cells if cell]
    if not all(items and all(map(is_number, items)) for items in lists):
        return []
    return [float(len(items)) for items in lists if items]


def _sets(cells: Iterable[str]) -> list[str]:
    """Return cells that hold lists as sets of labels are written, none where these are no sets.

    A set has nothing twice, as the words of a text or the tags of its steps have.
    """
    lists = [items_of(cell) for cell in cells if cell]
    sets = [BETWEEN.join(items) for items in lists if items and len(set(items)) == len(items)]
    return sets if len(sets) == len(lists) and _are_sets(Counter(sets)) else []


def _kind(values: Counter[str]) -> Kind:
    total = values.total()
    if not total:
        return "empty"
    if all(value.lower() in SPLIT_NAMES for value in values):
        return "split"
    is_few = 1 < len(values) <= min(MOST_CLASSES, total / ROWS_OF_A_CLASS)
    numbers = [float(value) for value in values if is_number(value)]
    if len(numbers) > MOSTLY * len(values):
        whole = all(map(float.is_integer, numbers)) and len(numbers) == len(values)
        return "class" if is_few and whole and len(values) < FEWEST_OF_NUMBERS else "number"
    if _are_sets(values):
        return "labels"
    if is_few:
        return "class"
    return "text" if _is_prose(values) else "name"


def _labels(values: Counter[str]) -> Counter[str]:
    """Count the cells that have each label of a set."""
    counts = Counter[str]()
    for cell, count in values.items():
        for label in set(labels_of(cell)):
            counts[label] += count
    return counts


def _are_sets(values: Counter[str]) -> bool:
    """Tell sets of labels: short names that recur, in other company than before."""
    if not any(BETWEEN in cell for cell in values):
        return False
    labels = _labels(values)
    few_names = 1 < len(labels) <= min(MOST_CLASSES, labels.total() / ROWS_OF_A_CLASS)
    apart = sum(len(set(labels_of(cell))) for cell in values) > len(labels)
    return few_names and apart and not _is_prose(labels)


def _is_prose(values: Iterable[str]) -> bool:
    """Tell texts from names: of several words, or, in a script without blanks, of many letters."""
    sample = list(islice(values, 500))
    long = [len(words(value)) > 2 or len(value.encode()) > LONG for value in sample]
    return float(np.mean(long)) > 0.5
