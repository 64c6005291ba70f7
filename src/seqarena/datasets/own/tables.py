"""The user's own tables, in the forms that people keep them in, row by row."""

from __future__ import annotations

import csv
import glob
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from seqarena.config import Reading
from seqarena.data.labelled import MANIFESTS
from seqarena.data.modalities.series import SERIES
from seqarena.data.tables import PLACE, TableRow, ending_of, read_records
from seqarena.datasets.own.conll import CONLL, CONLLU, are_sentences, sentence_rows, universal_rows
from seqarena.datasets.own.parallel import Parallel, parallel_texts
from seqarena.datasets.own.records import (
    ARROW,
    JSON,
    SAVED,
    SAVED_SPLITS,
    arrow_rows,
    json_rows,
    saved_rows,
)
from seqarena.errors import InputError, few, unknown
from seqarena.files import read_json

SEPARATED = (".csv", ".tsv", ".txt")
TABLES = (*SEPARATED, *ARROW, *JSON, *CONLL, CONLLU)
OF_TABLES = {"text": MANIFESTS["text"], "series": SERIES}  # the raw table of a modality
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("valid", "validation", "val", "dev", "eval"), "valid"),
    **dict.fromkeys(("test", "testing"), "test"),
}
FIXES = {  # of files that are none
    **dict.fromkeys((".zip", ".tar", ".tgz", ".7z"), "unpack it"),
    **dict.fromkeys((".xlsx", ".xls", ".ods"), "save the sheet as CSV"),
}


def rows_of(path: Path, reading: Reading, numbers: bool = False) -> Iterator[TableRow]:
    """Yield the rows of a table, of several by a glob, or of a folder of them, as text cells.

    Tables of a folder are its splits, by their names. A cell that is missing is empty, a list is
    one as `listed` writes it. Columns have the names that `reading.columns` gives them. With
    `numbers` a cell `1,5` is a number where semicolons stand between cells. Raises `InputError`
    naming the file and row, by its number in the user's own file.
    """
    tables = list(_tables(path))
    if not tables:
        raise InputError(f"{path}: no table there ({', '.join(TABLES)})")
    header: Sequence[str] | None = None
    for table, split in tables:
        for row in _rows(table, reading, numbers):
            cells = _renamed(row.cells, table, reading.theirs)
            if split:
                cells = {**cells, "split": split}
            elif (own := cells.get("split")) is not None:
                cells["split"] = SPLIT_NAMES.get(own.lower(), own)
            if header is None:
                header = list(cells)
            elif list(cells) != header:
                own, first = ", ".join(cells), tables[0][0]
                raise InputError(f"{row.place}: columns {own}, which {first} has not just so")
            yield row._replace(cells=cells)
    if header is None:
        raise InputError(f"{path}: no rows")


def examples_are_rows(modality: str, in_rows: Sequence[str]) -> bool:
    """Tell whether each example is a row, or several, of a table, and not a file."""
    return modality in OF_TABLES or bool(in_rows)


def no_column(where: Path | str, column: str, cells: Iterable[str]) -> InputError:
    """Return what is said of a table that calls a column otherwise."""
    fix = f"`columns: {{{column}: …}}` says which it is, of {few(cells)}"
    return InputError(f"{where}: no column '{column}'; {fix}")


def write_table(rows: Iterator[TableRow], table: Path, keep: Sequence[str] = ()) -> None:
    """Write rows as a raw table: these columns of them or all, and where each row stands."""
    with table.open("w", newline="", encoding="utf-8") as file:
        writer, names = csv.writer(file), list[str]()
        for row in rows:
            if not names:
                names = [name for name in row.cells if not keep or name in keep]
                writer.writerow([*names, PLACE])
            writer.writerow([*(row.cells[name] for name in names), row.place])


