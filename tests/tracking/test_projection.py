"""MLflow shows what the ledger holds: all of it, once, and truthfully."""

import ast
import json
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from seqarena.errors import InputError
from seqarena.tracking.ledger import Ledger
from seqarena.tracking.mlflow import made
from seqarena.tracking.mlflow.projection import SETTINGS, Projection, default_uri, sync

from .conftest import files, picture, write_search

Database = Callable[[str], str]
SRC = Path(__file__).parents[2] / "src" / "seqarena"


def test_runs_are_shown_as_the_ledger_has_them(ledger: Ledger, database: Database) -> None:
    search = write_search(ledger, trials=3)
    uri = database("a.db")
    events = sum(1 for _ in ledger.events())
    assert Projection(ledger, uri).update() <= events  # the thread may have been quicker
    shown, records = picture(uri), ledger.runs()
    assert shown.keys() == records.keys()
    for run, record in records.items():
        assert shown[run]["name"] == record.name
        assert shown[run]["status"] == record.status
        assert (shown[run]["start"], shown[run]["end"]) == (record.started, record.ended)
        assert shown[run]["parent"] == record.parent
        assert shown[run]["data"] == [("toy", "d" * 36)]
        assert record.tags.items() <= shown[run]["tags"].items()
    trial = next(run for run, record in records.items() if record.kind == "trial")
    assert shown[trial]["params"] == {"variant": "gru", "seed": "0", "width": "8"}
    assert shown[trial]["tags"]["data.digest"] == "d" * 64, "the search's tags reach its trials"
    assert [(s, v) for s, _, v in shown[trial]["metrics"]["loss"]] == [(0, 1), (1, 0.5), (2, 1 / 3)]
    times = [
        e.data["time"] for e in ledger.events() if "values" in e.data and e.data["run"] == trial
    ]
    assert [time for _, time, _ in shown[trial]["metrics"]["loss"]] == times
    failed = next(run for run in shown.values() if run["status"] == "FAILED")
    assert failed["tags"]["mlflow.note.content"] == "out of memory"
    final = next(run for run in shown.values() if run["name"] == "gru/seed-1")
    assert final["parent"] is None
    assert files(uri, "gru/seed-1") == ["plots/confusion.svg"]
    assert shown[search]["parent"] is None


def test_what_dvc_keeps_meanwhile_is_waited_for(ledger: Ledger, database: Database) -> None:
    """It moves what a stage made into its cache, and copies it back."""
    write_search(ledger)
    plot = ledger.path.parent / "confusion.svg"
    content = plot.read_text()
    plot.unlink()
    back = threading.Timer(1.0, plot.write_text, [content])
    back.start()
    uri = database("a.db")
    Projection(ledger, uri).update()
    back.join()
    assert files(uri, "gru/seed-1") == ["plots/confusion.svg"]


def test_a_rebuild_equals_what_was_written_live(ledger: Ledger, database: Database) -> None:
    live, rebuilt = database("live.db"), database("rebuilt.db")
    projection = Projection(ledger, live)
    search = ledger.start("search", "lstm")
    projection.update()
    trial = ledger.start("trial", "lstm/0", parent=search, params={"width": 4})
    for epoch in range(4):
        ledger.metrics(trial, epoch, {"loss": float(epoch)})
        projection.update()
    ledger.end(trial, "KILLED")
    ledger.end(search, "FINISHED")
    write_search(ledger)
    projection.update()
    assert sync(ledger.path.parents[1], ["toy", "never_run"], rebuilt) == {
        "toy": sum(1 for _ in ledger.events()),
        "never_run": 0,
    }
    before = picture(live)
    assert before == picture(rebuilt)
    assert sync(ledger.path.parents[1], ["toy"], live) == {"toy": 0}
    assert before == picture(live)


