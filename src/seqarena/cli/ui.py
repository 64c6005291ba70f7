"""`seqarena ui`: the MLflow dashboard, and a link to the verdict of each experiment."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from seqarena.errors import InputError
from seqarena.records import MlflowPlace
from seqarena.tracking.mlflow.place import FILE, HOST, address_of
from seqarena.tracking.mlflow.projection import SETTINGS, default_uri


def links(results: Path, address: str) -> dict[str, str]:
    """Return where each experiment that MLflow holds shows its verdict."""
    found = {}
    for path in sorted(results.glob(f"*/{FILE}")):
        try:
            place = MlflowPlace.read(path)
        except InputError:  # damaged; the next run or `seqarena sync` writes it anew
            continue
        found[path.parent.name] = place.model_copy(update={"address": address}).view("verdict")
    return found


def show_dashboard(port: int) -> None:
    """Print the links and become MLflow's server, on this machine alone.

    Where ``MLFLOW_TRACKING_URI`` names a server, that one is shown, and none is started.
    """
    uri = default_uri()
    remote = uri.startswith(("http://", "https://"))
    address = address_of(uri) if remote else f"http://{HOST}:{port}"
    known = links(Path("results"), address)
    for name, link in known.items():
        print(f"{name}: {link}")
    if not known:
        print(f"{address} (no experiment is there yet: `seqarena run`, or `seqarena sync`)")
    if remote:
        return
    sys.stdout.flush()
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # eight processes fewer
    where = ["--backend-store-uri", uri, "--host", HOST, "--port", str(port)]
    command = [sys.executable, "-m", "mlflow", "ui", *where]
    environment = {**SETTINGS, **quiet, **os.environ}
    os.execve(sys.executable, command, environment)  # noqa: S606  # no shell is wanted
