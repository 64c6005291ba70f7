"""A table of the user's own that a trained model is asked about, read as those it learned from."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from seqarena.config import TIME, OwnData, Reading
from seqarena.data.folders import ASKED, PATH, SUFFIXES
from seqarena.data.tables import TableRow, ending_of
from seqarena.datasets.own.in_rows import files_of_rows
from seqarena.datasets.own.listed import Listed
from seqarena.datasets.own.tables import OF_TABLES, TABLES, no_column, rows_of, write_table
from seqarena.errors import InputError

INPUTS = ("text", "file", TIME)  # columns
LINES = ".txt"  # a text of each line: no table


@contextmanager
def as_raw(source: str, modality: str, own: OwnData) -> Iterator[str]:
    """Bring a table into the form that `Modality.stream` reads, in a folder that is removed after.

    It is read as that of `own`, from which was learned. Of other modalities than text and series it
    lists files, relative to where it lies, or has signals in its rows. What is no
    table stays as it is. What is said of the copy names the user's own file. Raises `InputError`
    naming the file and row that cannot be read.
    """
    # Not Path.is_file: it raises OSError on a sentence too long for a file name.
    is_file = os.path.isfile(source)  # noqa: PTH113
    ending = ending_of(Path(source)) if is_file else LINES
    no_table = ending not in TABLES or (ending == LINES and not own.in_rows)
    if no_table or _is_asked_itself(source, modality, own):
        yield source
        return
    with TemporaryDirectory(prefix="seqarena-") as folder:
        table = Path(folder) / OF_TABLES.get(modality, ASKED)
        reading = _without_answers(Path(source), own)
        rows = rows_of(Path(source), reading, numbers=bool(own.in_rows) or modality == "series")
        if own.in_rows:
            rows = _with_paths(files_of_rows(rows, own.in_rows, Path(folder)), Path(folder))
        elif modality not in OF_TABLES:
            rows = _with_paths(rows, Path(source).parent.absolute())
        with _told_of(table, source):
            write_table(rows, table)
            yield str(table)


def _without_answers(table: Path, reading: Reading) -> Reading:
    """Return how a table is read that has the input, and of the other columns what it has."""
    there = next(rows_of(table, reading.model_copy(update={"columns": {}}))).cells
    named = reading.columns.items()
    kept = {
        ours: theirs
        for ours, theirs in named
        if ours in INPUTS or there.keys() >= set(reading.theirs[ours])
    }
    return reading.model_copy(update={"columns": kept})


def _is_asked_itself(source: str, modality: str, own: OwnData) -> bool:
    """Tell whether a file is a signal, which is a table too, and none that lists files."""
    if own.in_rows or ending_of(Path(source)) not in SUFFIXES.get(modality, ()):
        return False
    with suppress(InputError):
        reading = _without_answers(Path(source), own)
        return "file" not in next(rows_of(Path(source), reading)).cells
    return True  # whoever reads it as a signal tells what is wrong


def _with_paths(rows: Iterator[TableRow], folder: Path) -> Iterator[TableRow]:
    files = Listed(folder)
    for row in rows:
        if "file" not in row.cells:
            raise no_column(row.place, "file", row.cells)
        path = folder / files.place(row, missing=True)
        yield row._replace(cells={**row.cells, PATH: str(path)})


@contextmanager
def _told_of(table: Path, source: str) -> Iterator[None]:
    caught = list[warnings.WarningMessage]()
    try:
        with warnings.catch_warnings(record=True) as caught:
            yield
    except InputError as error:
        raise InputError(str(error).replace(str(table), source)) from error
    finally:
        for each in caught:
            told = str(each.message).replace(str(table), source)
            warnings.warn(told, each.category, stacklevel=3)
