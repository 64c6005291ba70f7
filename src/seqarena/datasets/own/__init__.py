"""The user's own files: tables, or a folder of recordings, clips, pictures, signals or scores."""

from __future__ import annotations

import glob
import warnings
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from seqarena.config import KNOWN_COLUMNS, OwnData
from seqarena.data.modalities import MODALITIES
from seqarena.data.tables import TableRow
from seqarena.data.targets import TARGETS, Number
from seqarena.datasets.base import Dataset
from seqarena.datasets.own.drawn import drawn
from seqarena.datasets.own.folders import (
    LABELS,
    class_rows,
    copy_listed,
    manifest_of,
    named_rows,
    unlabelled_rows,
)
from seqarena.datasets.own.in_rows import files_of_rows
from seqarena.datasets.own.pin import digest
from seqarena.datasets.own.tables import (
    OF_TABLES,
    examples_are_rows,
    no_column,
    rows_of,
    write_table,
)
from seqarena.errors import InputError, InputWarning, unknown


class OwnFiles(Dataset):
    """A path of the user's.

    - text, series: a table (CSV, TSV, Parquet, JSON lines, …), several by a glob, a folder of one
      table per split, or a data set that the library `datasets` saved on disk
    - audio, video, image, signal: a folder with a table ``labels.*`` (``file`` and ``label``,
      ``labels`` or ``target``), or with one sub-folder per class, also below ``train``, ``valid``,
      ``test``; or the path of such a table; or a folder of files whose names say it
    - signal, too: a table each row of which is one (``in_rows``)
    - music: a folder of MIDI files, with or without ``labels.*`` (``file``)

    Files are copied, not linked: DVC makes what it caches read-only, and over a hard link that
    would reach the user's original.
    """

    origin = "your own files"
    licence = "your own"

    def __init__(
        self,
        own: OwnData,
        modality: str | None,
        where: str = "data",
        targets: str = "label",
        share: float = 1.0,
    ) -> None:
        """Only about a `share` of the rows is drawn, of series all.

        Raises `InputError` at the key `where` when the modality or the path is not there.
        """
        if modality is None:
            raise InputError(f"{where}: your own files need `modality`: {', '.join(MODALITIES)}")
        if modality not in MODALITIES:
            raise unknown(where, "modality", modality, MODALITIES)
        path = Path(own.path)
        if own.in_rows and modality != "signal":
            raise InputError(f"{where}.in_rows: rows are signals, and this is {modality}")
        self.of_tables = examples_are_rows(modality, own.in_rows)
        kind = "file" if self.of_tables else "folder"
        if not path.exists() and not glob.glob(str(path), recursive=True):  # noqa: PTH207  # absolute
            raise InputError(f"{where}: {path}: no such {kind}; {modality} is read from a {kind}")
        if own.files and self.of_tables:
            raise InputError(f"{where}.files: no table of {modality} lists files")
        if own.files and not Path(own.files).is_dir():
            raise InputError(f"{where}.files: {own.files}: no such folder")
        self.modality = modality  # type: ignore[misc]  # one class serves every modality
        self.path, self.reading, self.targets, self.where = path, own, targets, where
        self.share = share

    def write(self, raw: Path) -> None:
        """Write the raw form; raises `InputError` naming the file that cannot be read."""
        found = digest(self.path, self.of_tables, self.reading.files)
        if self.reading.sha256 is None:
            fix = f"`data: {{path: …, sha256: {found}}}` has a later change of it seen"
            warnings.warn(f"{self.where}: {self.path}: {fix}", InputWarning, stacklevel=2)
        elif self.reading.sha256 != found:
            fix = "`seqarena run` takes it as it is now"
            raise InputError(f"{self.where}.sha256: {self.path} has changed; {fix}")
        if self.modality == "text":
            write_table(self._rows(self.path, "text"), raw / OF_TABLES["text"], KNOWN_COLUMNS)
        elif self.modality == "series":
            rows = rows_of(self.path, self.reading, numbers=True)
            write_table(rows, raw / OF_TABLES["series"])
        elif self.reading.in_rows:
            rows = rows_of(self.path, self.reading, numbers=True)
            listed = files_of_rows(rows, self.reading.in_rows, raw)
            write_table(self._checked(listed, "file"), raw / LABELS)
        else:
            self._write_files(raw)

    def _write_files(self, raw: Path) -> None:
        manifest = None if self.reading.names else manifest_of(self.path)
        if manifest is None:
            copy_listed([*self._checked(self._found(), "file")], self.path, raw)
        else:
            folder = Path(self.reading.files or manifest.parent)
            copy_listed(self._rows(manifest, "file"), folder, raw)

    def _found(self) -> Iterator[TableRow]:
        """Yield the files of a folder that no table lists."""
        if self.reading.names:
            return named_rows(self.path, self.modality, self.reading.names)
        rows = unlabelled_rows if self.modality == "music" else class_rows
        return rows(self.path, self.modality)

    def _rows(self, table: Path, item: str) -> Iterator[TableRow]:
        rows = rows_of(table, self.reading, numbers=TARGETS[self.targets] is Number)
        return self._checked(rows, item)

    def _checked(self, rows: Iterator[TableRow], item: str) -> Iterator[TableRow]:
        """Yield rows, which must have the item and its answer.

        Raises `InputError` where a column is not there, by these or other names.
        """
        first = next(rows)
        asked = [item] if self.modality == "music" else [item, TARGETS[self.targets].column]
        for column in asked:
            if column not in first.cells:
                if self.reading.names:
                    fix = f"expected {{{column}}} in `names: '{self.reading.names}'`"
                    raise InputError(f"{self.path}: no column '{column}'; {fix}")
                raise no_column(self.path, column, first.cells)
        rows = chain([first], rows)
        kept = rows if self.share == 1 else drawn(rows, self.share, TARGETS[self.targets])
        yield from kept
