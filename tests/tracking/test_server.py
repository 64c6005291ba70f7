"""A real MLflow server on loopback: down, up, down again, and nothing is lost."""

import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from seqarena.errors import InputError
from seqarena.tracking.ledger import Ledger
from seqarena.tracking.mlflow import projection as projection_module
from seqarena.tracking.mlflow.projection import SETTINGS, Projection, sync
from servers import free_port, mlflow_server

from .conftest import picture, write_search


def test_a_server_that_comes_and_goes_loses_nothing(
    ledger: Ledger,
    database: Callable[[str], str],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port, store = free_port(), database("server.db")
    uri = f"http://127.0.0.1:{port}"
    write_search(ledger)
    start = time.perf_counter()
    projection = Projection(ledger, uri)
    for _ in range(1000):
        projection.maybe_update(every=0.0)
    assert time.perf_counter() - start < 1.0, "work waits for a server that is down"
    start = time.perf_counter()
    assert projection.update() == 0
    assert time.perf_counter() - start < 20.0  # two tries, of 3 s each when the machine is free
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")  # it has been waited for enough
    with pytest.raises(InputError, match=f"MLflow at {uri} cannot be written.*refused"):
        sync(ledger.path.parents[1], ["toy"], uri)
    assert capfd.readouterr().err.count("warning:") == 1, "one line, however often it is tried"

    places = (f"--backend-store-uri={store}", f"--artifacts-destination={tmp_path / 'artifacts'}")
    with mlflow_server(port, tmp_path / "server.log", *places):
        assert projection.update() == sum(1 for _ in ledger.events())
        run = ledger.start("trial", "late")
        ledger.metrics(run, 1, {"loss": 1.0})
        assert projection.update() == 2
        _artifacts_are_served(uri)
    ledger.metrics(run, 2, {"loss": 0.5})
    ledger.end(run, "FINISHED")
    assert projection.update() == 0
    assert capfd.readouterr().err.count("warning:") == 1, "it says so again when it is lost again"
    results = ledger.path.parents[1]
    assert sync(results, ["toy"], store) == {"toy": 2}, "the server's own database lacks but two"
    rebuilt = database("rebuilt.db")
    sync(results, ["toy"], rebuilt)
    assert picture(store) == picture(rebuilt)


def _artifacts_are_served(uri: str) -> None:
    client = MlflowClient(uri)
    found = client.get_experiment_by_name("toy")
    assert found is not None
    runs = client.search_runs([found.experiment_id], "tags.`seqarena.kind` = 'final'")
    path = client.download_artifacts(runs[0].info.run_id, "plots/confusion.svg")
    assert "<svg" in Path(path).read_text()


def test_a_server_that_takes_connections_and_never_answers_holds_nothing_up(
    ledger: Ledger, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its requests would end after half a minute each; a stage that ends waits for two of them."""
    write_search(ledger)
    monkeypatch.setattr(projection_module, "PATIENCE", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        projection = Projection(ledger, uri)
        start = time.perf_counter()
        for _ in range(2):
            projection.maybe_update(every=0.0)
            assert projection.update() == 0
        assert time.perf_counter() - start < float(SETTINGS["MLFLOW_HTTP_REQUEST_TIMEOUT"])
    shown = capfd.readouterr().err
    assert shown.count("warning:") == 1
    assert f"MLflow at {uri} cannot be written: no answer in 0.5 s; nothing is lost" in shown
