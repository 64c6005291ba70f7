"""The user's own tables, in the forms that people keep them in, row by row."""

from __future__ import annotations

import csv
import glob
import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from seqarena.config import Reading
from seqarena.data.labelled import MANIFESTS
from seqarena.data.modalities.series import SERIES
from seqarena.data.tables import (
    PLACE,
    TableRow,
    check_names,
    ending_of,
    listed,
    opened_bytes,
    read_records,
)
from seqarena.datasets.own.conll import CONLL, CONLLU, are_sentences, sentence_rows, universal_rows
from seqarena.datasets.own.parallel import Parallel, parallel_texts
from seqarena.errors import InputError, few, in_one_line, unknown
from seqarena.files import read_json

SEPARATED = (".csv", ".tsv", ".txt")
ARROW = (".parquet", ".pq", ".arrow")
JSON = (".jsonl", ".ndjson", ".json")
TABLES = (*SEPARATED, *ARROW, *JSON, *CONLL, CONLLU)
OF_TABLES = {"text": MANIFESTS["text"], "series": SERIES}  # the raw table of a modality
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("valid", "validation", "val", "dev", "eval"), "valid"),
    **dict.fromkeys(("test", "testing"), "test"),
}
# What pyarrow raises at damaged files.
UNREADABLE = (
    pa.ArrowException, OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError,
)  # fmt: skip
BATCH = 4096  # rows
SAVED, SAVED_SPLITS = "state.json", "dataset_dict.json"  # of the library `datasets`, saved on disk


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
    columns = {ours: str(theirs) for ours, theirs in reading.columns.items()}
    header: Sequence[str] | None = None
    for table, split in tables:
        for row in _rows(table, reading, numbers):
            cells = _renamed(row.cells, table, columns)
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
        yield from _saved_rows(path)
    elif suffix in CONLL or (suffix == ".txt" and are_sentences(path, reading.encoding)):
        yield from sentence_rows(path, reading.encoding)
    elif suffix == CONLLU:
        yield from universal_rows(path, reading.encoding)
    elif suffix in SEPARATED:
        yield from _separated_rows(path, reading, numbers)
    elif suffix in ARROW:
        yield from _arrow_rows(path)
    elif suffix in JSON:
        yield from _json_rows(path, reading.encoding)
    else:
        raise InputError(f"{path}: expected a table ({', '.join(TABLES)}), found '{suffix}'")


def _renamed(
    cells: dict[str, str], path: Path | Parallel, columns: dict[str, str]
) -> dict[str, str]:
    """Give columns the names by which the project knows them; the others keep their own."""
    for column in columns.values():
        if column not in cells:
            raise unknown(f"{path}: columns", "column", column, cells)
    taken = {theirs for ours, theirs in columns.items() if ours != theirs}
    renamed = {ours: cells[theirs] for ours, theirs in columns.items()}
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


def _arrow_rows(path: Path) -> Iterator[TableRow]:
    with _readable(path, "Arrow or Parquet table"):
        if path.suffix.lower() == ".arrow":
            yield from _batches(path, pa.ipc.open_stream(pa.memory_map(str(path))), {})
        else:
            yield from _batches(path, parquet.ParquetFile(path).iter_batches(BATCH), {})


def _saved_rows(folder: Path) -> Iterator[TableRow]:
    """Read what ``Dataset.save_to_disk`` wrote: Arrow streams, and the names of classes."""
    state, info = read_json(folder / SAVED), folder / "dataset_info.json"
    features = (read_json(info).get("features") or {}) if info.is_file() else {}
    classes = {name: names for name, feature in features.items() if (names := _names(feature))}
    count = 0
    for entry in state["_data_files"]:
        part = folder / entry["filename"]
        with _readable(part, "Arrow stream"):
            stream = pa.ipc.open_stream(pa.memory_map(str(part)))
            for row in _batches(folder, stream, classes, count):
                count += 1
                yield row


def _names(feature: Any) -> list[str]:
    """Return the names of classes that a feature has as numbers, be they in lists; else none."""
    if isinstance(feature, dict) and feature.get("_type") in ("Sequence", "List"):
        feature = feature.get("feature")
    is_class = isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
    return list(feature["names"]) if is_class else []


def _batches(
    path: Path, batches: Any, classes: dict[str, list[str]], start: int = 0
) -> Iterator[TableRow]:
    number = start
    for batch in batches:
        names = [name for name in batch.schema.names if not name.startswith("__index_level")]
        check_names(path, names)
        for values in zip(*(batch.column(name).to_pylist() for name in names), strict=True):
            number += 1
            place = f"{path} row {number}"
            cells = {
                name: _cell(_named(value, classes.get(name)), place, name)
                for name, value in zip(names, values, strict=True)
            }
            yield TableRow(number, place, cells)


def _named(value: Any, names: list[str] | None) -> Any:
    """Return a number of a class, or a list of them, by their names, where these are known."""
    if names is None or value is None:
        return value
    return [names[each] for each in value] if isinstance(value, list) else names[value]


def _json_rows(path: Path, encoding: str) -> Iterator[TableRow]:
    records: Iterator[tuple[str, int, Any]]
    if ending_of(path) == ".json":
        whole = read_json(path)
        if not isinstance(whole, list):
            raise InputError(f"{path}: expected a list of objects, one per row")
        records = ((f"{path} row {n}", n, record) for n, record in enumerate(whole, 1))
    else:
        records = _json_lines(path, encoding)
    names = list[str]()
    for place, number, record in records:
        if not isinstance(record, dict):
            raise InputError(f"{place}: expected an object, found {type(record).__name__}")
        names = names or list(record)
        for name in record:
            if name not in names:
                raise unknown(place, "key of the first row", name, names)
        cells = {name: _cell(record.get(name), place, name) for name in names}
        yield TableRow(number, place, cells)


def _json_lines(path: Path, encoding: str) -> Iterator[tuple[str, int, Any]]:
    number = 0
    try:
        with opened_bytes(path) as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield f"{path} line {number}", number, json.loads(line.decode(encoding))
    except (ValueError, RecursionError, OSError, EOFError) as error:
        raise InputError(f"{path} line {number}: not JSON: {in_one_line(error)}") from error


def _cell(value: Any, place: str, name: str) -> str:
    """Return a value as the text that it would be in a CSV table."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, list | tuple):
        return listed(_cell(each, place, name) for each in value)
    if isinstance(value, dict | bytes):
        kind = "an object" if isinstance(value, dict) else "bytes"
        raise InputError(f"{place}: column '{name}': expected text or a number, found {kind}")
    return str(value).strip()


@contextmanager
def _readable(path: Path, kind: str) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as error:
        raise InputError(f"{path}: not a readable {kind}: {in_one_line(error)}") from error
