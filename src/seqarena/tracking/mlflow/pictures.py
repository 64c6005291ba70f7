"""Pictures of a run in MLflow's image grid, which shows those of many runs side by side."""

from __future__ import annotations

import re
from pathlib import Path

from mlflow import Image, MlflowClient

from seqarena.tracking.mlflow.facts import picture_of

NOT_IN_A_KEY = re.compile(r"[^A-Za-z0-9_\-. ]")


def log_picture(client: MlflowClient, run: str, path: Path, time: int) -> None:
    """Log a file under its kind, at its number as the step of a slider, if it is a picture."""
    found = picture_of(path)
    if found:
        kind, number = found
        key = NOT_IN_A_KEY.sub("_", kind)
        client.log_image(run, Image(str(path)), key=key, step=number, timestamp=time)
