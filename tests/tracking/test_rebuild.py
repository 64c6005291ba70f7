"""A store that is lost, database and artifacts, comes back from the ledgers as it was."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from seqarena.tracking.ledger import Ledger
from seqarena.tracking.mlflow.projection import Projection, sync
from servers import free_port, mlflow_server, postgres
from stores import differences, everything

from .conftest import write_final, write_search

Database = Callable[[str], str]


def test_a_store_that_is_deleted_comes_back_as_it_was(
    ledger: Ledger, database: Database, tmp_path: Path
) -> None:
    uri = database("mlflow.db")
    projection = Projection(ledger, uri)
    for variant in ("gru", "lstm"):  # written live, in pieces
        write_search(ledger)
        projection.update()
        write_final(ledger, variant)
        projection.update()
    before = everything(uri)
    (toy,) = before["experiments"].values()
    assert len(toy["runs"]) == len(ledger.runs()) and len(toy["models"]) == 2
    assert all(len(model["files"]) > 5 for model in toy["models"].values())
    assert sum(bool(run["artifacts"]) for run in toy["runs"].values()) == 4
    (tmp_path / "mlflow.db").unlink()
    shutil.rmtree(tmp_path / "mlartifacts")
    again = database("again.db")  # MLflow would go on with what it has open of the other
    sync(tmp_path / "results", ["toy"], again)
    assert differences(everything(again), before) == []


@pytest.mark.whole
def test_a_server_on_postgresql_has_the_same(
    ledger: Ledger, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_search(ledger)
    write_final(ledger)
    uri = database("mlflow.db")
    sync(tmp_path / "results", ["toy"], uri)
    places = (
        "--backend-store-uri=postgresql+psycopg:///",
        f"--artifacts-destination={tmp_path / 'artifacts'}",
    )
    with (
        postgres() as access,
        mlflow_server(free_port(), tmp_path / "server.log", *places, **access) as server,
    ):
        sync(tmp_path / "results", ["toy"], server)
        assert differences(everything(server), everything(uri)) == []
