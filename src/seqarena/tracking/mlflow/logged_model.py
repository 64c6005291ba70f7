"""Shows every final as a model of its own, with its scores; the best of a variant whole.

A whole one is code and safetensors, no pickle, and is served as it lies. The others are references:
params, scores, where the model lies and its digest, which rank beside it and take no room.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow.pyfunc
from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelOutput, LoggedModelStatus, Metric
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec
from mlflow.types.schema import AnyType, Array

from seqarena.data.store import DataSpec, read_spec
from seqarena.tracking.champions import BEST
from seqarena.tracking.events import Run
from seqarena.tracking.mlflow import raw
from seqarena.tracking.mlflow.example import example_of
from seqarena.tracking.mlflow.packing import NAME as CODE
from seqarena.tracking.mlflow.packing import packed_code

# Not every model has an example; the signature is made from spec.json.
warnings.filterwarnings("ignore", ".*input example was not provided", UserWarning)
NAME = "model"
NEEDS = ("torch", "numpy", "pandas", "safetensors", "pydantic", "PyYAML")
READERS = {  # what reads the input of a modality
    "text": ("regex",),
    "audio": ("av", "kaldi-native-fbank", "soundfile", "soxr"),
    "video": ("av",),
    "image": ("pillow",),
    "music": ("mido",),
    "series": ("tzdata",),
}
ANY = AnyType()  # type: ignore[no-untyped-call]
TYPES: dict[str, Array | AnyType | DataType] = {  # of doubles, MLflow would refuse the list [3, 4]
    "times": Array(DataType.string),
    "numbers": Array(ANY),
    "number": ANY,
    "text": DataType.string,
}
WHOLE = "seqarena.whole"  # tag: its files are all there


@dataclass(frozen=True)
class Shown:
    """A final to be shown as a model."""

    target: str  # its run in MLflow
    run: Run  # and in the ledger
    folder: Path
    digest: str
    there: bool  # whether the folder is still what was saved

    @property
    def whole(self) -> bool:
        """Whether its files are copied."""
        return self.there and self.run.tags.get(BEST) != "false"

    @property
    def name(self) -> str:
        """How the model is called; MLflow takes no dots in it."""
        return self.run.name.replace(".", "_").replace("/", " ")

    @property
    def tags(self) -> dict[str, str]:
        """By which it is found again, and where it lies."""
        place = {"path": self.folder.as_posix(), "digest": self.digest, "run": self.run.id}
        return {f"seqarena.{key}": value for key, value in place.items()}


class Models:
    """Logs the models of one experiment to explicit runs; no active run, no global URI."""

    def __init__(self, client: MlflowClient, experiment: str, serve: Path, root: Path) -> None:
        self._client, self._experiment, self._serve, self._root = client, experiment, serve, root
        self._tests: dict[str, dict[str, Any]] = {}

    def see(self, data: dict[str, Any]) -> None:
        """Note an event of the ledger: the scores on test come before the model that has them."""
        if data["event"] == "metrics" and any(name.startswith("test_") for name in data["values"]):
            self._tests[data["run"]] = data

    def log(self, shown: Shown, dataset: tuple[str, str] | None) -> None:
        """Log a model once for each digest, and its scores on the data `(name, digest)`."""
        model = self._found(shown)
        if shown.whole and model.tags.get(WHOLE) != "true":
            self._upload(model, shown)
        if model.status != LoggedModelStatus.READY:
            self._client.log_outputs(shown.target, [LoggedModelOutput(model.model_id, step=0)])
            self._client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
        if shown.run.id in self._tests:
            about = {"model_id": model.model_id}
            if dataset is not None:
                about |= {"dataset_name": dataset[0], "dataset_digest": dataset[1]}
            scores = _scores(self._tests[shown.run.id], shown.target, about)
            self._client.log_batch(shown.target, metrics=scores)

    def _found(self, shown: Shown) -> LoggedModel:
        """Find the model, also one that a crash left unfinished, or make it."""
        info = self._client.get_run(shown.target).info
        mine = f"source_run_id = '{shown.target}'"
        for old in self._client.search_logged_models([info.experiment_id], mine):
            if old.tags.get("seqarena.digest") == shown.digest:
                return old
        params = {key: str(value)[:250] for key, value in shown.run.params.items()}
        return self._client.create_logged_model(
            info.experiment_id,
            name=shown.name,
            source_run_id=shown.target,
            tags={**shown.tags, WHOLE: "false"},
            params=params,
        )

    def _upload(self, model: LoggedModel, shown: Shown) -> None:
        about = Model(
            artifact_path=model.artifact_location,
            run_id=shown.target,
            model_uuid=model.model_id,
            model_id=model.model_id,
        )
        with tempfile.TemporaryDirectory() as temporary:
            saved = Path(temporary) / NAME
            folder = self._root / shown.folder
            example = example_of(self._root, self._experiment, read_spec(folder / "spec.json"))
            save_served(saved, folder, self._serve, self._root, example, about)
            self._client.log_model_artifacts(model.model_id, str(saved))
        self._client.set_logged_model_tags(model.model_id, {WHOLE: "true"})


def save_served(
    target: Path,
    folder: Path,
    serve: Path,
    root: Path,
    example: list[Any] | None = None,
    about: Model | None = None,
) -> None:
    """Save a model folder as MLflow serves it, with its code and that of the project at `root`."""
    spec = read_spec(folder / "spec.json")
    with tempfile.TemporaryDirectory() as temporary:
        code = Path(temporary) / CODE
        code.write_bytes(packed_code(root))
        mlflow.pyfunc.save_model(
            path=str(target),
            python_model=str(serve),
            artifacts={NAME: str(folder)},
            code_paths=[str(code)],  # so that it loads anywhere
            signature=signature_of(spec),
            input_example=example,
            # A "+cpu" build is not on the index; the release that it is a build of is.
            pip_requirements=[f"{name}=={version(name).split('+')[0]}" for name in needs_of(spec)],
            mlflow_model=about,
        )


def _scores(event: dict[str, Any], run: str, about: Mapping[str, str]) -> list[Metric]:
    return [
        Metric(name, float(value), event["time"], event["step"], run_id=run, **about)
        for name, value in event["values"].items()
    ]


def needs_of(spec: DataSpec) -> tuple[str, ...]:
    """List what a server must have installed: it reads what people have."""
    pieces = ("tokenizers",) if "merges" in spec.options else ()
    return (*NEEDS, *READERS.get(spec.modality, ()), *pieces)


def signature_of(spec: DataSpec) -> ModelSignature:
    """Return what a row of a request holds, see `raw`, and that attention may be asked for."""
    columns: list[ColSpec | TensorSpec] = [
        # All are needed: `raw` says in one line which lacks, MLflow with the whole request before.
        ColSpec(TYPES[column.kind], column.name, required=False)
        for column in raw.columns_of(spec)
    ]
    return ModelSignature(
        inputs=Schema(columns or [ColSpec(DataType.string)]),
        params=ParamSchema([ParamSpec("attention", DataType.boolean, default=False)]),
    )
