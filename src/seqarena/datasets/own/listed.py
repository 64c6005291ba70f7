"""The files that a table lists: where they lie, and by what the table calls them."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from functools import cached_property
from glob import escape
from itertools import islice
from pathlib import Path, PurePosixPath

from seqarena.config import Reading
from seqarena.data.folders import SUFFIXES, kept_below
from seqarena.data.tables import TableRow
from seqarena.datasets.own.tables import rows_of
from seqarena.errors import InputError, few

MEDIA = {ending for kind, endings in SUFFIXES.items() for ending in endings if kind != "signal"}
FIRST = 3  # rows whose files are looked for, in these folders below one
LONGEST = 200  # characters of a file's name; a text may be longer than any system allows
NEAR = ("", "*/", "*/*/")


class Listed:
    """The files below a folder, as a table may call them.

    By their path in it; or by their name alone, with its ending or without, where one is called so.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def place(self, row: TableRow, missing: bool = False) -> PurePosixPath:
        """Return where the file of a row lies in the folder, or would, if it may be `missing`.

        Raises `InputError` where it leads out of it, where there is none, or several.
        """
        name = row.cells["file"]
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise InputError(f"{row.place}: '{name}' lies outside {self.folder}")
        found = self.called(name)
        if not found and missing:
            return PurePosixPath(name)
        if not found:
            raise InputError(f"{row.place}: no file '{name}' in {self.folder}")
        if len(found) > 1:
            raise InputError(f"{row.place}: '{name}' may be {few(map(str, found))}")
        return found[0]

    def called(self, name: str) -> list[PurePosixPath]:
        """List the files that a cell of a table may mean, of whatever it holds."""
        if is_file_in(self.folder, name):
            return [PurePosixPath(name)]
        return self._by_name.get(name, [])

    @cached_property
    def _by_name(self) -> dict[str, list[PurePosixPath]]:
        found = defaultdict[str, list[PurePosixPath]](list)
        for path in kept_below(self.folder):
            for name in {path.name, path.stem}:
                found[name].append(PurePosixPath(path.relative_to(self.folder).as_posix()))
        return dict(found)


def is_file_in(folder: Path, name: str) -> bool:
    """Tell whether a folder has a file, of whatever a cell of a table may hold as its name."""
    return os.path.isfile(folder / name)  # noqa: PTH113  # Path.is_file raises for a long text


def folder_of_files(table: Path, reading: Reading, column: str | None) -> Path | None:
    """Return the folder below which the files lie that a column, or else any, of a table names.

    The table's own, or the one above, where the table lies in a folder beside theirs; None where
    its cells name no files.
    """
    rows = [row.cells for row in islice(rows_of(table, reading), FIRST)]
    named = [column] if column in rows[0] else list(rows[0])
    above = table.absolute().parent.parent
    if not table.is_absolute():
        above = Path(os.path.relpath(above))
    return next(
        (
            folder
            for name in named
            for folder in (table.parent, above)
            if all(_is_near(folder, row[name], stems=folder != above) for row in rows)
        ),
        None,
    )


def _is_near(folder: Path, name: str, stems: bool) -> bool:
    """Tell whether a folder, or one of the next below it, has a file of media of this name."""
    if is_file_in(folder, name):
        return True
    if name.startswith("/") or len(name) > LONGEST:
        return False
    if Path(name).suffix.lower() in MEDIA:
        pattern = escape(name)
    elif stems and len(name) > 2 and re.fullmatch(r"[\w.-]+", name):
        pattern = f"{name}.*"
    else:
        return False
    found = (path for near in NEAR for path in folder.glob(near + pattern))
    return any(path.suffix.lower() in MEDIA for path in found)
