"""A project in a temporary folder, its ledger, and a real MLflow database to project into."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from PIL import Image
from safetensors.torch import save_file
from torch import zeros

from seqarena.data.store import DataSpec, write_spec
from seqarena.tracking.events import Kind
from seqarena.tracking.ledger import Ledger
from seqarena.tracking.mlflow.projection import SETTINGS

os.environ.update(SETTINGS)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's tables, made once: that takes seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "empty.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def database(tmp_path: Path, empty_database: Path) -> Callable[[str], str]:
    """Give the uri of a new, empty database by name."""

    def make(name: str) -> str:
        shutil.copy(empty_database, tmp_path / name)
        return f"sqlite:///{tmp_path / name}"

    return make


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """The ledger of the experiment `toy`, in a project of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return Ledger(tmp_path / "results" / "toy" / "ledger.jsonl", "toy")


def write_search(ledger: Ledger, *, trials: int = 2, epochs: int = 3) -> str:
    """Write a search with a trial of every ending, and a final with a plot."""
    data = {"data.name": "toy", "data.digest": "d" * 64, "data.path": "data/toy"}
    search = ledger.start("search", "gru", params={"variant": "gru", "seed": 0}, tags=data)
    endings = ["FINISHED", "FAILED", "KILLED"]
    for number in range(trials):
        trial = ledger.start("trial", f"gru/{number}", parent=search, params={"width": 8 + number})
        for epoch in range(epochs):
            ledger.metrics(trial, epoch, {"loss": 1 / (epoch + 1), "accuracy": epoch / 10})
        ledger.end(trial, endings[number % 3], "out of memory" if number % 3 == 1 else "")  # type: ignore[arg-type]
    ledger.end(search, "FINISHED")
    final = ledger.start("final", "gru/seed-1", params={"variant": "gru", "seed": 1}, tags=data)
    plot = ledger.path.parent / "confusion.svg"
    plot.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    ledger.artifact(final, plot, "plots")
    ledger.end(final, "FINISHED")
    return search


def write_final(ledger: Ledger, variant: str = "gru", current: str = "true") -> str:
    """Write a final with pictures and a model, as the stages do."""
    folder = ledger.path.parents[2] / "models" / "toy" / variant / "1"
    folder.mkdir(parents=True, exist_ok=True)
    save_file({"weights": zeros(1000)}, folder / "model.safetensors")
    spec = DataSpec(
        modality="signal",
        max_length=7,
        step="step",
        step_size=1.0,
        feature_shape=(2,),
        options={"channels": ["x", "y"]},
    )
    write_spec(folder / "spec.json", spec)
    tags = {"data.name": "toy", "data.digest": "d" * 64, "current": current}
    final = ledger.start("final", f"{variant} repetition 1", params={"width": 8}, tags=tags)
    for epoch in range(3):
        ledger.metrics(final, epoch, {"loss": 1 / (epoch + 1)})
    ledger.model(final, folder)
    pictures = ledger.path.parent / "finals" / variant
    pictures.mkdir(parents=True)
    (pictures / "attention.svg").write_text(
        f"<svg xmlns='http://www.w3.org/2000/svg' id='{variant}'/>"
    )
    ledger.artifact(final, pictures)
    ledger.metrics(final, 2, {"test_accuracy": 0.75})
    ledger.end(final, "FINISHED")
    return final


def write_verdict(ledger: Ledger, contest: Callable[..., Any], *, repetitions: int = 2) -> str:
    """Write two variants to their verdict, as `evaluate` does: trials, finals, pictures."""
    summary, _ = contest({"gru": 0.9, "lstm": 0.8}, {"majority": 0.5})
    results = ledger.path.parent
    for variant, found in summary.variants.items():
        for number in range(1, repetitions + 1):
            params = {"variant": variant, "repetition": number, "learning_rate": 0.01 / number}
            _write_trained(ledger, "trial", params, {"objective": 0.7 / number, "seconds": number})
            known = {"test_accuracy": found.mean, "train_seconds": 3.0, "parameters": 1234}
            known |= {"ci95_low": found.ci95[0], "ci95_high": found.ci95[1], "milliseconds": 1.5}
            final = _write_trained(ledger, "final", params, known)
            for name in ("attention-1", "attention-2", "confusion") if number == 1 else ():
                path = results / "finals" / f"{variant}-{number}" / f"{name}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (90, 60), "teal").save(path)
                ledger.artifact(final, path)
    with ledger.running("verdict", "verdict", tags={"current": "true"}) as run:
        summary.write(results / "summary.json")
        ledger.artifact(run, results / "summary.json")
        ledger.tag(run, {"description": summary.sentences})
    return run


def _write_trained(
    ledger: Ledger, kind: Kind, params: dict[str, Any], known: dict[str, float]
) -> str:
    name = f"{params['variant']} repetition {params['repetition']} {kind}"
    with ledger.running(kind, name, params=params, tags={"current": "true"}) as run:
        for epoch in (1, 2, 3):
            values = {"valid_accuracy": 0.2 * epoch, "valid_loss": 1 / epoch}
            ledger.metrics(run, epoch, {**values, "train_loss": 0.9 / epoch})
        ledger.metrics(run, 3, known)
    return run


def picture(uri: str, experiment: str = "toy") -> dict[str, Any]:
    """Describe all that MLflow holds of an experiment, without the ids that MLflow gave."""
    client = MlflowClient(uri)
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    runs = client.search_runs([found.experiment_id], max_results=1000)
    ours = {run.info.run_id: run.data.tags["seqarena.run"] for run in runs}
    assert len(set(ours.values())) == len(runs), "a run is there twice"
    return {ours[run.info.run_id]: _described(client, run, ours) for run in runs}


def _described(client: MlflowClient, run: Any, ours: dict[str, str]) -> dict[str, Any]:
    tags = dict(run.data.tags)
    return {
        "name": run.info.run_name,
        "status": run.info.status,
        "start": run.info.start_time,
        "end": run.info.end_time,
        "parent": ours.get(tags.pop("mlflow.parentRunId", "")),
        "params": run.data.params,
        "tags": tags,
        "data": [(d.dataset.name, d.dataset.digest) for d in run.inputs.dataset_inputs],
        "metrics": {
            key: [(m.step, m.timestamp, m.value) for m in _history(client, run, key)]
            for key in run.data.metrics
        },
    }


def _history(client: MlflowClient, run: Any, key: str) -> list[Any]:
    history = client.get_metric_history(run.info.run_id, key)
    return sorted(history, key=lambda metric: (metric.step, metric.timestamp))


def files(uri: str, name: str) -> list[str]:
    """List the artifacts in the folders of a run by its name."""
    client = MlflowClient(uri)
    found = client.get_experiment_by_name("toy")
    assert found is not None
    (run,) = client.search_runs([found.experiment_id], f"run_name = '{name}'")
    folders = client.list_artifacts(run.info.run_id)
    return sorted(
        file.path
        for folder in folders
        for file in client.list_artifacts(run.info.run_id, folder.path)
    )