def _tables(path: Path) -> Iterator[tuple[Path | Parallel, str]]:
    """Yield each table that a path stands for, and the split that it is, or ""."""
    if (path / SAVED_SPLITS).is_file():
        for split in read_json(path / SAVED_SPLITS)["splits"]:
            yield path / split, SPLIT_NAMES.get(split.lower(), split)
    elif path.is_file() or (path / SAVED).is_file():
        yield path, ""
    elif path.is_dir():
        yield from _splits(path)
    else:
        found = map(Path, sorted(glob.glob(str(path), recursive=True)))  # noqa: PTH207  # absolute
        yield from ((table, "") for table in found if _is_table(table))


def _splits(folder: Path) -> Iterator[tuple[Path | Parallel, str]]:
    texts: list[Parallel | Path] = [*parallel_texts(folder, TABLES)]
    if len(texts) == 1:
        yield texts[0], ""
        return
    for found in texts or [path for path in sorted(folder.iterdir()) if _is_table(path)]:
        split = _split_of(found.name)
        if split is None:
            names = ", ".join(SPLIT_NAMES)
            raise InputError(f"{found}: in a folder of tables each is a split ({names})")
        yield found, split


def is_of_tables(path: Path) -> bool:
    """Tell whether a path is a table, a glob of them, or a folder of tables or of texts alone."""
    if not path.is_dir():
        return ending_of(path) in TABLES
    if (path / SAVED).is_file() or (path / SAVED_SPLITS).is_file() or parallel_texts(path, TABLES):
        return True
    found = [each for each in path.iterdir() if not each.name.startswith(".")]
    tables = [each for each in found if _is_table(each)]
    folders = any(each.is_dir() for each in found)
    return bool(tables) and not folders and all(_split_of(each.name) for each in tables)


def _split_of(name: str) -> str | None:
    """Return the split with which the name of a table begins or, but for its ending, ends."""
    words = re.split(r"[.\-_]", name.lower().removesuffix(".gz"))
    return SPLIT_NAMES.get(words[0]) or SPLIT_NAMES.get(words[max(0, len(words) - 2)])


def _is_table(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".") and ending_of(path) in TABLES


def _rows(path: Path | Parallel, reading: Reading, numbers: bool) -> Iterator[TableRow]:
    if isinstance(path, Parallel):
        yield from path.rows(reading.encoding)
        return
    suffix = ending_of(path)
    if path.is_dir():
        yield from saved_rows(path)
    elif suffix in CONLL or (suffix == ".txt" and are_sentences(path, reading.encoding)):
        yield from sentence_rows(path, reading.encoding)
    elif suffix == CONLLU:
        yield from universal_rows(path, reading.encoding)
    elif suffix in SEPARATED:
        yield from _separated_rows(path, reading, numbers)
    elif suffix in ARROW:
        yield from arrow_rows(path)
    elif suffix in JSON:
        yield from json_rows(path, reading.encoding)
    else:
        fix = f": {FIXES[suffix]}" if suffix in FIXES else ""
        raise InputError(f"{path}: expected a table ({', '.join(TABLES)}), found '{suffix}'{fix}")


def _renamed(
    cells: dict[str, str], path: Path | Parallel, columns: dict[str, tuple[str, ...]]
) -> dict[str, str]:
    """Give columns the names by which the project knows them; the others keep their own."""
    read = [column for theirs in columns.values() for column in theirs]
    for column in read:
        if column not in cells:
            raise unknown(f"{path}: columns", "column", column, cells)
    taken = set(read) - columns.keys()
    renamed = {ours: " ".join(cells[name] for name in theirs) for ours, theirs in columns.items()}
    return renamed | {n: c for n, c in cells.items() if n not in taken and n not in renamed}


def _separated_rows(path: Path, reading: Reading, numbers: bool) -> Iterator[TableRow]:
    yield from read_records(
        path,
        (),
        encoding=reading.encoding,
        quotes=reading.quotes,
        header=reading.header,
        commas=numbers,
    )
