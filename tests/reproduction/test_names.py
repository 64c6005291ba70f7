"""Which run is meant, and what is told of a name that means none."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from seqarena.errors import InputError
from seqarena.reproduction.names import find
from seqarena.tracking.ledger import Ledger
from seqarena.tracking.mlflow.projection import sync

CURRENT = {"current": "true"}


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The runs of an experiment, by what they are."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    ledger = Ledger(Path("results/reviews/ledger.jsonl"), "reviews")
    found = {}
    for name, tags in (("former", {"current": "false"}), ("final", CURRENT)):
        params = {"variant": "gru", "repetition": 1, "seed": 1}
        found[name] = ledger.start("final", "gru repetition 1", params=params, tags=tags)
        ledger.end(found[name], "FINISHED")
    params = {"variant": "gru", "repetition": 1}
    found["search"] = ledger.start("search", "gru repetition 1 search", params=params, tags=CURRENT)
    params |= {"trial": 2, "seed": 3}
    found["trial"] = ledger.start(
        "trial", "trial 2", parent=found["search"], params=params, tags=CURRENT
    )
    ledger.end(found["trial"], "FINISHED", result={"outcome": "finished"})
    found["failed"] = ledger.start("final", "lstm repetition 1", params=params)
    ledger.end(found["failed"], "FAILED", "out of memory")
    return found


def test_a_run_is_found_by_its_place_and_by_its_id(runs: dict[str, str]) -> None:
    assert find("reviews/gru/1").run.id == runs["final"], "the one that results rest on"
    assert find("reviews/gru/1/2").run.id == runs["trial"]
    assert find(runs["former"]).run.id == runs["former"]
    assert find("reviews/gru/1").experiment == "reviews"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("review", "did you mean 'reviews'"),
        ("reviews", "no verdict yet"),
        ("reviews/gro/1", "no variant named 'gro'; did you mean 'gru'"),
        ("reviews/gru/7", "no repetition named '7'; known: 1"),
        ("reviews/gru/1/1", "no trial named '1'; known: 2"),
        ("reviews/gru", "expected EXPERIMENT, EXPERIMENT/VARIANT/REPETITION"),
        ("search", "expected a trial of it, a final or a verdict"),
        ("failed", r"FAILED \(out of memory\)"),
        ("0" * 32, "no such run"),
    ],
)
def test_any_other_name_is_told_in_one_line(runs: dict[str, str], asked: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        find(runs.get(asked, asked))
    assert not Path("mlflow.db").exists(), "asking makes none"


def test_a_run_is_found_by_the_id_that_mlflow_shows(runs: dict[str, str]) -> None:
    sync(Path("results"), ["reviews"])
    with sqlite3.connect("mlflow.db") as database:
        shown = database.execute("select run_uuid, value from tags where key = 'seqarena.run'")
        (mine,) = [run for run, of in shown if of == runs["trial"]]
    assert find(mine).run.id == runs["trial"]
    with pytest.raises(InputError, match=f"^{'0' * 32}: no such run"):
        find("0" * 32)


def test_a_project_without_runs_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="no run yet"):
        find("reviews")
