"""Finals as models: code and safetensors that load with pickle forbidden, read raw input, rank."""

import base64
import io
import json
import subprocess
import sys
import tempfile
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import mlflow
import numpy as np
import pytest
import torch
from fastapi.testclient import TestClient
from mlflow import MlflowClient
from mlflow.pyfunc import scoring_server
from PIL import Image

from seqarena.data.store import DataSpec
from seqarena.models.variants import added_space
from seqarena.predict import Predictor, save_model
from seqarena.tasks import task_for
from seqarena.tracking.ledger import Ledger
from seqarena.tracking.mlflow.logged_model import needs_of
from seqarena.tracking.mlflow.packing import packed_code
from seqarena.tracking.mlflow.projection import Projection, sync

Database = Callable[[str], str]
LOAD = """
import json, sys
import mlflow
model = mlflow.pyfunc.load_model(sys.argv[1])
print(json.dumps(model.predict(json.loads(sys.argv[2]))))
print(sys.modules["seqarena"].__file__)
"""
HYPERPARAMETERS = {"width": 8, "dropout": 0.0, "layers": 1, "attention": 4}
STILLS = {"targets": "label", "height": 8, "width": 8, "colour": False}
OPTIONS: dict[str, dict[str, Any]] = {
    "text": {"lowercase": True, "max_length": 6, "targets": "label"},
    "audio": {
        "targets": "label",
        "sample_rate": 8000,
        "mels": 8,
        "window": 0.025,
        "shift": 0.01,
        "cmn": True,
        "max_seconds": 2.0,
        "mean": [0.0] * 8,
        "std": [1.0] * 8,
    },
    "video": {**STILLS, "max_frames": 9, "every_nth": 1},
    "image": {**STILLS, "regions": [2, 2]},
    "signal": {"channels": ["x", "y"], "mean": [1.0, 2.0], "std": [2.0, 4.0], "max_length": 20},
    "series": {
        "time": "day",
        "target": "sold",
        "covariates": ["price"],
        "series": "shop",
        "static": [{"column": "town", "values": ["A", "B"], "mean": 0.0, "std": 1.0}],
        "lookback": 6,
        "max_gap": 2,
        "calendar": False,
        "step": 86400.0,
        "standards": {
            "a": {"means": [100.0, 2.0], "stds": [10.0, 1.0]},
            "b": {"means": [-1.0, 2.0], "stds": [0.5, 1.0]},
        },
    },
}
SHAPES = {
    "text": (),
    "audio": (8,),
    "video": (1, 8, 8),
    "image": (1, 8, 8),
    "signal": (2,),
    "series": (4,),
}
DAYS = [f"2026-01-0{day}" for day in range(1, 7)]


def _spec(modality: str) -> DataSpec:
    stills = modality in ("video", "image")
    return DataSpec(
        modality=modality,
        dtype="uint8" if stills else "int32" if modality == "text" else "float32",
        feature_shape=SHAPES[modality],
        max_length=6,
        step="day",
        step_size=1.0,
        vocabulary=("<pad>", "<unk>", "good", "bad") if modality == "text" else (),
        classes=() if modality == "series" else ("no", "yes"),
        pixel_stats={"mean": [100.0], "std": [50.0]} if stills else {},
        horizon=2 if modality == "series" else 0,
        options=OPTIONS[modality],
    )


def model_folder(folder: Path, modality: str, seed: int = 0) -> Path:
    spec, kind = _spec(modality), "forecasting" if modality == "series" else "classification"
    variant, task = "lstm_attention", task_for(kind)
    hyperparameters = HYPERPARAMETERS | {
        name: choice[0] if isinstance(choice, list) else choice
        for name, choice in added_space(variant, modality).items()
        if name not in HYPERPARAMETERS
    }
    if modality == "series":
        hyperparameters["patch"] = 1
    torch.manual_seed(seed)
    model = task.model(variant, spec, hyperparameters)
    about = {"task": kind, "variant": variant, "hyperparameters": hyperparameters}
    save_model(folder, model.state_dict(), spec, about)
    return folder


