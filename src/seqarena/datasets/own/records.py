"""Rows of tables whose cells are values with a type: Arrow, Parquet, JSON; as texts."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from seqarena.data.tables import TableRow, check_names, ending_of, listed, opened_bytes
from seqarena.errors import InputError, InputWarning, in_one_line
from seqarena.files import read_json

PARQUET = (".parquet", ".pq")
ARROW = (*PARQUET, ".arrow", ".feather")
JSON = (".jsonl", ".ndjson", ".json")
SAVED, SAVED_SPLITS = "state.json", "dataset_dict.json"  # of the library `datasets`, saved on disk
# What pyarrow raises at damaged files.
UNREADABLE = (
    pa.ArrowException, OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError,
)  # fmt: skip
BATCH = 4096  # rows
IPC_FILE = b"ARROW1"  # how an Arrow file begins that is not a stream


def arrow_rows(path: Path) -> Iterator[TableRow]:
    """Read a table of Parquet or Arrow, a stream or a file (which Feather is too)."""
    with _readable(path, "Arrow or Parquet table"):
        if path.suffix.lower() in PARQUET:
            yield from _batches(path, parquet.ParquetFile(path).iter_batches(BATCH), {})
            return
        mapped = pa.memory_map(str(path))
        if mapped.read(len(IPC_FILE)) == IPC_FILE:
            table = pa.ipc.open_file(mapped)
            batches = (table.get_batch(n) for n in range(table.num_record_batches))
            yield from _batches(path, batches, {})
        else:
            mapped.seek(0)
            yield from _batches(path, pa.ipc.open_stream(mapped), {})


def saved_rows(folder: Path) -> Iterator[TableRow]:
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
            cells = {
                name: _cell(_named(value, classes.get(name)), path, name)
                for name, value in zip(names, values, strict=True)
            }
            yield TableRow(number, f"{path} row {number}", cells)


def _named(value: Any, names: list[str] | None) -> Any:
    """Return a number of a class, or a list of them, by their names, where these are known."""
    if names is None or value is None:
        return value
    return [names[each] for each in value] if isinstance(value, list) else names[value]


def json_rows(path: Path, encoding: str) -> Iterator[TableRow]:
    """Read objects, one per row: those of a list, or one in each line, also of a ``.json``.

    The keys of the first are the columns. One that only later objects have is left out, with a
    warning; one that a later object lacks is empty there.
    """
    of_lines = ending_of(path) != ".json" or _is_of_lines(path)
    names, later = list[str](), set[str]()
    for place, number, record in (_of_lines if of_lines else _of_list)(path, encoding):
        if not isinstance(record, dict):
            raise InputError(f"{place}: expected an object, found {type(record).__name__}")
        names = names or list(record)
        for name in record.keys() - later.union(names):
            later.add(name)
            told = f"{place}: the key '{name}', which the first row has not, is left out"
            warnings.warn(told, InputWarning, stacklevel=2)
        cells = {name: _cell(record.get(name), path, name) for name in names}
        yield TableRow(number, place, cells)


def _is_of_lines(path: Path) -> bool:
    """Tell whether each of the first two lines is an object."""
    with opened_bytes(path) as file:
        lines = list(islice((line for line in file if line.strip()), 2))
    try:
        return len(lines) == 2 and all(isinstance(json.loads(line), dict) for line in lines)
    except (ValueError, RecursionError):
        return False


def _of_list(path: Path, encoding: str) -> Iterator[tuple[str, int, Any]]:
    try:
        with opened_bytes(path) as file:
            whole = json.loads(file.read().decode(encoding))
    except (ValueError, RecursionError, OSError, EOFError) as error:
        raise InputError(f"{path}: not JSON: {in_one_line(error)}") from error
    if not isinstance(whole, list):
        raise InputError(f"{path}: expected a list of objects, one per row")
    yield from ((f"{path} row {n}", n, record) for n, record in enumerate(whole, 1))


def _of_lines(path: Path, encoding: str) -> Iterator[tuple[str, int, Any]]:
    number = 0
    try:
        with opened_bytes(path) as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield f"{path} line {number}", number, json.loads(line.decode(encoding))
    except (ValueError, RecursionError, OSError, EOFError) as error:
        raise InputError(f"{path} line {number}: not JSON: {in_one_line(error)}") from error


def _cell(value: Any, path: Path, name: str) -> str:
    """Return a value as the text that it would be in a CSV table."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, list | tuple):
        return listed(_cell(each, path, name) for each in value)
    if isinstance(value, dict | bytes):
        kind = "objects" if isinstance(value, dict) else "bytes"
        told = f"{path}: column '{name}' has {kind}, which are read as empty cells"
        warnings.warn(told, InputWarning, stacklevel=2)
        return ""
    return str(value).strip()


@contextmanager
def _readable(path: Path, kind: str) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as error:
        raise InputError(f"{path}: not a readable {kind}: {in_one_line(error)}") from error
