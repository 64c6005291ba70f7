"""The user's own files: a table, or a folder of recordings, clips, pictures, signals or scores."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pandas as pd
from pyarrow import ArrowException

from seqarena.data.labelled import MANIFESTS
from seqarena.data.modalities import MODALITIES
from seqarena.data.modalities.series import SERIES
from seqarena.data.store import SPLITS
from seqarena.data.tables import SUFFIXES, read_records
from seqarena.datasets.base import Dataset
from seqarena.errors import InputError, in_one_line, unknown
from seqarena.files import write_csv

TABLES = {"text": MANIFESTS["text"], "series": SERIES}  # the raw table of a modality
FILES = {
    "audio": (".wav", ".flac"),
    "video": (".mp4", ".avi"),
    "image": (".png", ".jpg", ".jpeg"),
    "signal": (".csv",),
    "music": (".mid", ".midi"),
}
LABELS = MANIFESTS["file"]
# What pyarrow raises at damaged files, and pandas at what it had noted in them.
UNREADABLE = (
    ArrowException, OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError,
)  # fmt: skip


class OwnFiles(Dataset):
    """A path of the user's.

    - text, series: a table in CSV, TSV or Parquet
    - audio, video, image, signal: a folder with ``labels.csv`` (``file`` and ``label``, ``labels``
      or ``target``), or with one sub-folder per class, also below ``train``, ``valid``, ``test``
    - music: a folder of MIDI files, with or without ``labels.csv`` (``file``)

    Files are copied, not linked: DVC makes what it caches read-only, and over a hard link that
    would reach the user's original.
    """

    origin = "your own files"
    licence = "your own"

    def __init__(self, path: Path, modality: str | None, where: str = "data") -> None:
        """Raises `InputError` at the key `where` when the modality or the path is not there."""
        if modality is None:
            raise InputError(f"{where}: your own files need `modality`: {', '.join(MODALITIES)}")
        if modality not in MODALITIES:
            raise unknown(where, "modality", modality, MODALITIES)
        kind, there = ("file", path.is_file()) if modality in TABLES else ("folder", path.is_dir())
        if not there:
            raise InputError(f"{where}: {path}: no such {kind}; {modality} is read from a {kind}")
        self.modality = modality  # type: ignore[misc]  # one class serves every modality
        self.path = path

    def write(self, raw: Path) -> None:
        """Write the raw form; raises `InputError` naming the file that cannot be read."""
        if self.modality in TABLES:
            _write_table(self.path, raw / TABLES[self.modality])
        elif (self.path / LABELS).is_file():
            _copy_listed(self.path, raw)
        elif self.modality == "music":
            _copy_unlabelled(self.path, raw, FILES[self.modality])
        else:
            _copy_classes(self.path, raw, FILES[self.modality])


def _write_table(path: Path, table: Path) -> None:
    suffix = path.suffix.lower()
    if suffix == ".csv":
        shutil.copyfile(path, table)
    elif suffix == ".tsv":
        records = [record for _, record in read_records(path, ())]
        pd.DataFrame(records, dtype=str).to_csv(table, index=False)
    elif suffix in (".parquet", ".pq"):
        try:
            frame = pd.read_parquet(path)
        except UNREADABLE as error:
            raise InputError(f"{path}: not a Parquet table: {in_one_line(error)}") from error
        try:
            frame.to_csv(table, index=not isinstance(frame.index, pd.RangeIndex))
        except (ArrowException, UnicodeError) as error:  # texts are looked at only now
            raise InputError(f"{path}: not a text in UTF-8: {in_one_line(error)}") from error
    else:
        known = ", ".join((*SUFFIXES, ".parquet"))
        raise InputError(f"{path}: expected a table ({known}), found '{suffix}'")


def _copy_listed(folder: Path, raw: Path) -> None:
    """Copy ``labels.csv`` and the files that it lists; prepare asks for their answers."""
    manifest = folder / LABELS
    for line, record in read_records(manifest, ("file",)):
        name = PurePosixPath(record["file"])
        if name.is_absolute() or ".." in name.parts:
            raise InputError(f"{manifest} line {line}: '{name}' lies outside {folder}")
        if not (folder / name).is_file():
            raise InputError(f"{manifest} line {line}: no file '{record['file']}' in {folder}")
        _copy(folder, raw, name)
    shutil.copyfile(manifest, raw / LABELS)


def _copy_unlabelled(folder: Path, raw: Path, suffixes: tuple[str, ...]) -> None:
    """Copy the files below a folder, and write the ``labels.csv`` that lists them."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes)
    if not found:
        raise InputError(f"{folder}: no {' or '.join(suffixes)} files in this folder")
    names = [PurePosixPath(path.relative_to(folder).as_posix()) for path in found]
    for name in names:
        _copy(folder, raw, name)
    write_csv(raw / LABELS, ["file"], ([name] for name in names))


def _copy_classes(folder: Path, raw: Path, suffixes: tuple[str, ...]) -> None:
    """Copy the files below class folders, and write the ``labels.csv`` that they amount to."""
    rows = list(_classes(folder, suffixes))
    if not rows:
        kinds = ", ".join(suffixes)
        raise InputError(f"{folder}: expected {LABELS}, or one folder per class with {kinds} files")
    for name, _, _ in rows:
        _copy(folder, raw, name)
    write_csv(raw / LABELS, ["file", "label", "split"], rows)


def _classes(folder: Path, suffixes: tuple[str, ...]) -> Iterator[tuple[PurePosixPath, str, str]]:
    """Yield name, class and split (or '') of the files in CLASS/ or SPLIT/CLASS/."""
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in suffixes):
        name = PurePosixPath(path.relative_to(folder).as_posix())
        if name.name == LABELS:  # no signal, though a CSV
            raise InputError(f"{path}: expected at {folder / LABELS}")
        *splits, label = name.parts[:-1] or ("",)
        if not label or len(splits) > 1 or any(split not in SPLITS for split in splits):
            raise InputError(f"{path}: expected CLASS/FILE or SPLIT/CLASS/FILE below {folder}")
        yield name, label, "".join(splits)


def _copy(folder: Path, raw: Path, name: PurePosixPath) -> None:
    (raw / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder / name, raw / name)
