"""MLflow's SQLite database: new, there whole or not at all; and without empty pages."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from mlflow import MlflowClient
from sqlalchemy import make_url


def make_database(uri: str) -> None:
    """Make the SQLite database that a URI names, where it is missing; other URIs have none to make.

    MLflow makes its tables in a hundred steps over some seconds, and cannot open a database that
    was left between two of them. So they are made under another name first.
    """
    url = make_url(uri) if uri.startswith("sqlite:") else None
    if url is None or not url.database or (path := Path(url.database)).exists():
        return
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        MlflowClient(f"sqlite:///{new.absolute()}").search_experiments(max_results=1)
        with suppress(FileExistsError):  # another process was first
            os.link(new, path)
    finally:
        new.unlink(missing_ok=True)


def unused_pages(path: Path) -> tuple[int, int]:
    """Return how many pages of an SQLite database are empty, and the bytes of one."""
    with closing(sqlite3.connect(path)) as database:
        pages, size = (
            database.execute(f"pragma {name}").fetchone()[0]
            for name in ("freelist_count", "page_size")
        )
    return int(pages), int(size)


def compact(path: Path) -> None:
    """Give the empty pages of an SQLite database back; one that others are using stays as it is."""
    with closing(sqlite3.connect(path)) as database, suppress(sqlite3.OperationalError):
        database.execute("vacuum")