def test_a_partly_written_run_is_completed(ledger: Ledger, database: Database) -> None:
    uri = database("a.db")
    run = ledger.start("trial", "gru/0")
    ledger.metrics(run, 0, {"loss": 3.0, "bad": math.nan})
    first = Projection(ledger, uri)
    first.update()
    ledger.metrics(run, 1, {"loss": 2.0})
    ledger.end(run, "FINISHED")
    client = MlflowClient(uri)
    found = client.get_experiment_by_name("toy")
    assert found is not None
    (shown,) = client.search_runs([found.experiment_id])
    # A crash after the metrics and before the offset: all of them are sent again.
    client.set_tag(shown.info.run_id, "seqarena.offset", "0")
    Projection(ledger, uri).update()
    described = picture(uri)[run]
    assert [(s, v) for s, _, v in described["metrics"]["loss"]] == [(0, 3.0), (1, 2.0)]
    assert len(described["metrics"]["bad"]) == 1
    assert math.isnan(described["metrics"]["bad"][0][2])
    assert described["status"] == "FINISHED"
    first.update()  # the other one may still be there
    assert len(picture(uri)[run]["metrics"]["loss"]) == 2


def test_a_sync_beside_a_running_search_makes_no_run_twice(
    ledger: Ledger, database: Database
) -> None:
    uri = database("a.db")
    search = ledger.start("search", "gru")
    live = Projection(ledger, uri)
    live.update()
    trial = ledger.start("trial", "gru/0", parent=search)
    assert sync(ledger.path.parents[1], ["toy"], uri) == {"toy": 1}
    ledger.metrics(trial, 0, {"loss": 1.0})
    assert live.update() == 1
    shown = picture(uri)  # fails for a run that is there twice
    assert shown.keys() == {search, trial}
    assert shown[trial]["status"] == "RUNNING", "its driver lives"


def test_what_comes_after_the_end_leaves_the_end_as_it_was(
    ledger: Ledger, database: Database, tmp_path: Path
) -> None:
    uri = database("a.db")
    with ledger.running("final", "gru/seed-1") as run:
        pass
    sync(ledger.path.parents[1], ["toy"], uri)
    before = picture(uri)[run]
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "attention.svg").write_text("<svg/>")
    ledger.artifact(run, tmp_path / "maps")
    ledger.tag(run, {"test.accuracy": "0.9"})
    sync(ledger.path.parents[1], ["toy"], uri)
    after = picture(uri)[run]
    assert (after["status"], after["end"]) == ("FINISHED", before["end"])
    assert after["tags"]["test.accuracy"] == "0.9"
    assert files(uri, "gru/seed-1") == ["maps/attention.svg"]


