"""Where people find an experiment in MLflow: written for the report, since no stage asks MLflow."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from seqarena.errors import InputError
from seqarena.records import MlflowPlace

FILE = "mlflow.json"
HOST, PORT = "127.0.0.1", 5000  # where `seqarena ui` and `mlflow ui` serve a database


def write_place(results: Path, uri: str, experiment: str) -> None:
    """Write ``mlflow.json`` into the folder of an experiment's results, where it changes."""
    place = MlflowPlace(address=address_of(uri), experiment=experiment)
    path = results / FILE
    try:
        if MlflowPlace.read(path) == place:
            return
    except InputError:
        pass  # not there yet, or damaged
    place.write(path)


def address_of(uri: str) -> str:
    """Return where a browser finds what is tracked at `uri`, without user, password or token."""
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https"):
        return f"http://{HOST}:{PORT}"
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}".rstrip("/")
