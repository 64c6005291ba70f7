"""Logs a model folder to a run as a pyfunc model: code and safetensors, no pickle."""

from __future__ import annotations

import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path

import mlflow.pyfunc
import numpy as np
from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput, LoggedModelStatus
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec

import seqarena
from seqarena.files import read_json

# The signature is ours, made from spec.json; an example would cost a prediction per model.
warnings.filterwarnings("ignore", ".*input example was not provided", UserWarning)
NAME = "model"
NEEDS = ("torch", "numpy", "safetensors", "pydantic", "PyYAML")


def log_model(client: MlflowClient, run: str, folder: Path, digest: str, serve: Path) -> None:
    """Log `folder` to an explicit run, once for each digest; no active run, no global URI."""
    info = client.get_run(run).info
    for old in client.search_logged_models([info.experiment_id], f"source_run_id = '{run}'"):
        if old.status == LoggedModelStatus.READY and old.tags.get("seqarena.digest") == digest:
            return
        if old.status != LoggedModelStatus.READY:  # a crash left it half uploaded
            client.delete_logged_model(old.model_id)
    model = client.create_logged_model(
        info.experiment_id, name=NAME, source_run_id=run, tags={"seqarena.digest": digest}
    )
    about = Model(
        artifact_path=model.artifact_location,
        run_id=run,
        model_uuid=model.model_id,
        model_id=model.model_id,
    )
    with tempfile.TemporaryDirectory() as temporary:
        saved = Path(temporary) / NAME
        _save(saved, folder, serve, about)
        client.log_model_artifacts(model.model_id, str(saved))
    client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
    client.log_outputs(run, [LoggedModelOutput(model.model_id, step=0)])


def _save(target: Path, folder: Path, serve: Path, about: Model) -> None:
    mlflow.pyfunc.save_model(
        path=str(target),
        python_model=str(serve),
        artifacts={NAME: str(folder)},
        code_paths=[str(Path(seqarena.__file__).parent)],  # so that it loads anywhere
        signature=signature_of(folder),
        # A "+cpu" build is not on the index; the release that it is a build of is.
        pip_requirements=[f"{name}=={version(name).split('+')[0]}" for name in needs_of(folder)],
        mlflow_model=about,
    )


def needs_of(folder: Path) -> tuple[str, ...]:
    """List what a server must have installed: a text is split into its tokens there."""
    spec = read_json(folder / "spec.json")
    of_text = ("regex",) if spec["modality"] == "text" else ()
    return (*NEEDS, *of_text, *(("tokenizers",) if "merges" in spec["options"] else ()))


def signature_of(folder: Path) -> ModelSignature:
    """Sentences for text; else ``(B, T, *feature_shape)`` padded, with the true ``lengths``.

    Of a panel also with the ``series`` that each is of.
    """
    spec = read_json(folder / "spec.json")
    if spec["modality"] == "text":
        return ModelSignature(inputs=Schema([ColSpec("string")]))
    panel = "series" in spec["options"]
    return ModelSignature(
        inputs=Schema([TensorSpec(np.dtype(spec["dtype"]), (-1, -1, *spec["feature_shape"]))]),
        params=ParamSchema(
            [
                ParamSpec("lengths", "long", default=[], shape=(-1,)),
                *([ParamSpec("series", "string", default=[], shape=(-1,))] if panel else []),
            ]
        ),
    )
