"""Folders of the user's own recordings, clips, pictures, signals or scores."""

from __future__ import annotations

import re
import shutil
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from seqarena.data.folders import MANIFEST, SUFFIXES, sorted_out
from seqarena.data.labelled import MANIFESTS
from seqarena.data.tables import TableRow, listed
from seqarena.datasets.own.listed import Listed
from seqarena.datasets.own.tables import SPLIT_NAMES, TABLES, write_table
from seqarena.errors import InputError, InputWarning

LABELS = MANIFESTS["file"]
APART = "[+,;&]"  # between labels in the name of a file


def manifest_of(path: Path) -> Path | None:
    """Return the table that lists the files: the path itself, or ``labels.*`` in the folder."""
    if path.is_file():
        return path
    found = sorted(p for p in path.glob(f"{MANIFEST}.*") if p.suffix.lower() in TABLES)
    if len(found) > 1:
        raise InputError(f"{path}: both {found[0].name} and {found[1].name}; keep one of them")
    return found[0] if found else None


def copy_listed(rows: Iterable[TableRow], folder: Path, raw: Path) -> None:
    """Copy the files below a folder that the rows of a table list, and the table itself."""
    write_table(_copied(rows, folder, raw), raw / LABELS)


def _copied(rows: Iterable[TableRow], folder: Path, raw: Path) -> Iterator[TableRow]:
    files = Listed(folder)
    for row in rows:
        name = files.place(row)
        _copy(folder, raw, name)
        yield row._replace(cells={**row.cells, "file": str(name)})


def named_rows(folder: Path, modality: str, names: str) -> Iterator[TableRow]:
    """Yield the files below a folder with what their names say, by a pattern.

    In ``{label}_{group}_*`` a part in braces is a column, and a star is anything. ``{labels}`` are
    several, a sign of `APART` between two, or none. The ending of a name is no part of it. Raises
    `InputError` for a file of another name.
    """
    parts = (_part(part) for part in re.split(r"(\{\w+\}|\*)", names))
    pattern = re.compile("".join(parts))
    for number, (name, path) in enumerate(_found(folder, modality), start=1):
        found = pattern.fullmatch(name.stem)
        if not found:
            raise InputError(f"{path}: expected a name like '{names}{name.suffix}'")
        said = found.groupdict()
        if "labels" in said:
            said["labels"] = listed(filter(None, re.split(APART, said["labels"])))
        yield TableRow(number, str(path), {"file": str(name), **said})


def _part(part: str) -> str:
    if part == "*":
        return ".*"
    if part == "{labels}":
        return "(?P<labels>.*?)"
    return f"(?P<{part[1:-1]}>.+?)" if part.startswith("{") else re.escape(part)


def unlabelled_rows(folder: Path, modality: str) -> Iterator[TableRow]:
    """Yield the files below a folder."""
    for number, (name, path) in enumerate(_found(folder, modality), start=1):
        yield TableRow(number, str(path), {"file": str(name)})


def class_rows(folder: Path, modality: str) -> Iterator[TableRow]:
    """Yield the files in CLASS/ or SPLIT/CLASS/ below a folder, with their class and split.

    Raises `InputError` for a file that lies elsewhere.
    """
    for path in folder.rglob(f"{MANIFEST}.*"):
        if path.suffix.lower() in TABLES:  # no signal, though a CSV
            raise InputError(f"{path}: expected at {folder / path.name}")
    for number, (name, path) in enumerate(_found(folder, modality), start=1):
        *splits, label = name.parts[:-1] or ("",)
        split = "".join(SPLIT_NAMES.get(part.lower(), "") for part in splits)
        if not label or len(splits) > 1 or (splits and not split):
            raise InputError(f"{path}: expected CLASS/FILE or SPLIT/CLASS/FILE below {folder}")
        yield TableRow(number, str(path), {"file": str(name), "label": label, "split": split})


def _found(folder: Path, modality: str) -> list[tuple[PurePosixPath, Path]]:
    """List the files of a modality with their names in the folder, and warn of all others.

    Raises `InputError` where there is none.
    """
    found, others = sorted_out(folder, modality)
    if not found:
        kinds = ", ".join(SUFFIXES[modality])
        layouts = f"a table {MANIFEST}.* that lists them, or (but for music) a folder per class"
        raise InputError(f"{folder}: expected files of {modality} ({kinds}), and {layouts}")
    if others:
        warnings.warn(f"{folder}: left out: {_told(others)}", InputWarning, stacklevel=2)
    return [(PurePosixPath(path.relative_to(folder).as_posix()), path) for path in found]


def _told(others: Counter[str]) -> str:
    return ", ".join(f"{count} {ending}" for ending, count in others.most_common())


def _copy(folder: Path, raw: Path, name: PurePosixPath) -> None:
    (raw / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder / name, raw / name)
