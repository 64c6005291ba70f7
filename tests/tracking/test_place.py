"""A report links to MLflow by a file that the projection leaves beside the results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from seqarena.records import MlflowPlace
from seqarena.tracking.ledger import Ledger
from seqarena.tracking.mlflow.place import address_of, write_place
from seqarena.tracking.mlflow.projection import Projection

from .conftest import write_search


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("sqlite:////project/mlflow.db", "http://127.0.0.1:5000"),
        ("postgresql://ann:secret@db/mlflow", "http://127.0.0.1:5000"),
        ("http://127.0.0.1:5050", "http://127.0.0.1:5050"),
        ("https://ann:secret@tracking.example:8443/ml/", "https://tracking.example:8443/ml"),
        ("https://tracking.example/?token=secret", "https://tracking.example"),
    ],
)
def test_the_address_is_of_the_server_and_keeps_no_secret(uri: str, address: str) -> None:
    assert address_of(uri) == address


def test_the_projection_writes_where_it_wrote(
    ledger: Ledger, database: Callable[[str], str]
) -> None:
    write_search(ledger)
    Projection(ledger, database("a.db")).update()
    place = MlflowPlace.read(ledger.path.parent / "mlflow.json")
    assert place == MlflowPlace(address="http://127.0.0.1:5000", experiment="1")


def test_it_is_written_only_where_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.json"
    write_place(tmp_path, "sqlite:///mlflow.db", "1")
    first = path.stat().st_ino
    write_place(tmp_path, "sqlite:///mlflow.db", "1")
    assert path.stat().st_ino == first
    write_place(tmp_path, "http://host:5000", "1")
    assert MlflowPlace.read(path).address == "http://host:5000"
    path.write_text("{")
    write_place(tmp_path, "http://host:5000", "7")
    assert MlflowPlace.read(path).experiment == "7"


def test_links_open_in_the_mode_for_trained_models() -> None:
    place = MlflowPlace(address="http://host", experiment="3")
    for url in (place.view("verdict"), place.run("ab12")):
        page, _, query = urlsplit(url).fragment.partition("?")
        assert page == "/experiments/3/runs"
        assert parse_qs(query)["workflowType"] == ["machine_learning"]
    assert "viewStateShareKey=seqarena-verdict&compareRunsMode=CHART" in place.view("verdict")
    assert "tags.seqarena.run%20%3D%20%27ab12%27" in place.run("ab12")
