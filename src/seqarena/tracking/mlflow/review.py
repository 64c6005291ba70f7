"""Writes what a reviewer opens first, the views and the note of an experiment, as its tags."""

from __future__ import annotations

from pathlib import Path

from mlflow import MlflowClient

from seqarena.records import view_key
from seqarena.tracking.ledger import Ledger
from seqarena.tracking.mlflow.charts import state_of
from seqarena.tracking.mlflow.facts import Facts, facts_of
from seqarena.tracking.mlflow.note import note_of
from seqarena.tracking.mlflow.signed import may_write, signed_json, signed_markdown
from seqarena.tracking.mlflow.views import VIEWS

NOTE = "mlflow.note.content"
SAVED_VIEW = "mlflow.sharedViewState."


def write_review(client: MlflowClient, experiment: str, ledger: Ledger, root: Path) -> None:
    """Write views and note where they differ, and where no person has changed them."""
    facts = facts_of(ledger, root)
    if facts is None:
        return
    there = client.get_experiment(experiment).tags
    for key, value in tags_of(facts, experiment).items():
        if there.get(key) != value and may_write(there.get(key)):
            client.set_experiment_tag(experiment, key, value)


def tags_of(facts: Facts, experiment: str) -> dict[str, str]:
    """Return the tags of an experiment, each of which shows whether it was changed since."""
    views = {
        f"{SAVED_VIEW}{view_key(view)}": signed_json(
            {"name": saved.name, "createdAt": facts.ended, "state": state_of(saved)}
        )
        for view, saved in ((view, make(facts)) for view, make in VIEWS.items())
    }
    return {NOTE: signed_markdown(note_of(facts, experiment)), **views}
