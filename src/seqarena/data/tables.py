"""Tables that people write: CSV and TSV, read strictly, so that a slip is told by its line."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from seqarena.errors import InputError, in_one_line, unknown

SUFFIXES = (".csv", ".tsv")
DELIMITERS = (",", ";", "\t", "|")
PLACE = "_place"  # the column of raw data that says where a row stands in the user's own file
ROW = re.compile(r"(line|row) \d+$")  # the end of a place
UTF_8 = "utf-8-sig"  # with the mark that Excel puts first, or without

csv.field_size_limit(1 << 30)  # a cell may hold a whole document


class TableRow(NamedTuple):
    """One row of a table."""

    line: int  # at which it begins
    place: str  # for messages
    cells: dict[str, str]  # by column, stripped


def read_records(
    path: Path, columns: Sequence[str], *, encoding: str = UTF_8, quotes: bool = True
) -> Iterator[TableRow]:
    """Read a CSV or TSV table; what separates its cells is seen in its header.

    Without `quotes` a quote is a character like any other. Raises `InputError` naming the file and
    the missing column, or the line that is malformed.
    """
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE
    begins = line = 1
    try:
        with path.open(newline="", encoding=encoding) as file:
            delimiter = delimiter_of(path, file.readline())
            file.seek(0)
            reader = csv.reader(file, delimiter=delimiter, quoting=quoting, strict=True)
            names = _header(path, next(reader, []), columns)
            line = reader.line_num
            begins = line + 1
            for cells in reader:
                begins, line = line + 1, reader.line_num
                if not cells:  # an empty line
                    continue
                where = f"{path} line {begins}"
                if len(cells) != len(names):
                    found = f"expected {len(names)} cells, as in the header, found {len(cells)}"
                    raise InputError(f"{where}: {found}")
                found_cells = dict(zip(names, map(str.strip, cells), strict=True))
                yield TableRow(begins, found_cells.pop(PLACE, where), found_cells)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeError as error:
        raise InputError(_undecodable(path, encoding, error)) from error
    except csv.Error as error:
        fix = "a quote within a cell is written twice; `quotes: false` reads it as it stands"
        raise InputError(f"{path} line {line + 1}: {in_one_line(error)}; {fix}") from error


def delimiter_of(path: Path, header: str) -> str:
    """Return what separates cells: a tab in .tsv, else what the header of the table has most."""
    if path.suffix.lower() == ".tsv":
        return "\t"
    return max(DELIMITERS, key=header.count)  # the first of equals


def _header(path: Path, cells: list[str], columns: Sequence[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    if not any(names):
        expected = f"; expected the columns {', '.join(columns)}" if columns else ""
        raise InputError(f"{path}: empty file{expected}")
    check_names(path, names)
    for column in columns:
        if column not in names:
            raise unknown(str(path), "column", column, names)
    return names


def check_names(path: Path, names: Sequence[str]) -> None:
    """Raise `InputError` where two columns have the same name."""
    repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if repeated:
        raise InputError(f"{path}: two columns are named '{repeated[0]}'; rename one of them")


def beside(place: str, other: str) -> str:
    """Return the place of another row, without its file where it is that of the first."""
    return other.removeprefix(ROW.sub("", place))


def _undecodable(path: Path, encoding: str, error: UnicodeError) -> str:
    """Say at which line a table is in another encoding, and what may be the right one."""
    name = "UTF-8" if encoding == UTF_8 else encoding
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError as found:
                byte = f"the byte {line[found.start]:#04x} is not {name}"
                fix = "a table of Excel's is often in `encoding: cp1252`"
                return f"{path} line {number}: {byte}; {fix}"
    return f"{path}: not in {name}: {in_one_line(error)}"
