"""What a served model is asked with, as people have it, and how it is read.

A row of a request is a sequence. Of text it is a sentence; of audio, images, video and music a file
in base64; of signals and series the columns of a table, a list of values each. All is read as
`seqarena predict` reads it, from files that live as long as the request.
"""

from __future__ import annotations

import base64
import binascii
import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple

import numpy as np

from seqarena.data.folders import SUFFIXES
from seqarena.data.modalities import modality
from seqarena.data.modalities.base import Input
from seqarena.data.store import DataSpec
from seqarena.data.timeline import ASKED
from seqarena.errors import InputError

Row = Sequence[Any]  # what a request holds of a sequence, in the order of `columns_of`


class Column(NamedTuple):
    """A column of a table that a request holds, all of it of one sequence."""

    name: str
    kind: Literal["times", "numbers", "number", "text"]  # the last two: one for the whole sequence

    @property
    def is_list(self) -> bool:
        """Whether it has a value for each step."""
        return self.kind in ("times", "numbers")


def columns_of(spec: DataSpec) -> tuple[Column, ...]:
    """Return what a row of a request must have; nothing where it is one string."""
    options = spec.options
    if spec.modality == "signal":
        return tuple(Column(name, "numbers") for name in options["channels"])
    if spec.modality != "series":
        return ()
    values = (
        *options.get("targets", (options["target"],)),
        *options["covariates"],
        *options.get("known", ()),
    )
    named = [Column(options["series"], "text")] if options.get("series") else []
    static = [each for each in options.get("static", ()) if each["column"] != ASKED]
    return (
        Column(options["time"], "times"),
        *(Column(name, "numbers") for name in values),
        *named,
        *(Column(each["column"], "text" if each["values"] else "number") for each in static),
    )


def read(rows: Sequence[Row], spec: DataSpec) -> list[Input]:
    """Read the rows of a request; raises `InputError` that names the row, from 1."""
    if spec.modality == "text":
        return [found for place, row in enumerate(rows, 1) for found in _sentence(place, row, spec)]
    with TemporaryDirectory(prefix="seqarena-") as name:
        folder = Path(name)
        files = [_written(folder, place, len(rows), row, spec) for place, row in enumerate(rows, 1)]
        # Below one folder, media share the processes that decode them.
        sources = [folder] if spec.modality in SUFFIXES else files
        try:
            return [found for each in sources for found in _read(str(each), spec)]
        except InputError as error:
            raise InputError(str(error).replace(f"{folder}/", "")) from error


def _read(source: str, spec: DataSpec) -> list[Input]:
    return modality(spec.modality).read(source, spec)


def _sentence(place: int, row: Row, spec: DataSpec) -> Iterator[Input]:
    # Framed by blanks, so that no sentence sent to a server can be the name of a file there.
    try:
        yield from (found._replace(name=row[0]) for found in _read(f" {row[0]}\n", spec))
    except InputError as error:
        raise InputError(f"input {place}: {error}") from error


def _written(folder: Path, place: int, count: int, row: Row, spec: DataSpec) -> Path:
    """Write a row as the file that it would be; files sort as their rows do."""
    columns = columns_of(spec)
    suffix = ".csv" if columns else SUFFIXES[spec.modality][0]
    path = folder / f"input {place:0{len(str(count))}}{suffix}"
    if columns:
        _check_cells(place, columns, row)
        _write_table(path, columns, row)
    else:
        path.write_bytes(_bytes(place, str(row[0]), spec.modality))
    return path


def _check_cells(place: int, columns: Sequence[Column], row: Row) -> None:
    for column, cell in zip(columns, row, strict=True):
        if column.is_list and not isinstance(cell, list | np.ndarray):
            raise InputError(f"input {place}: '{column.name}': expected a list, a value a step")
        if not column.is_list and _cell(cell) == "":
            raise InputError(f"input {place}: '{column.name}': expected a value")


def _write_table(path: Path, columns: Sequence[Column], row: Row) -> None:
    """Write a table; where one column is shorter than others, its last cells are empty."""
    cells = dict(zip(columns, row, strict=True))
    steps = zip_longest(*(cells[column] for column in columns if column.is_list))
    whole = [cells[column] for column in columns if not column.is_list]
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(column.name for column in columns)
        table.writerows([*map(_cell, step), *whole] for step in steps)


def _cell(value: Any) -> Any:
    return "" if value is None or value != value else value


def _bytes(place: int, text: str, kind: str) -> bytes:
    """Decode base64, with or without line breaks, or a ``data:`` URL."""
    packed = "".join(text.rpartition("," if text.startswith("data:") else "\0")[2].split())
    try:
        return base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError) as error:
        expected = f"expected a file of {kind} in base64"
        raise InputError(f"input {place}: {expected}: {error}") from error


def table_of(columns: Sequence[Column], lines: Iterable[dict[str, str]]) -> dict[str, Any]:
    """Make a row of a request of the lines of a table: what `read` is asked with."""
    found = list(lines)
    make: dict[str, Any] = {"times": str, "numbers": float, "number": float, "text": str}
    return {
        column.name: [make[column.kind](line[column.name]) for line in found]
        if column.is_list
        else make[column.kind](found[0][column.name])
        for column in columns
    }
