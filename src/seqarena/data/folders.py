"""The files of a modality below a folder, by the endings of their names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

from seqarena.data.children import Decode, decoded
from seqarena.data.store import Array
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


def files_at(source: Path, modality: str) -> list[Path]:
    """Return a file itself, or all of a modality below a folder.

    Raises `InputError` where a folder has none.
    """
    if not source.is_dir():
        return [source]
    found, _ = sorted_out(source, modality)
    if not found:
        kinds = ", ".join(SUFFIXES[modality])
        raise InputError(f"{source}: no files of {modality} ({kinds}) in this folder")
    return found


def named_at(source: Path, modality: str) -> list[tuple[str, Path]]:
    """List a file, or all of a modality below a folder, each by its name there."""
    base = source if source.is_dir() else source.parent
    return [(path.relative_to(base).as_posix(), path) for path in files_at(source, modality)]


def decoded_at(
    source: str, modality: str, decode: Decode
) -> Generator[tuple[str, Array | InputError]]:
    """Decode a file, or all of a modality below a folder: their names and what comes of them."""
    names, paths = zip(*named_at(Path(source), modality), strict=True)
    with closing(decoded(decode, paths)) as arrays:  # its processes end with it, here
        yield from zip(names, arrays, strict=True)
