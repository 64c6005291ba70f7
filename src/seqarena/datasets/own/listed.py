"""The files that a table lists: where they lie, and by what the table calls them."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from functools import cached_property
from glob import escape
from pathlib import Path, PurePosixPath

from seqarena.data.folders import SUFFIXES, kept_below
from seqarena.data.tables import TableRow
from seqarena.errors import InputError, few

MEDIA = {ending for kind, endings in SUFFIXES.items() for ending in endings if kind != "signal"}
NEAR = ("", "*/", "*/*/")  # folders below one, that a file is looked for in before all are listed


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


def folder_listed(table: Path, names: list[str]) -> Path | None:
    """Return the folder below which the files lie that cells of a table name; None where none are.

    Its own, or the one above, where the table lies in a folder beside theirs.
    """
    if names and all(_is_near(table.parent, name, stems=True) for name in names):
        return table.parent
    above = table.absolute().parent.parent
    if names and all(_is_near(above, name, stems=False) for name in names):
        return Path(os.path.relpath(above)) if not table.is_absolute() else above
    return None


def _is_near(folder: Path, name: str, stems: bool) -> bool:
    """Tell whether a folder, or one of the next below it, has a file of media of this name."""
    if is_file_in(folder, name):
        return bool(name)
    if Path(name).suffix.lower() in MEDIA:
        pattern = escape(name)
    elif stems and len(name) > 2 and re.fullmatch(r"[\w.-]+", name):
        pattern = f"{name}.*"
    else:
        return False
    found = (path for near in NEAR for path in folder.glob(near + pattern))
    return any(path.suffix.lower() in MEDIA for path in found)
