"""A new SQLite database for MLflow, there whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
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
