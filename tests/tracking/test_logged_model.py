"""A logged model is code and safetensors: it loads with pickle forbidden and takes any length."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient

from seqarena.data.store import DataSpec, write_spec
from seqarena.errors import InputError
from seqarena.models.variants import added_space
from seqarena.predict import Predictor, save_model
from seqarena.tasks import task_for
from seqarena.tracking.ledger import Ledger
from seqarena.tracking.mlflow.logged_model import needs_of, signature_of
from seqarena.tracking.mlflow.projection import Projection, sync

Database = Callable[[str], str]
LOAD = """
import json, sys
import mlflow, numpy as np
model = mlflow.pyfunc.load_model(sys.argv[1])
print(json.dumps([model.predict(np.ones((1, length, 3), np.float32)) for length in (2, 9)]))
print(sys.modules["seqarena"].__file__)
"""
HYPERPARAMETERS = {"width": 8, "dropout": 0.0, "layers": 1}


def _model_folder(folder: Path, modality: str) -> Path:
    spec = DataSpec(
        modality=modality,
        feature_shape=() if modality == "text" else (3,),
        max_length=6,
        step="token",
        step_size=1.0,
        vocabulary=("<pad>", "<unk>", "good", "bad") if modality == "text" else (),
        classes=("no", "yes"),
        options={"lowercase": True, "max_length": 6, "targets": "label"}
        if modality == "text"
        else {},
    )
    task, hyperparameters = (
        task_for("classification"),
        HYPERPARAMETERS | added_space("lstm", modality),
    )
    model = task.model("lstm", spec, hyperparameters)
    about = {"task": "classification", "variant": "lstm", "hyperparameters": hyperparameters}
    save_model(folder, model.state_dict(), spec, about)
    return folder


@pytest.mark.parametrize(("modality", "dtype"), [("image", "uint8"), ("signal", "float32")])
def test_inputs_are_asked_for_in_the_type_of_prepared_data(
    tmp_path: Path, modality: str, dtype: str
) -> None:
    """A model scales bytes by itself: floats would be scaled as if they were bytes."""
    spec = DataSpec(
        modality=modality,
        dtype=dtype,
        feature_shape=(3, 8, 8) if modality == "image" else (3,),
        max_length=1,
        step="step",
        step_size=1.0,
    )
    write_spec(tmp_path / "spec.json", spec)
    (asked,) = signature_of(tmp_path).inputs.inputs
    assert (asked.type, asked.shape) == (np.dtype(dtype), (-1, -1, *spec.feature_shape))


def _logged(ledger: Ledger, uri: str, folder: Path) -> str:
    """Log a model folder to a final and return the model's uri."""
    with ledger.running("final", "lstm/seed-1") as run:
        ledger.model(run, folder)
    sync(ledger.path.parents[1], [ledger.experiment], uri)
    client = MlflowClient(uri)
    found = client.get_experiment_by_name(ledger.experiment)
    assert found is not None
    (shown,) = client.search_runs([found.experiment_id])
    (output,) = shown.outputs.model_outputs
    mlflow.set_tracking_uri(uri)
    assert mlflow.active_run() is None
    assert output.model_id == client.search_logged_models([found.experiment_id])[0].model_id
    return f"runs:/{shown.info.run_id}/model"


