"""A real MLflow server on loopback: down, up, down again, and nothing is lost."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mlflow import MlflowClient

from seqarena.errors import InputError
from seqarena.tracking.ledger import Ledger
from seqarena.tracking.mlflow.projection import Projection, sync

from .conftest import picture, write_search


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _server(port: int, database: str, artifacts: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1", "--backend-store-uri", database]
    command += ["--artifacts-destination", str(artifacts)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},  # 8 processes fewer
    )
    uri = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{uri}/health", process)
        yield uri
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                assert answer.status == 200
                return
        except (urllib.error.URLError, ConnectionError):
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.1)


def test_a_server_that_comes_and_goes_loses_nothing(
    ledger: Ledger,
    database: Callable[[str], str],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port, store = _free_port(), database("server.db")
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

    with _server(port, store, tmp_path / "artifacts"):
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
