"""What a person has edited in MLflow is never overwritten."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from seqarena.tracking.ledger import Ledger
from seqarena.tracking.mlflow.projection import sync
from seqarena.tracking.mlflow.signed import may_write, signed_json, signed_markdown

from .conftest import write_verdict
from .test_views import experiment

VIEW = "mlflow.sharedViewState.seqarena-verdict"
NOTE = "mlflow.note.content"


@pytest.mark.parametrize("signed", [signed_markdown("one | two"), signed_json({"name": "one"})])
def test_a_changed_text_is_not_ours(signed: str) -> None:
    assert may_write(None) and may_write(signed)
    assert not may_write(signed.replace("one", "two"))
    assert not may_write(signed + "\nby hand")
    assert not may_write("") and not may_write("by hand")


def write(ledger: Ledger, uri: str) -> None:
    sync(ledger.path.parents[1], ["toy"], uri)


def found(client: MlflowClient, uri: str, run: str) -> Run:
    (only,) = client.search_runs([experiment(uri).experiment_id], f"tags.seqarena.run = '{run}'")
    return only


@pytest.mark.parametrize("key", [VIEW, NOTE])
def test_views_and_note_are_written_anew_unless_edited(
    key: str, ledger: Ledger, database: Callable[[str], str], contest: Callable[..., Any]
) -> None:
    uri = database("a.db")
    client = MlflowClient(uri)
    write_verdict(ledger, contest, repetitions=1)
    write(ledger, uri)
    first, others = experiment(uri).tags[key], experiment(uri).tags
    write_verdict(ledger, contest, repetitions=2)
    write(ledger, uri)
    second = experiment(uri).tags
    changed = first != second[key]
    assert changed or key == NOTE, "the view has more hyperparameters now"
    edited = second[key].replace("gru", "a gru").replace('"name": "', '"name": "my ')
    assert edited != second[key]
    client.set_experiment_tag(experiment(uri).experiment_id, key, edited)
    client.set_experiment_tag(experiment(uri).experiment_id, "team", "speech")
    write_verdict(ledger, contest, repetitions=3)
    write(ledger, uri)
    third = experiment(uri).tags
    assert third[key] == edited
    assert third["team"] == "speech"
    assert third.keys() == {*others, "team"}


def test_names_tags_and_notes_of_runs_are_kept(
    ledger: Ledger, database: Callable[[str], str]
) -> None:
    uri = database("a.db")
    client = MlflowClient(uri)
    run = ledger.start("final", "gru", tags={"current": "true", "place": "here"})
    ledger.tag(run, {"description": "still learns"})
    write(ledger, uri)
    id = found(client, uri, run).info.run_id
    client.update_run(id, name="the good one")
    client.set_tag(id, NOTE, "look at this")
    client.set_tag(id, "place", "there")
    client.set_tag(id, "mine", "yes")
    ledger.tag(run, {"description": "done", "place": "elsewhere", "current": "false", "mine": "no"})
    ledger.end(run, "FAILED", "out of memory")
    ledger.resume(run)
    ledger.end(run, "FINISHED")
    write(ledger, uri)
    kept = found(client, uri, run)
    assert kept.info.run_name == "the good one"
    assert kept.info.status == "FINISHED"
    assert kept.data.tags[NOTE] == "look at this"
    assert (kept.data.tags["place"], kept.data.tags["mine"]) == ("there", "yes")
    assert kept.data.tags["current"] == "false", "nobody has changed it"


def test_what_nobody_edited_goes_on(ledger: Ledger, database: Callable[[str], str]) -> None:
    uri = database("a.db")
    run = ledger.start("final", "gru", tags={"current": "true"})
    for text in ("one", "two", "three"):
        ledger.tag(run, {"description": text})
        write(ledger, uri)
        assert found(MlflowClient(uri), uri, run).data.tags[NOTE] == text
