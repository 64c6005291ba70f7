"""Tables that people write: CSV and TSV, read strictly, so that a slip is told by its line."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from seqarena.errors import InputError, unknown

SUFFIXES = (".csv", ".tsv")


def read_records(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Read a CSV (or .tsv) table: pairs of the line and the cells by column, stripped.

    Raises `InputError` naming the file and the missing column, or the line that is malformed.
    """
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, delimiter=delimiter, strict=True)
            names = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = names
            if not names:
                raise InputError(f"{path}: empty file; expected the columns {', '.join(columns)}")
            for column in columns:
                if column not in names:
                    raise unknown(str(path), "column", column, names)
            for record in reader:
                if None in record or None in record.values():
                    where = f"{path} line {reader.line_num}"
                    raise InputError(f"{where}: expected {len(names)} cells, as in the header")
                yield reader.line_num, {name: cell.strip() for name, cell in record.items()}
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV table in UTF-8: {error}") from error
