"""What is freed of MLflow is what nothing refers to; the rest stays, page by page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from mlflow import MlflowClient
from mlflow.entities import LoggedModel
from mlflow.exceptions import MlflowException

from seqarena.tracking.garbage import Garbage
from seqarena.tracking.ledger import Ledger
from seqarena.tracking.mlflow.housekeeping import FREED, Store
from seqarena.tracking.mlflow.projection import Kept, sync
from servers import free_port, mlflow_server, postgres
from stores import everything

from .conftest import write_final, write_search

Database = Callable[[str], str]
BOTH: tuple[Kept, ...] = ("champion", "finals")


def models_of(client: MlflowClient) -> dict[str, LoggedModel]:
    """Every logged model by the variant of its final."""
    found = client.get_experiment_by_name("toy")
    assert found is not None
    names = {
        run.info.run_id: run.info.run_name.split()[0]
        for run in client.search_runs([found.experiment_id])
    }
    models = client.search_logged_models([found.experiment_id])
    return {names[str(model.source_run_id)]: model for model in models}


def with_files(client: MlflowClient) -> set[str]:
    """The variants whose models still have files."""
    return {
        name
        for name, model in models_of(client).items()
        if client.list_logged_model_artifacts(model.model_id)
    }


def by_kind(garbage: list[Garbage]) -> dict[str, tuple[int, bool]]:
    """How many of each kind there are, and whether they take any room."""
    return {each.kind: (each.number, each.size() > 0) for each in garbage if each.number}


def register(client: MlflowClient, name: str, *variants: str) -> None:
    """Register the models of variants as versions, in this order."""
    client.create_registered_model(name)
    for variant in variants:
        model = models_of(client)[variant]
        source = f"models:/{model.model_id}"
        client.create_model_version(name, source, model.source_run_id, model_id=model.model_id)


@pytest.mark.parametrize(
    ("keep", "stay"),
    [
        (BOTH, {"gru", "own", "champion"}),
        (("champion",), {"own", "champion"}),
        (("finals",), {"gru", "own"}),
        ((), {"own"}),
    ],
)
def test_models_that_are_kept_stay_and_the_others_leave_their_page(
    keep: tuple[Kept, ...],
    stay: set[str],
    ledger: Ledger,
    database: Database,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    uri = database("mlflow.db")
    write_final(ledger, "gru")
    for variant in ("former", "own", "earlier", "champion"):
        write_final(ledger, variant, current="false")
    sync(tmp_path / "results", ["toy"], uri)
    client = MlflowClient(uri)
    register(client, "somebody's", "own")
    register(client, "toy", "earlier", "champion")
    client.set_registered_model_alias("toy", "champion", "2")
    before = everything(uri)

    garbage = Store(uri, tmp_path).garbage(["toy"], keep)
    gone = {"gru", "former", "own", "earlier", "champion"} - stay
    assert by_kind(garbage) == {"models of finals in MLflow": (len(gone), True)}
    for each in garbage:
        each.free()
        assert each.size() == 0
    assert with_files(client) == stay
    assert {name for name, model in models_of(client).items() if FREED in model.tags} == gone
    after = everything(uri)
    assert after["registered"] == before["registered"]
    assert after["experiments"]["toy"]["runs"] == before["experiments"]["toy"]["runs"]
    assert by_kind(Store(uri, tmp_path).garbage(["toy"], keep)) == {}
    assert sync(tmp_path / "results", ["toy"], uri) == {"toy": 0}
    assert with_files(client) == stay, "what was freed is not written again"


def test_deleted_runs_and_artifacts_of_none_are_removed_for_good(
    ledger: Ledger, database: Database, tmp_path: Path
) -> None:
    uri = database("mlflow.db")
    write_search(ledger, trials=8, epochs=200)
    kept, deleted = write_final(ledger, "gru"), write_final(ledger, "lstm")
    sync(tmp_path / "results", ["toy"], uri)
    client = MlflowClient(uri)
    shown = everything(uri)["experiments"]["toy"]["runs"]
    (gone,) = (
        run
        for run in client.search_runs(["1"], max_results=1000)
        if run.data.tags["seqarena.run"] == deleted
    )
    trials = client.search_runs(["1"], "tags.`seqarena.kind` = 'trial'")
    for run in [gone, *trials]:
        client.delete_run(run.info.run_id)
    place = tmp_path / "mlartifacts" / "toy"
    for name in ("0" * 32, f"models/m-{'1' * 32}", "somebody's"):
        (place / name).mkdir(parents=True)
        (place / name / "file").write_bytes(bytes(100))

    size = (tmp_path / "mlflow.db").stat().st_size
    garbage = Store(uri, tmp_path).garbage(["toy"], BOTH)
    assert by_kind(garbage) == {
        "runs deleted in MLflow (of the whole store)": (9, True),
        "models of finals in MLflow": (1, True),
        "artifacts of no run in MLflow": (2, True),
    }
    for each in garbage:
        each.free()
    assert {path.name for path in place.iterdir()} == {
        "models",
        "somebody's",
        *(
            run.info.run_id
            for run in client.search_runs(["1"])
            if run.info.run_name == "gru/seed-1"
        ),
        *(r.info.run_id for r in client.search_runs(["1"]) if r.data.tags["seqarena.run"] == kept),
    }
    assert (tmp_path / "mlflow.db").stat().st_size < size
    left = everything(uri)["experiments"]["toy"]["runs"]
    assert left == {name: run for name, run in shown.items() if name in left}
    assert len(left) == len(shown) - 9
    assert by_kind(Store(uri, tmp_path).garbage(["toy"], BOTH)) == {}


def test_what_lies_outside_of_the_project_stays(
    ledger: Ledger, database: Database, tmp_path: Path
) -> None:
    """A copied project has a database that names the artifacts of the one it was copied from."""
    uri = database("mlflow.db")
    write_final(ledger, current="false")
    sync(tmp_path / "results", ["toy"], uri)
    client = MlflowClient(uri)
    client.delete_run(client.search_runs(["1"])[0].info.run_id)
    store = Store(uri, tmp_path / "copy")
    assert by_kind(store.garbage(["toy"], ())) == {}
    told = "\n".join(store.notes)
    assert "toy: MLflow has its artifacts at " in told and "outside of this project" in told
    assert "deleted runs stay" in told


@pytest.mark.whole
def test_a_server_on_postgresql_frees_artifacts_and_keeps_its_database(
    ledger: Ledger, tmp_path: Path
) -> None:
    write_final(ledger, "gru")
    write_final(ledger, "lstm", current="false")
    write_search(ledger)
    artifacts = tmp_path / "artifacts"
    places = ("--backend-store-uri=postgresql+psycopg:///", f"--artifacts-destination={artifacts}")
    with (
        postgres() as access,
        mlflow_server(free_port(), tmp_path / "server.log", *places, **access) as server,
    ):
        sync(tmp_path / "results", ["toy"], server)
        client = MlflowClient(server)
        trials = client.search_runs(["1"], "tags.`seqarena.kind` = 'trial'")
        client.delete_run(trials[0].info.run_id)
        (artifacts / "1" / ("0" * 32)).mkdir(parents=True)
        (artifacts / "1" / ("0" * 32) / "file").write_bytes(bytes(100))
        store = Store(server, tmp_path)
        garbage = store.garbage(["toy"], BOTH)
        assert by_kind(garbage) == {
            "models of finals in MLflow": (1, True),
            "artifacts of no run in MLflow": (1, True),
        }
        before = sum(each.size() for each in garbage)
        for each in garbage:
            each.free()
        assert before > 4000 and sum(each.size() for each in garbage) == 0
        assert with_files(client) == {"gru"}
        assert not (artifacts / "1" / ("0" * 32)).exists()
        assert store.notes == [
            f"MLflow at {server}: 1 deleted runs stay; its database is the server's, "
            "where `mlflow gc` removes them"
        ]


def test_runs_deleted_in_a_database_of_postgresql_are_removed_for_good(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_search(ledger)
    write_final(ledger, "gru")
    uri = "postgresql+psycopg:///"
    with postgres() as access:
        for name, value in access.items():
            monkeypatch.setenv(name, value)
        sync(tmp_path / "results", ["toy"], uri)
        client = MlflowClient(uri)
        (final,) = client.search_runs(["1"], "attributes.run_name = 'gru repetition 1'")
        client.delete_run(final.info.run_id)
        place = Path(urlsplit(str(final.info.artifact_uri)).path)
        assert list(place.rglob("attention.svg"))
        garbage = {each.kind: each for each in Store(uri, tmp_path).garbage(["toy"], BOTH)}
        removed = garbage["runs deleted in MLflow (of the whole store)"]
        assert (removed.number, removed.freed() > 0) == (1, True)
        assert not place.parent.exists()
        with pytest.raises(MlflowException, match="not found"):
            client.get_run(final.info.run_id)
        assert len(client.search_runs(["1"])) == len(ledger.runs()) - 1


def test_what_a_server_hands_out_is_left_to_it(
    ledger: Ledger, database: Database, tmp_path: Path
) -> None:
    """Who opens its database by itself cannot reach the artifacts."""
    uri = database("mlflow.db")
    client = MlflowClient(uri)
    client.create_experiment("toy", artifact_location="mlflow-artifacts:/1")
    ledger.end(ledger.start("trial", "a"), "FINISHED")
    sync(tmp_path / "results", ["toy"], uri)
    client.delete_run(client.search_runs(["1"])[0].info.run_id)
    store = Store(uri, tmp_path)
    assert by_kind(store.garbage(["toy"], BOTH)) == {}
    assert store.notes[0] == (
        "toy: MLflow has its artifacts at mlflow-artifacts:/1, outside of this project; they stay"
    )