def _wav(seconds: float = 0.2) -> bytes:
    packed, times = io.BytesIO(), np.arange(int(8000 * seconds)) / 8000
    with wave.open(packed, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes((8000 * np.sin(2 * np.pi * 440 * times)).astype("<i2").tobytes())
    return packed.getvalue()


def _png(level: int = 200) -> bytes:
    packed = io.BytesIO()
    Image.fromarray(np.full((9, 12), level, np.uint8)).save(packed, "PNG")
    return packed.getvalue()


def _mp4(frames: int = 4) -> bytes:
    packed = io.BytesIO()
    with av.open(packed, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
        for level in range(frames):
            pixels = np.full((16, 16, 3), 40 * level, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode())
    return packed.getvalue()


def _packed(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _shop(name: str, **changed: Any) -> dict[str, Any]:
    level = 100.0 if name == "a" else -1.0
    sold = [level + day for day in range(6)]
    return {"day": DAYS, "sold": sold, "price": [2.0] * 6, "shop": name, "town": "A", **changed}


ASKED: dict[str, tuple[Any, Any]] = {  # two inputs of a request, of different lengths
    "text": ("good", "good bad good"),
    "audio": (_packed(_wav()), "data:audio/wav;base64," + _packed(_wav(0.3))),
    "video": (_packed(_mp4()), _packed(_mp4(6))),
    "image": (_packed(_png()), _packed(_png(20))),
    "signal": ({"x": [1.0, 2.0], "y": [3, 4]}, {"x": [1.0] * 5, "y": [2.0] * 5}),
    "series": (_shop("a"), _shop("b")),
}
BAD: dict[str, list[tuple[Any, str]]] = {
    "text": [("", "input 1: the input: an empty sentence; expected some words")],
    "audio": [
        ("not base64", "input 1: expected a file of audio in base64: "),
        (_packed(b"RIFF"), "input 1.wav: "),
        (_packed(_wav(3.0)), "input 1.wav: 3.0 s, more than max_seconds (2.0)"),
        (_packed(_wav()[:-100]), "input 1.wav: cut short"),
    ],
    "video": [(_packed(_png()), "input 1.mp4: not a readable clip: a picture")],
    "image": [(_packed(_png()[:40]), "input 1.png: "), ("", "input 1.png: empty file")],
    "signal": [
        ({"x": [1.0, None], "y": [1.0, 2.0]}, "input 1.csv"),
        ({"x": [], "y": []}, "input 1.csv"),
        ({"x": [1.0]}, "input 1: 'y': expected a list, a value a step"),
        ({"x": [1.0], "y": ["high"]}, "input 1.csv"),
    ],
    "series": [
        (_shop("a", day=DAYS[:5], sold=[1.0] * 5, price=[2.0] * 5), "input 1.csv"),
        ({"day": DAYS, "sold": [1.0] * 6, "price": [2.0] * 6}, "input 1: 'shop': expected a value"),
        (_shop("a", day=["soon", *DAYS[1:]]), "input 1.csv"),
    ],
}


def _logged(ledger: Ledger, uri: str, folder: Path, tags: dict[str, str] | None = None) -> str:
    """Log a model folder to a final and return the model's uri."""
    with ledger.running("final", "lstm repetition 1", tags=tags or {}) as run:
        ledger.metrics(run, 3, {"test_accuracy": 0.75, "test_f1": 0.5})
        ledger.model(run, folder)
    sync(ledger.path.parents[1], [ledger.experiment], uri)
    mlflow.set_tracking_uri(uri)
    assert mlflow.active_run() is None
    (model,) = _models(uri)
    (output,) = MlflowClient(uri).get_run(model.source_run_id).outputs.model_outputs
    assert output.model_id == model.model_id
    return f"models:/{model.model_id}"


def _models(uri: str) -> list[Any]:
    client = MlflowClient(uri)
    found = client.get_experiment_by_name("toy")
    assert found is not None
    return list(client.search_logged_models([found.experiment_id]))


@pytest.fixture(autouse=True)
def _no_pickle(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    yield
    mlflow.set_tracking_uri(None)  # which would be another test's too


@pytest.mark.parametrize("modality", sorted(ASKED))
def test_a_served_model_answers_what_people_have(
    modality: str, ledger: Ledger, database: Database, tmp_path: Path
) -> None:
    """Over HTTP: alone and in a batch, with attention if asked for; bad input is one line, 400."""
    folder = model_folder(tmp_path / "models" / "lstm", modality)
    server = TestClient(
        scoring_server.init(mlflow.pyfunc.load_model(_logged(ledger, database("a.db"), folder)))
    )

    def post(**request: Any) -> Any:
        return server.post("/invocations", json=request)

    first, second = ASKED[modality]
    both = post(inputs=[first, second])
    assert both.status_code == 200, both.text
    answers = both.json()["predictions"]
    assert len(answers) == 2
    assert answers[0] != answers[1]
    (alone,) = post(inputs=[second]).json()["predictions"]
    said = "forecast" if modality == "series" else "probabilities"
    assert alone[said] == pytest.approx(answers[1][said], rel=1e-4)
    assert "attention" not in alone
    (looked,) = post(inputs=[first], params={"attention": True}).json()["predictions"]
    assert np.allclose(np.sum(looked["attention"], axis=-1), 1.0, atol=1e-4)
    for bad, told in BAD[modality]:
        refused = post(inputs=[bad])
        message = refused.json()["message"]
        assert (refused.status_code, message[: len(told)]) == (400, told)
        assert "\n" not in message
        assert tempfile.gettempdir() not in message


def test_what_is_served_is_what_predict_reads(
    ledger: Ledger, database: Database, tmp_path: Path
) -> None:
    from seqarena.data.modalities import modality

    folder = model_folder(tmp_path / "models" / "lstm", "audio")
    loaded = mlflow.pyfunc.load_model(_logged(ledger, database("a.db"), folder))
    path = tmp_path / "seven.wav"
    path.write_bytes(_wav())
    predictor = Predictor(folder)
    (read,) = modality("audio").read(str(path), predictor.spec)
    (want,), (answer,) = predictor.predict([read.steps]), loaded.predict([_packed(_wav())])
    assert answer["probabilities"] == pytest.approx(want["probabilities"], abs=1e-6)


def test_a_sentence_is_never_taken_for_a_file(
    ledger: Ledger, database: Database, tmp_path: Path
) -> None:
    folder = model_folder(tmp_path / "models" / "lstm", "text")
    loaded = mlflow.pyfunc.load_model(_logged(ledger, database("a.db"), folder))
    (tmp_path / "good.txt").write_text("bad\nbad\n")
    good, named = loaded.predict(["good", "good.txt"])
    (want,) = Predictor(folder).predict([np.array([2], np.int32)])
    assert good["probabilities"] == pytest.approx(want["probabilities"], abs=1e-6)
    assert named["input"] == "good.txt"


def test_it_loads_in_a_process_without_the_project(
    ledger: Ledger, database: Database, tmp_path: Path
) -> None:
    uri = database("a.db")
    model = _logged(ledger, uri, model_folder(tmp_path / "models" / "lstm", "audio"))
    shown = subprocess.run(
        [sys.executable, "-c", LOAD, model, json.dumps([_packed(_wav())])],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"MLFLOW_TRACKING_URI": uri, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"},
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.count('"label"') == 1
    assert "/code/seqarena.zip/seqarena/" in shown.stdout, "the model carries its own code"
    files = [path for path in (tmp_path / "mlartifacts").rglob("*") if path.is_file()]
    assert not [path for path in files if path.suffix == ".pkl"]
    assert len(files) < 20, "few files are uploaded fast"


def test_what_a_person_wrote_is_packed_with_the_package(tmp_path: Path) -> None:
    """Also of a folder without ``__init__.py``, and the same bytes for the same code."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "mine.py").write_text("WIDTH = 3\n")
    code = tmp_path / "code.zip"
    code.write_bytes(packed_code(tmp_path))
    packed_code.cache_clear()
    assert packed_code(tmp_path) == code.read_bytes()
    asked = "import own.mine, seqarena.predict; print(own.mine.WIDTH, seqarena.predict.__file__)"
    shown = subprocess.run(
        [sys.executable, "-c", asked],
        capture_output=True,
        text=True,
        cwd="/",
        env={"PYTHONPATH": str(code)},
        check=True,
    )
    assert shown.stdout.split() == ["3", f"{code}/seqarena/predict.py"]


def test_the_best_final_is_copied_and_others_are_referred_to(
    ledger: Ledger, database: Database, tmp_path: Path
) -> None:
    uri = database("a.db")
    data = {"data.name": "toy", "data.digest": "d" * 64}
    folder = model_folder(tmp_path / "models" / "lstm" / "1", "text")
    _logged(ledger, uri, folder, {**data, "best": "false"})
    (model,) = _models(uri)
    assert model.tags["seqarena.whole"] == "false"
    assert not list((tmp_path / "mlartifacts").rglob("*.safetensors"))
    assert {(m.key, m.value, m.dataset_name, m.dataset_digest) for m in model.metrics} == {
        ("test_accuracy", 0.75, "toy", "d" * 36),
        ("test_f1", 0.5, "toy", "d" * 36),
    }
    (run,) = ledger.runs()
    ledger.tag(run, {"best": "true"})  # of more repetitions
    ledger.model(run, folder)
    sync(ledger.path.parents[1], ["toy"], uri)
    (model,) = _models(uri)
    assert model.tags["seqarena.whole"] == "true"
    assert len(list((tmp_path / "mlartifacts").rglob("*.safetensors"))) == 1


@pytest.mark.parametrize(
    ("modality", "options", "needed"),
    [
        ("audio", {}, {"soxr"}),
        ("text", {"units": "words"}, {"regex"}),
        ("text", {"units": "subwords", "merges": ["  l"]}, {"regex", "tokenizers"}),
    ],
)
def test_what_reads_the_input_is_installed_where_it_is_served(
    modality: str, options: dict[str, object], needed: set[str]
) -> None:
    spec = DataSpec(
        modality=modality, feature_shape=(), max_length=1, step="", step_size=1.0, options=options
    )
    assert set(needs_of(spec)) & {"regex", "tokenizers", "soxr"} == needed


def test_a_second_sync_logs_no_second_model(
    ledger: Ledger, database: Database, tmp_path: Path
) -> None:
    uri = database("a.db")
    _logged(ledger, uri, model_folder(tmp_path / "models" / "lstm", "audio"))
    client = MlflowClient(uri)
    found = client.get_experiment_by_name("toy")
    assert found is not None
    (shown,) = client.search_runs([found.experiment_id])
    client.set_tag(shown.info.run_id, "seqarena.offset", "0")  # a crash before the offset
    Projection(ledger, uri).update()
    assert len(client.search_logged_models([found.experiment_id])) == 1