@pytest.fixture(autouse=True)
def _no_pickle(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    yield
    mlflow.set_tracking_uri(None)  # which would be another test's too


def test_features_of_any_length(ledger: Ledger, database: Database, tmp_path: Path) -> None:
    folder = _model_folder(tmp_path / "models" / "lstm", "audio")
    uri = _logged(ledger, database("a.db"), folder)
    loaded = mlflow.pyfunc.load_model(uri)
    random = np.random.default_rng(0)
    sequences = [random.normal(size=(n, 3)).astype(np.float32) for n in (2, 9, 5)]
    wanted = Predictor(folder).predict(sequences)
    assert [loaded.predict(s[None])[0]["label"] for s in sequences] == [w["label"] for w in wanted]
    with pytest.raises(mlflow.MlflowException, match="shape"):
        loaded.predict(np.zeros((1, 4, 5), np.float32))
    padded = np.full((3, 9, 3), 7.0, np.float32)
    for row, sequence in zip(padded, sequences, strict=True):
        row[: len(sequence)] = sequence
    answers = loaded.predict(padded, params={"lengths": [2, 9, 5]})
    ragged = loaded.unwrap_python_model().predict(None, [s.tolist() for s in sequences])
    for answer, other, want in zip(answers, ragged, wanted, strict=True):
        assert answer == other
        assert answer["probabilities"] == pytest.approx(want["probabilities"], abs=1e-6)


def test_series_of_a_panel_are_forecast_in_their_own_unit(
    ledger: Ledger, database: Database, tmp_path: Path
) -> None:
    standards = {
        "shop a": {"means": [100.0], "stds": [10.0]},
        "b": {"means": [-1.0], "stds": [0.5]},
    }
    options = {"covariates": [], "series": "shop", "static": [], "standards": standards}
    spec = DataSpec(
        modality="series",
        feature_shape=(1,),
        max_length=6,
        step="day",
        step_size=1.0,
        horizon=2,
        options=options,
    )
    asked, task = {**HYPERPARAMETERS, "patch": 1}, task_for("forecasting")
    about = {"task": "forecasting", "variant": "gru", "hyperparameters": asked}
    folder = tmp_path / "models" / "gru"
    save_model(folder, task.model("gru", spec, asked).state_dict(), spec, about)
    loaded = mlflow.pyfunc.load_model(_logged(ledger, database("a.db"), folder))
    windows = np.random.default_rng(0).normal(size=(3, 6, 1)).astype(np.float32)
    answers = loaded.predict(windows, params={"series": ["b", "shop a", "b"]})
    scaled = [answer["forecast"] for answer in Predictor(folder).predict(list(windows))]
    for answer, raw, (mean, std) in zip(
        answers, scaled, [(-1, 0.5), (100, 10), (-1, 0.5)], strict=True
    ):
        assert answer["forecast"] == pytest.approx(mean + std * np.array(raw), rel=1e-5)
    for names, told in (
        ([], "series: 3 sequences need as many names of 'shop', found 0"),
        (["b"], "series: 3 sequences need as many names of 'shop', found 1"),
        (["b", "b", "shop b"], "series: no shop named 'shop b'; did you mean 'shop a'"),
    ):
        with pytest.raises(InputError, match=told):
            loaded.predict(windows, params={"series": names})


def test_text(ledger: Ledger, database: Database, tmp_path: Path) -> None:
    folder = _model_folder(tmp_path / "models" / "lstm", "text")
    loaded = mlflow.pyfunc.load_model(_logged(ledger, database("a.db"), folder))
    (tmp_path / "good.txt").write_text("bad\nbad\n")
    good, longer, named = loaded.predict(["good", "good bad good", "good.txt"])
    (want,) = Predictor(folder).predict([np.array([2], np.int32)])
    assert good["probabilities"] == pytest.approx(want["probabilities"], abs=1e-6)
    assert good != longer
    assert named.keys() == good.keys(), "a sentence is never taken for a file"


def test_it_loads_in_a_process_without_the_project(
    ledger: Ledger, database: Database, tmp_path: Path
) -> None:
    uri = database("a.db")
    model = _logged(ledger, uri, _model_folder(tmp_path / "models" / "lstm", "audio"))
    shown = subprocess.run(
        [sys.executable, "-c", LOAD, model],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"MLFLOW_TRACKING_URI": uri, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"},
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.count('"label"') == 2
    assert "/code/seqarena/" in shown.stdout, "the model carries its own code"
    assert list((tmp_path / "mlartifacts").rglob("*.pkl")) == []


@pytest.mark.parametrize(
    ("modality", "options", "needed"),
    [
        ("audio", {}, set()),
        ("text", {"units": "words"}, {"regex"}),
        ("text", {"units": "subwords", "merges": ["  l"]}, {"regex", "tokenizers"}),
    ],
)
def test_what_splits_a_text_is_installed_where_it_is_served(
    tmp_path: Path, modality: str, options: dict[str, object], needed: set[str]
) -> None:
    spec = DataSpec(
        modality=modality, feature_shape=(), max_length=1, step="", step_size=1.0, options=options
    )
    write_spec(tmp_path / "spec.json", spec)
    assert set(needs_of(tmp_path)) & {"regex", "tokenizers"} == needed


def test_a_second_sync_logs_no_second_model(
    ledger: Ledger, database: Database, tmp_path: Path
) -> None:
    uri = database("a.db")
    _logged(ledger, uri, _model_folder(tmp_path / "models" / "lstm", "audio"))
    client = MlflowClient(uri)
    found = client.get_experiment_by_name("toy")
    assert found is not None
    (shown,) = client.search_runs([found.experiment_id])
    client.set_tag(shown.info.run_id, "seqarena.offset", "0")  # a crash before the offset
    Projection(ledger, uri).update()
    assert len(client.search_logged_models([found.experiment_id])) == 1
