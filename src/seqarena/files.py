"""Whole files and folders or nothing: what was there before stays until the new one is complete."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seqarena.errors import InputError, in_one_line


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `path` only if the block succeeds."""
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    if path.exists():
        shutil.rmtree(path)
    partial.replace(path)


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield a path to write that takes the place of `path` only if the block succeeds.

    Raises `InputError` when `path` is a folder, or no file can be made there.
    """
    if path.is_dir():
        raise InputError(f"{path}: a folder; expected the name of a file")
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.touch()
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error
    try:
        yield partial
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:  # of a write, to that file
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    partial.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON, atomically; NaN is refused, since no reader agrees on it.

    An infinity becomes ``"inf"`` or ``"-inf"``, which `float` reads.
    """
    plain = _without_infinities(value)
    with new_file(path) as partial:
        partial.write_text(json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _without_infinities(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_infinities(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_infinities(item) for item in value]
    return str(value) if value in (math.inf, -math.inf) else value


def read_json(path: Path) -> Any:
    """Read a JSON file; raises `InputError` when it is not there, or is not JSON."""
    if not path.is_file():
        raise InputError(f"{path}: not there yet; run `dvc repro` first")
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: damaged, it is not JSON: {in_one_line(error)}") from error


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    """Write a table as CSV, atomically."""
    with new_file(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def write_records(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """Write records as CSV, atomically; the keys of the first are the header of all."""
    header = list(records[0])
    write_csv(path, header, ([record[name] for name in header] for record in records))


def sha256_of(path: Path) -> str:
    """Digest one file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(folder: Path, pattern: str = "*") -> str:
    """Digest a folder's content: names and bytes of the files below, in sorted order."""
    total = hashlib.sha256()
    for path in sorted(p for p in folder.rglob(pattern) if p.is_file()):
        total.update(f"{path.relative_to(folder).as_posix()}\0{sha256_of(path)}\n".encode())
    return total.hexdigest()