def test_mlflows_limits_cut_no_run_short(
    ledger: Ledger, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRUNCATE_LONG_VALUES", "false")  # as a server may have it
    uri = database("a.db")
    params = {f"p{i}": i for i in range(120)} | {"long": "x" * 9000, "nested": {"a": {"b": 1}}}
    run = ledger.start("trial", "a", params=params, tags={f"t{i}": "v" for i in range(120)})
    ledger.tag(run, {"note": "y" * 9000, **{f"u{i}": "v" for i in range(120)}})
    for epoch in range(30):
        ledger.metrics(run, epoch, {f"m{i}@5": float(i) for i in range(50)})
    assert Projection(ledger, uri).update() >= 0
    shown = picture(uri)[run]
    assert len(shown["params"]) == 122
    assert shown["params"]["nested.a.b"] == "1"
    assert len(shown["params"]["long"]) == 6000
    assert len(shown["tags"]["note"]) == 8000
    assert {"t119", "u119"} <= shown["tags"].keys()
    assert len(shown["metrics"]) == 50
    assert all(len(h) == 30 for h in shown["metrics"].values())
    assert "m1_5" in shown["metrics"], "what a key may not hold is replaced"


def test_orphans_end_when_mlflow_is_synced(ledger: Ledger, database: Database) -> None:
    run = ledger.start("search", "lstm")
    line = json.loads(ledger.path.read_text())
    line["driver"][1] -= 3600.0
    del line["sum"]
    ledger.path.write_text(json.dumps(line) + "\n")
    uri = database("a.db")
    assert sync(ledger.path.parents[1], ["toy"], uri) == {"toy": 2}
    assert picture(uri)[run]["status"] == "KILLED"


def test_a_file_that_changed_since_is_not_shown(
    ledger: Ledger,
    database: Database,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(made, "KEPT", 0.2)  # or it is waited for: DVC may have it
    write_search(ledger)
    (ledger.path.parent / "confusion.svg").write_text("<svg>another run's</svg>")
    uri = database("a.db")
    Projection(ledger, uri).update()
    final = next(run for run in picture(uri).values() if run["name"] == "gru/seed-1")
    assert files(uri, "gru/seed-1") == []
    assert final["status"] == "FINISHED"
    assert "confusion.svg: changed since" in capfd.readouterr().err


def test_a_deleted_experiment_comes_back(ledger: Ledger, database: Database) -> None:
    uri = database("a.db")
    write_search(ledger)
    sync(ledger.path.parents[1], ["toy"], uri)
    before, client = picture(uri), MlflowClient(uri)
    found = client.get_experiment_by_name("toy")
    assert found is not None
    client.delete_experiment(found.experiment_id)
    sync(ledger.path.parents[1], ["toy"], uri)
    assert picture(uri) == before


def test_only_what_is_new_is_written(ledger: Ledger, database: Database) -> None:
    projection = Projection(ledger, database("a.db"))
    run = ledger.start("trial", "gru/0")
    projection.update()
    for epoch in range(100):
        ledger.metrics(run, epoch, {f"m{i}": float(i) for i in range(10)})
    assert projection.update() == 100
    assert projection.update() == 0


def test_a_corrupt_database_is_told_in_one_line(
    ledger: Ledger, capfd: pytest.CaptureFixture[str]
) -> None:
    write_search(ledger)
    Path("mlflow.db").write_bytes(b"not a database" * 500)
    projection = Projection(ledger)
    assert projection.update() == 0
    assert capfd.readouterr().err.count("warning:") == 1
    with pytest.raises(InputError, match="cannot be written"):
        sync(ledger.path.parents[1], ["toy"])


@pytest.mark.parametrize("seconds", [0.05, 1.0])
def test_a_process_killed_while_it_makes_the_database_leaves_none_that_is_half_made(
    ledger: Ledger, tmp_path: Path, seconds: float
) -> None:
    write_search(ledger)
    code = "from seqarena.tracking.mlflow.projection import sync; sync(Path('results'), ['toy'])"
    with subprocess.Popen(
        [sys.executable, "-c", f"from pathlib import Path; {code}"], cwd=tmp_path
    ) as process:
        while not any(path.stat().st_size for path in tmp_path.glob("mlflow.db*")):
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(seconds)
        process.kill()
    sync(ledger.path.parents[1], ["toy"])  # what was not yet there: nothing, on a fast machine
    assert len(picture(default_uri())) == len(ledger.runs())


def test_a_password_is_never_shown(ledger: Ledger, capfd: pytest.CaptureFixture[str]) -> None:
    Projection(ledger, "unknown://ann:secret@nowhere/db").update()
    shown = capfd.readouterr().err
    assert "unknown://***@nowhere/db" in shown
    assert "secret" not in shown and "ann:" not in shown


def test_the_database_is_the_projects_unless_a_server_is_named(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert default_uri() == f"sqlite:///{Path.cwd() / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert default_uri() == "http://127.0.0.1:5000"


def test_the_users_settings_come_first(
    ledger: Ledger, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "5")
    Projection(ledger, database("a.db")).update()
    assert {name: os.environ[name] for name in SETTINGS} == {
        **SETTINGS,
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "5",
    }


def test_mlflow_is_imported_nowhere_else() -> None:
    def imported(path: Path) -> set[str]:
        names: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names.add((node.module or "").split(".")[0])
        return names

    with_mlflow = {path.parent for path in SRC.rglob("*.py") if "mlflow" in imported(path)}
    assert with_mlflow == {SRC / "tracking" / "mlflow"}
