"""A run against the services of infra/compose.yaml: MLflow shows it, and S3 hands it on by DVC."""

from __future__ import annotations

import os
import shlex
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path

import boto3
import mlflow
import pytest
from mlflow import MlflowClient

from projects import Project
from seqarena.tracking.ledger import Ledger, content_digest
from seqarena.tracking.mlflow.projection import sync
from tracking.conftest import picture

from .conftest import BUCKET, PASSWORD, SECRETS, STORE, Services, commands, write_params

pytestmark = [pytest.mark.whole, pytest.mark.timeout(900)]
WRONG = "planted-uri-d41d"  # a password


def ledger_of(project: Project, name: str) -> Ledger:
    return Ledger(project.root / "results" / name / "ledger.jsonl", name)


def test_the_server_shows_what_the_ledger_holds(
    project: Project, services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "warning" not in project.first
    assert not (project.root / "mlflow.db").exists()
    assert not (project.root / "mlartifacts").exists()
    ledger = ledger_of(project, "reviews")
    shown, records = picture(services.mlflow, "reviews"), ledger.runs()
    assert shown.keys() == records.keys() and len(records) > 4
    rebuilt = f"sqlite:///{tmp_path / 'rebuilt.db'}"
    monkeypatch.chdir(project.root)
    sync(project.root / "results", ["reviews"], rebuilt)
    assert shown == picture(rebuilt, "reviews")


def test_files_and_models_come_back_by_the_proxy(
    project: Project, services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    client = MlflowClient(services.mlflow)
    (found,) = client.search_experiments(filter_string="name = 'reviews'")
    ids = {
        run.data.tags["seqarena.run"]: run.info.run_id
        for run in client.search_runs([found.experiment_id])
    }
    events = [event.data for event in ledger_of(project, "reviews").events()]
    artifacts = [data for data in events if data["event"] == "artifact"]
    assert artifacts
    for data in artifacts[:5]:
        place = "/".join(filter(None, [data["folder"], Path(data["path"]).name]))
        path = client.download_artifacts(ids[data["run"]], place, str(tmp_path))
        assert content_digest(Path(path)) == data["sha256"]

    logged = [data for data in events if data["event"] == "model"]
    models = client.search_logged_models([found.experiment_id])
    assert {model.source_run_id for model in models} == {ids[data["run"]] for data in logged}
    assert {model.status for model in models} == {"READY"}
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    (whole,) = (model for model in models if model.tags["seqarena.whole"] == "true")
    answers = mlflow.pyfunc.load_model(whole.model_uri).predict(["a good film"])
    assert answers[0]["label"] in ("yes", "no")

    keys = {name.lower(): value for name, value in STORE.items()}
    store = boto3.client("s3", endpoint_url=services.s3, region_name="us-east-1", **keys)
    assert store.list_objects_v2(Bucket=BUCKET, Prefix="mlflow/")["KeyCount"] >= len(models)


def status(url: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=20
        ) as got:
            return got.status
    except urllib.error.HTTPError as error:
        return error.code


def test_the_server_answers_to_its_names_and_with_a_password(services: Services) -> None:
    asked = f"{services.mlflow}/api/2.0/mlflow/experiments/search?max_results=9"
    port = services.mlflow.rpartition(":")[2]
    known = {"Authorization": f"Basic {b64encode(f'admin:{PASSWORD}'.encode()).decode()}"}
    assert status(asked) == status(services.mlflow) == 401
    assert status(asked, **known) == status(asked, Host=f"mlflow:{port}", **known) == 200
    assert status(asked, Host="elsewhere.example", **known) == 403


def test_a_second_clone_has_the_results_without_a_run(
    project: Project, services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the commands of docs/infra/dvc-remote.md, as they stand there."""
    for name, value in {**STORE, "AWS_ENDPOINT_URL_S3": services.s3}.items():
        monkeypatch.setenv(name, value)
    installing, *pushing = commands("dvc-remote.md", "Push")
    assert "pip install" in installing and "AWS_ENDPOINT_URL_S3" in installing
    follow(project, "".join(pushing))
    assert PASSWORD not in (project.root / ".dvc" / "config").read_text()

    second = Project(tmp_path / "second")
    project("git", "clone", "--quiet", str(project.root), str(second.root))
    assert not (second.root / "models").exists()
    (pulling,) = commands("dvc-remote.md", "Pull")
    printed = follow(second, pulling)
    assert second.stages(printed) == [] and "up to date" in printed
    for path in ("models/reviews", "results/reviews/summary.json", "report"):
        assert content_digest(second.root / path) == content_digest(project.root / path)
    assert "a good film" in second("seqarena", "predict", "reviews", "--input", "a good film")


def follow(project: Project, lines: str) -> str:
    """Do what a block of commands says and return what it printed."""
    return "".join(project(*shlex.split(line)) for line in lines.splitlines())


def test_a_wrong_password_costs_one_line_and_no_training(
    project: Project, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_params(project.root, "reviews", "other")
    for name in ("USERNAME", "PASSWORD"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}")
    host = services.mlflow.removeprefix("http://")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://admin:{WRONG}@{host}")
    printed = project("dvc", "repro", "search@other")
    assert "Running stage 'search@other'" in printed
    told = [line for line in printed.splitlines() if "warning" in line]
    (line,) = [line for line in told if "sha256" not in line]  # of own files, see `fetch`
    assert "cannot be written" in line and host in line and "seqarena sync" in line
    assert WRONG not in printed and "Traceback" not in printed
    assert {run.status for run in ledger_of(project, "other").runs().values()} == {"FINISHED"}
    refused = project("seqarena", "sync", "other", fails=True)
    assert "authenticated" in refused and "Traceback" not in refused and WRONG not in refused
    assert len(refused.strip().splitlines()) == 1

    monkeypatch.undo()
    assert "other: " in project("seqarena", "sync", "other")
    assert picture(services.mlflow, "other").keys() == ledger_of(project, "other").runs().keys()


def test_secrets_of_the_environment_are_written_nowhere(
    project: Project, services: Services, rays: Path
) -> None:
    """Last: all that the others did is looked through too."""
    secrets = [*SECRETS.values(), WRONG]
    assert [secret for secret in secrets if secret in project.first] == []
    paths = [
        Path(at) / name
        for top in (project.root, rays)
        for at, _, names in os.walk(top)
        for name in names
    ]
    files = {str(path): path.read_bytes() for path in paths if path.is_file()}
    keys = {name.lower(): value for name, value in STORE.items()}
    store = boto3.client("s3", endpoint_url=services.s3, region_name="us-east-1", **keys)
    pages = store.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    for key in (found["Key"] for page in pages for found in page["Contents"]):
        files[key] = store.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    for kind in ("ledger.jsonl", "MLmodel", "run.log", "index.html", "raylet.out"):
        assert any(name.endswith(f"/{kind}") for name in files), f"no {kind}: nothing is seen"
    leaks = [n for n, held in sorted(files.items()) if any(s.encode() in held for s in secrets)]
    assert leaks == []
    shown = str([picture(services.mlflow, name) for name in ("reviews", "other")])
    assert "accuracy" in shown and [secret for secret in secrets if secret in shown] == []
