"""A table of the user's own that a trained model is asked about, read as those it learned from."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from seqarena.config import Reading
from seqarena.data.tables import ending_of
from seqarena.datasets.own.tables import OF_TABLES, TABLES, rows_of, write_table
from seqarena.errors import InputError

LINES = ".txt"  # a text of each line: no table


@contextmanager
def as_raw(source: str, modality: str, reading: Reading) -> Iterator[str]:
    """Bring a table into the form that `prepare` reads, in a folder of its own that is removed.

    What is no table stays as it is. What is said of the copy names the user's own file.
    """
    # Not Path.is_file: it raises OSError on a sentence too long for a file name.
    is_file = os.path.isfile(source)  # noqa: PTH113
    ending = ending_of(Path(source)) if is_file else LINES
    if modality not in OF_TABLES or ending not in TABLES or ending == LINES:
        yield source
        return
    with TemporaryDirectory(prefix="seqarena-") as folder:
        table = Path(folder) / OF_TABLES[modality]
        with _told_of(table, source):
            write_table(rows_of(Path(source), reading, numbers=modality == "series"), table)
            yield str(table)


@contextmanager
def _told_of(table: Path, source: str) -> Iterator[None]:
    caught = list[warnings.WarningMessage]()
    try:
        with warnings.catch_warnings(record=True) as caught:
            yield
    except InputError as error:
        raise InputError(str(error).replace(str(table), source)) from error
    finally:
        for each in caught:
            told = str(each.message).replace(str(table), source)
            warnings.warn(told, each.category, stacklevel=3)
