"""The champion in MLflow's registry: from the ledger alone, people's edits kept."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from seqarena.tracking.champions import Contender, Crowning
from seqarena.tracking.ledger import Ledger
from seqarena.tracking.mlflow import made
from seqarena.tracking.mlflow.projection import sync
from servers import free_port, serving

from .test_logged_model import model_folder

Database = Callable[[str], str]


def final(ledger: Ledger, variant: str, seed: int) -> str:
    folder = model_folder(ledger.path.parents[2] / "models" / variant, "text", seed)
    with ledger.running("final", variant, tags={"data.digest": "d", "git.commit": "c0ffee"}) as run:
        ledger.model(run, folder)
    return run


def verdict(ledger: Ledger, champion: str, run: str, reason: str, *challenger: str) -> None:
    other = Contender(*challenger, "d") if challenger else None
    with ledger.running("verdict", "verdict") as told:
        crowning = Crowning(Contender(champion, run, "d"), reason, other)
        ledger.tag(told, {"description": f"The verdict on {champion}.", **crowning.tags})


def shown(uri: str, name: str = "toy") -> dict[str, Any]:
    """What the registry holds, without the ids that MLflow gave."""
    client = MlflowClient(uri)
    model = client.get_registered_model(name)
    versions = client.search_model_versions(f"name = '{name}'")
    return {
        "aliases": {alias: int(version) for alias, version in model.aliases.items()},
        "description": model.description,
        "versions": {
            int(version.version): (
                version.tags["variant"],
                version.tags["seqarena.run"],
                version.tags["git.commit"],
                version.description,
            )
            for version in versions
        },
    }


@pytest.fixture
def synced(ledger: Ledger, database: Database) -> Callable[[], str]:
    uri = database("a.db")

    def write() -> str:
        sync(ledger.path.parents[1], ["toy"], uri)
        return uri

    return write


def test_the_alias_follows_the_verdicts_and_an_empty_store_comes_to_the_same(
    ledger: Ledger, database: Database, synced: Callable[[], str], capsys: Any
) -> None:
    gru, lstm = final(ledger, "gru", 1), final(ledger, "lstm", 2)
    verdict(ledger, "gru", gru, "gru is the champion.", "lstm", lstm)
    uri = synced()
    first = shown(uri)
    assert first["aliases"] == {"champion": 1}
    assert first["description"] == "The verdict on gru.\n\ngru is the champion."
    assert [row[:3] for row in first["versions"].values()] == [
        ("lstm", lstm, "c0ffee"),
        ("gru", gru, "c0ffee"),
    ]
    verdict(ledger, "gru", gru, "gru is the champion.", "lstm", lstm)
    assert shown(synced()) == first, "the same verdict again"
    verdict(ledger, "lstm", lstm, "lstm takes over.")
    later = shown(synced())
    assert later["aliases"] == {"champion": 2}
    assert later["versions"] == first["versions"], "earlier champions keep theirs"
    rebuilt = database("rebuilt.db")
    sync(ledger.path.parents[1], ["toy"], rebuilt)
    assert shown(rebuilt) == later
    assert "warning" not in capsys.readouterr().err


def test_the_champion_is_served_by_its_alias(
    ledger: Ledger, synced: Callable[[], str], tmp_path: Path
) -> None:
    """By the real command, in a process of its own, with pickle forbidden."""
    verdict(ledger, "gru", final(ledger, "gru", 1), "gru is the champion.")
    port, url = free_port(), "http://127.0.0.1"
    command = ["mlflow", "models", "serve", "--model-uri", "models:/toy@champion"]
    command += ["--env-manager", "local", "--port", str(port)]
    settings = {"MLFLOW_TRACKING_URI": synced(), "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    asked = {"inputs": ["good", "bad good"], "params": {"attention": True}}
    with serving(command, f"{url}:{port}/ping", tmp_path / "server.log", **settings):
        assert [len(answer["attention"]) for answer in ask(port, asked)["predictions"]] == [1, 1]
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(port, {"inputs": ["good", " "]})
    assert refused.value.code == 400
    assert json.load(refused.value)["message"].startswith("input 2: the input: an empty sentence")


def ask(port: int, request: dict[str, Any]) -> Any:
    body, kind = json.dumps(request).encode(), {"Content-Type": "application/json"}
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/invocations", body, kind)
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return json.load(answer)


def test_what_a_person_changed_stays(ledger: Ledger, synced: Callable[[], str]) -> None:
    gru, lstm = final(ledger, "gru", 1), final(ledger, "lstm", 2)
    verdict(ledger, "gru", gru, "gru is the champion.", "lstm", lstm)
    client = MlflowClient(synced())
    client.set_registered_model_alias("toy", "champion", "2")
    client.update_registered_model("toy", "Ours for good.")
    verdict(ledger, "gru", gru, "gru stays champion.")
    seen = shown(synced())
    assert (seen["aliases"], seen["description"]) == ({"champion": 2}, "Ours for good.")
    client.delete_registered_model_alias("toy", "champion")
    verdict(ledger, "lstm", lstm, "lstm takes over.")
    assert shown(synced())["aliases"] == {}


def test_a_name_that_is_taken_is_left_alone(ledger: Ledger, synced: Callable[[], str]) -> None:
    client = MlflowClient(synced())
    client.create_registered_model("toy", description="Another's.")
    verdict(ledger, "gru", final(ledger, "gru", 1), "gru is the champion.")
    uri = synced()
    assert client.get_registered_model("toy").description == "Another's."
    assert shown(uri, "seqarena-toy")["aliases"] == {"champion": 1}


def test_a_champion_whose_model_is_gone_is_told(
    ledger: Ledger, synced: Callable[[], str], capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made, "KEPT", 0.2)  # or it is waited for: DVC may have it
    run = final(ledger, "gru", 1)
    verdict(ledger, "gru", run, "gru is the champion.")
    (ledger.path.parents[2] / "models" / "gru" / "spec.json").unlink()
    assert shown(synced())["aliases"] == {}
    assert "no model of gru to register" in capsys.readouterr().err


def test_a_verdict_from_before_there_were_champions_registers_nothing(
    ledger: Ledger, synced: Callable[[], str]
) -> None:
    with ledger.running("verdict", "verdict") as run:
        ledger.tag(run, {"description": "The verdict."})
    assert not MlflowClient(synced()).search_registered_models()
