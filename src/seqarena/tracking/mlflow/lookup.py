"""The one thing that is asked of MLflow: which run of a ledger it shows under an id of its own."""

from __future__ import annotations

from pathlib import Path

from seqarena.errors import InputError, in_one_line
from seqarena.tracking.mlflow.projection import default_uri, settled, without_secret


def ledger_run_of(run_id: str) -> str | None:
    """Return the ledger's id of a run of MLflow's; None where MLflow has no such run.

    Raises `InputError` where MLflow does not answer.
    """
    uri = settled(default_uri())
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).is_file():
        return None  # it would be made
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

    try:
        return MlflowClient(uri).get_run(run_id).data.tags.get("seqarena.run")
    except MlflowException as error:
        if error.error_code == ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
            return None
        reason = without_secret(in_one_line(error), uri)[:200]
        raise InputError(f"MLflow at {without_secret(uri, uri)}: {reason}") from error
