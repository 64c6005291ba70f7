"""Where the files lie that a table lists."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from seqarena.datasets.own.listed import folder_listed
from seqarena.datasets.own.tables import rows_of
from seqarena.proposal.asked import Asked

FIRST = 3  # rows whose files are looked for


def folder_of_files(table: Path, asked: Asked) -> Path | None:
    """Return the folder below which the files lie that a column names; None where none does."""
    rows = [row.cells for row in islice(rows_of(table, asked.reading), FIRST)]
    named = [asked.input] if asked.input in rows[0] else list(rows[0])
    found = (folder_listed(table, [row[name] for row in rows]) for name in named if name)
    return next(filter(None, found), None)
