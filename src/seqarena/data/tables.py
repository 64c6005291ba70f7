"""Tables that people write: CSV and TSV, read strictly, so that a slip is told by its line."""

from __future__ import annotations

import csv
import gzip
import math
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, TextIO, cast

from seqarena.errors import InputError, in_one_line, unknown

SUFFIXES = (".csv", ".tsv")
DELIMITERS = (",", ";", "\t", "|")
PLACE = "_place"  # the column of raw data that says where a row stands in the user's own file
ROW = re.compile(r"(line|row) \d+$")  # the end of a place
ITEM = "\N{SYMBOL FOR UNIT SEPARATOR}"  # ends each item of a cell that holds a list
DECIMAL_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+")

csv.field_size_limit(1 << 30)  # a cell may hold a whole document


class TableRow(NamedTuple):
    """One row of a table."""

    line: int  # at which it begins
    place: str  # for messages
    cells: dict[str, str]  # by column, stripped; a list as `listed` writes it


def listed(items: Iterable[str]) -> str:
    """Return a list as a cell, in which it stays one until it is known what it is a list of."""
    return "".join(f"{item}{ITEM}" for item in items)


def items_of(cell: str) -> list[str] | None:
    """Return the items of a cell that holds a list, None of any other."""
    return cell.split(ITEM)[:-1] if cell.endswith(ITEM) else None


def is_number(cell: str) -> bool:
    """Tell whether a cell is a finite number."""
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def spaced(cell: str) -> str:
    """Return a cell as a text: the items of a list are its words."""
    items = items_of(cell)
    return cell if items is None else " ".join(items).strip()


def opened_bytes(path: Path) -> BinaryIO:
    """Open a file to read, also one packed by gzip."""
    packed = path.suffix.lower() == ".gz"
    return cast("BinaryIO", gzip.open(path)) if packed else path.open("rb")


def opened(path: Path, encoding: str) -> TextIO:
    """Open a text, with its line ends as they are; UTF-8 may begin with the mark of Excel's."""
    marked = "utf-8-sig" if encoding == "utf-8" else encoding
    return TextIOWrapper(opened_bytes(path), encoding=marked, newline="")


@contextmanager
def opened_to_read(path: Path, encoding: str) -> Iterator[TextIO]:
    """Open a text as `opened` does; what cannot be read of it raises `InputError`."""
    try:
        with opened(path, encoding) as file:
            yield file
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path}: damaged, not what gzip packs: {in_one_line(error)}") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeError as error:
        raise InputError(_undecodable(path, encoding, error)) from error


def ending_of(path: Path) -> str:
    """Return the ending of a name in small letters, without that of gzip."""
    return Path(path.name.lower().removesuffix(".gz")).suffix


def read_records(
    path: Path,
    columns: Sequence[str],
    *,
    encoding: str = "utf-8",
    quotes: bool = True,
    header: bool = True,
    commas: bool = False,
) -> Iterator[TableRow]:
    """Read a CSV or TSV table; what separates its cells is seen in its first row.

    Without `quotes` a quote is a character like any other; without `header` the columns are called
    ``1``, ``2`` and on. With `commas` a cell ``1,5`` is a number where semicolons stand between
    cells. Raises `InputError` naming the file and
    the missing column, or the line that is malformed.
    """
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE
    begins = line = 1
    try:
        with opened_to_read(path, encoding) as file:
            delimiter = _delimiter(path, file.readline())
            file.seek(0)
            reader = csv.reader(file, delimiter=delimiter, quoting=quoting, strict=True)
            first = next(reader, [])
            names = _header(path, first, columns) if header else _numbered(path, first)
            line = reader.line_num
            begins = line + 1
            if not header:
                file.seek(0)
                reader = csv.reader(file, delimiter=delimiter, quoting=quoting, strict=True)
                line, begins = 0, 1
            for cells in reader:
                begins, line = line + 1, reader.line_num
                if len(cells) != 1 and not any(cells):  # an empty line, or of separators alone
                    continue
                where = f"{path} line {begins}"
                if len(names) < len(cells) == len(first) and not any(cells[len(names) :]):
                    del cells[len(names) :]
                if len(cells) != len(names):
                    like = "the header" if header else "the first row"
                    found = f"expected {len(names)} cells, as in {like}, found {len(cells)}"
                    raise InputError(f"{where}: {found}")
                stripped = map(str.strip, cells)
                if commas and delimiter == ";":
                    stripped = map(_with_point, stripped)
                found_cells = dict(zip(names, stripped, strict=True))
                yield TableRow(begins, found_cells.pop(PLACE, where), found_cells)
    except csv.Error as error:
        found = str(error).replace("'\t'", "a tab")
        fix = "a quote within a cell is written twice; `quotes: false` reads it as it stands"
        raise InputError(f"{path} line {line + 1}: {found}; {fix}") from error


def _with_point(cell: str) -> str:
    """Return a number that was written with a decimal comma, `1.200,5`, as others are."""
    return cell.replace(".", "").replace(",", ".") if DECIMAL_COMMA.fullmatch(cell) else cell


def _delimiter(path: Path, header: str) -> str:
    """Return what separates cells: a tab in .tsv, else what the header of the table has most."""
    if ending_of(path) == ".tsv":
        return "\t"
    return max(DELIMITERS, key=header.count)  # the first of equals


def _header(path: Path, cells: list[str], columns: Sequence[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    if names.count("") > 1:  # Excel's, beside what was once filled
        names = names[: max((n for n, name in enumerate(names, 1) if name), default=0)]
    if not any(names):
        expected = f"; expected the columns {', '.join(columns)}" if columns else ""
        raise InputError(f"{path}: empty file{expected}")
    check_names(path, names)
    for column in columns:
        if column not in names:
            raise unknown(str(path), "column", column, [n for n in names if n != PLACE])
    return names


def _numbered(path: Path, cells: list[str]) -> list[str]:
    if not any(cell.strip() for cell in cells):
        raise InputError(f"{path}: empty file")
    return [str(number) for number in range(1, len(cells) + 1)]


def check_names(path: Path, names: Sequence[str]) -> None:
    """Raise `InputError` where two columns have the same name."""
    repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if repeated:
        told = f"are named '{repeated[0]}'; rename one of them" if repeated[0] else "have no name"
        raise InputError(f"{path}: two columns {told}")


def beside(place: str, other: str) -> str:
    """Return the place of another row, without its file where it is that of the first."""
    return other.removeprefix(ROW.sub("", place))


def in_short(place: str) -> str:
    """Return a place as ``FILE:NUMBER``, without its folder."""
    path, _, number = place.rsplit(" ", 2) if ROW.search(place) else (place, "", "")
    return f"{Path(path).name}:{number}" if number else place


def _undecodable(path: Path, encoding: str, error: UnicodeError) -> str:
    """Say at which line a table is in another encoding, and what may be the right one."""
    name = encoding.upper() if encoding == "utf-8" else encoding
    with opened_bytes(path) as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError as found:
                byte = f"the byte {line[found.start]:#04x} is not {name}"
                fix = "a table of Excel's is often in `encoding: cp1252`"
                return f"{path} line {number}: {byte}; {fix}"
    return f"{path}: not in {name}: {in_one_line(error)}"
