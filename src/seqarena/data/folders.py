"""The files of a modality below a folder, by the endings of their names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from seqarena.data.children import Decode, decoded
from seqarena.data.store import Array
from seqarena.data.tables import read_records
from seqarena.errors import InputError

SUFFIXES = {
    "audio": (
        ".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".caf",
        ".w64", ".rf64", ".m4a", ".aac", ".wma", ".webm",
    ),
    "video": (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".mpg", ".mpeg", ".wmv", ".gif"),
    "image": (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"),
    "signal": (".csv",),
    "music": (".mid", ".midi"),
}  # fmt: skip
# What systems and tools leave in a folder beside what a person put there.
LEFT_BEHIND = ("__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini")
MANIFEST = "labels"  # the stem of a table that lists files: no file of its own
ASKED = "seqarena-asked.csv"  # a table of files that a model is asked about; no signal's name
PATH = "_path"  # its column that says where a file lies; `file` is what the user calls it


class AskedFile(NamedTuple):
    """A file that a model is asked about."""

    name: str
    path: Path
    cells: dict[str, str]  # beside its answer in a table


def sorted_out(folder: Path, modality: str) -> tuple[list[Path], Counter[str]]:
    """Return the files of a modality below a folder, and how many others there are by ending.

    Hidden files and folders, and what systems leave behind, are passed over. A file is known by
    the ending of its name, in capitals or not.
    """
    found, others = list[Path](), Counter[str]()
    for path in kept_below(folder):
        if path.suffix.lower() in SUFFIXES[modality] and path.stem.lower() != MANIFEST:
            found.append(path)
        elif path.stem.lower() != MANIFEST:
            others[path.suffix.lower() or path.name] += 1
    return found, others


def kept_below(folder: Path) -> list[Path]:
    """List the files that a person put below a folder, in order."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not any(
            part.startswith(".") or part in LEFT_BEHIND for part in path.relative_to(folder).parts
        )
    ]


def asked_at(source: Path, modality: str) -> list[AskedFile]:
    """Return a file itself, all of a modality below a folder, or those that a table lists.

    Such a table is an `ASKED`. Raises `InputError` where a folder has none.
    """
    if source.name == ASKED:
        rows = (row.cells for row in read_records(source, ["file", PATH]))
        return [AskedFile(cells["file"], Path(cells.pop(PATH)), cells) for cells in rows]
    if not source.is_dir():
        return [AskedFile(source.name, source, {"file": source.name})]
    found, _ = sorted_out(source, modality)
    if not found:
        kinds = ", ".join(SUFFIXES[modality])
        raise InputError(f"{source}: no files of {modality} ({kinds}) in this folder")
    names = ((path.relative_to(source).as_posix(), path) for path in found)
    return [AskedFile(name, path, {"file": name}) for name, path in names]


def decoded_at(
    source: str, modality: str, decode: Decode
) -> Generator[tuple[AskedFile, Array | InputError]]:
    """Decode what `asked_at` finds: the files and what comes of them."""
    asked = asked_at(Path(source), modality)
    with closing(decoded(decode, [each.path for each in asked])) as arrays:  # ends with it, here
        yield from zip(asked, arrays, strict=True)
