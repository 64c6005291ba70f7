"""The search over a real Ray: equal budgets, truthful runs, the losses of a local training."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
import yaml

from seqarena.config import Experiment, Range
from seqarena.files import read_json
from seqarena.fit import fit
from seqarena.search.cluster import Slot
from seqarena.search.search import SearchError, search
from seqarena.tracking.ledger import Ledger, Run
from seqarena.tracking.recorder import Recorder
from support import script_environment

from .conftest import over

ROOT = Path(__file__).parents[2]
VARIANTS = ("window_mlp", "gru")


@dataclass
class Searched:
    result: dict[str, Any]
    ledger: Ledger
    experiment: Experiment

    def curve(self, run: str, key: str) -> list[float]:
        """One value per epoch, as the ledger has them."""
        events = (event.data for event in self.ledger.events())
        return [
            e["values"][key]
            for e in events
            if e["event"] == "metrics" and e["run"] == run and key in e["values"]
        ]


@pytest.fixture(scope="module")
def searched(
    prepared: dict[str, Path],
    experiment: Callable[..., Experiment],
    slot: Slot,
    tmp_path_factory: pytest.TempPathFactory,
) -> Searched:
    """One search of two variants, four trials each, harshly halved."""
    root = tmp_path_factory.mktemp("search")
    ledger = Ledger(root / "ledger.jsonl", "toy")
    config = experiment("series", VARIANTS, trials=4, epochs=9, trial_epochs=4, grace=1)
    recorder = Recorder(ledger, {"data.name": "toy"})
    result = search(over(config, prepared["series"], root), slot, recorder)
    of_trials = config.model_copy(update={"protocol": config.protocol.of_trials()})
    return Searched(result, ledger, of_trials)


def test_every_variant_has_the_same_budget(searched: Searched) -> None:
    assert searched.result["variants"].keys() == set(VARIANTS)
    for variant in searched.result["variants"].values():
        assert (variant["trials"], variant["failed"]) == (4, 0)
    trials = searched.ledger.runs("trial").values()
    assert Counter(trial.params["variant"] for trial in trials) == dict.fromkeys(VARIANTS, 4)
    assert searched.result["wall_seconds"] > 0


def test_runs_are_nested_and_ended(searched: Searched) -> None:
    parents, trials = searched.ledger.runs("search"), searched.ledger.runs("trial")
    assert [parent.params["variant"] for parent in parents.values()] == list(VARIANTS)
    for trial in trials.values():
        assert parents[trial.parent or ""].params["variant"] == trial.params["variant"]
        assert trial.status == "FINISHED"
        assert trial.tags["data.name"] == "toy" and int(trial.tags["parameters"]) > 0
    assert all(parent.status == "FINISHED" for parent in parents.values())


def test_the_best_trial_is_the_answer(searched: Searched) -> None:
    for variant, best in searched.result["variants"].items():
        mine = [t for t in searched.ledger.runs("trial").values() if t.params["variant"] == variant]
        scores = [trial.metrics["objective"] for trial in mine]
        assert best["objective"] == min(scores)
        winner = mine[scores.index(min(scores))]
        assert best["hyperparameters"].items() <= winner.params.items()
        assert best["objective"] == min(searched.curve(winner.id, "valid_mae"))


def test_a_trial_that_is_stopped_early_is_told_from_one_that_ended(searched: Searched) -> None:
    outcomes = Counter()
    for run, trial in searched.ledger.runs("trial").items():
        epochs = len(searched.curve(run, "valid_loss"))
        assert trial.tags["outcome"] == ("finished" if epochs == 4 else "stopped")
        outcomes[trial.params["variant"], trial.tags["outcome"]] += 1
    for variant, best in searched.result["variants"].items():
        assert best["stopped"] == outcomes[variant, "stopped"]
    assert sum(best["stopped"] for best in searched.result["variants"].values()) > 0


def test_local_and_ray_come_to_the_same_losses(
    searched: Searched, prepared: dict[str, Path]
) -> None:
    assert torch.get_num_threads() == 1, "as many as a trial has"
    for run, trial in searched.ledger.runs("trial").items():
        params = dict(trial.params)
        variant, seed = params.pop("variant"), params.pop("seed")
        _, epochs = fit(searched.experiment, prepared["series"], variant, params, seed)
        for key in ("train_loss", "valid_loss"):
            told = searched.curve(run, key)
            assert told == pytest.approx([getattr(e, key) for e in epochs][: len(told)], rel=1e-6)


def test_what_fails_is_told_and_ends_failed(
    prepared: dict[str, Path],
    experiment: Callable[..., Experiment],
    slot: Slot,
    tmp_path: Path,
) -> None:
    """One variant dies in its worker in every trial, another's loss is not finite in some."""
    # Seed 2 draws a sound rate first for the gru, then one that diverges. A kernel of so many steps
    # is more memory than any machine has, but for the smallest, which all are rehearsed with.
    config = experiment("audio", ("gru", "conv1d"), seed=2, trials=2, epochs=2, patience=2)
    kernels = Range(low=3, high=10**15, integer=True)
    space = {"learning_rate": [1e-2, 1e30], "weight_decay": 1.0, "kernel": kernels}
    config = config.model_copy(update={"space": space})
    ledger = Ledger(tmp_path / "ledger.jsonl", "toy")
    with pytest.raises(SearchError, match="toy: all 2 trials of conv1d failed: .+") as told:
        search(over(config, prepared["audio"], tmp_path), slot, Recorder(ledger, {}))
    assert "\n" not in str(told.value)

    def of(variant: str, kind: Any) -> list[Run]:
        return [run for run in ledger.runs(kind).values() if run.params["variant"] == variant]

    assert [trial.status for trial in of("conv1d", "trial")] == ["FAILED"] * 2
    assert [parent.status for parent in of("conv1d", "search")] == ["FAILED"]
    diverged = [trial for trial in of("gru", "trial") if trial.params["learning_rate"] == 1e30]
    assert len(diverged) > 0
    assert {trial.status for trial in diverged} == {"FAILED"}
    assert {trial.message for trial in diverged} == {"the loss is not finite"}
    assert ledger.open_runs() == []


@pytest.fixture
def project(tmp_path: Path, prepared: dict[str, Path]) -> Path:
    """A project whose search would take hours."""
    entry = {
        "data": "spoken_digits",
        "modality": "audio",
        "task": "classification",
        "metric": "accuracy",
        "variants": ["gru", "lstm"],
        "protocol": {"epochs": 10**6, "patience": 10**6, "grace": 10**6, "batch_size": 1},
    }
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"experiments": {"toy": entry}}))
    (tmp_path / "data" / "prepared").mkdir(parents=True)
    (tmp_path / "data" / "prepared" / "toy").symlink_to(prepared["audio"])
    return tmp_path


def test_ctrl_c_ends_every_process_and_run(project: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, str(ROOT / "pipelines" / "search.py"), "toy"],
        cwd=project,
        env=script_environment(),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    family = [psutil.Process(child.pid)]
    try:
        ledger = Ledger(project / "results" / "toy" / "ledger.jsonl", "toy")
        _wait(lambda: any("train_loss" in run.metrics for run in ledger.runs("trial").values()))
        family += family[0].children(recursive=True)
        assert len(family) > 3, "Ray's daemons and workers are among them"
        os.killpg(child.pid, signal.SIGINT)  # as a terminal does
        _, errors = child.communicate(timeout=60)
        assert child.returncode == 130
        assert errors.strip().splitlines()[-1] == "interrupted"
        assert "Traceback" not in errors
        assert psutil.wait_procs(family, timeout=20)[1] == []
    finally:
        for process in family:
            if process.is_running():
                process.kill()
    assert {run.status for run in ledger.runs().values()} == {"KILLED"}
    assert {run.kind for run in ledger.runs().values()} == {"search", "trial"}
    assert [path.name for path in ledger.path.parent.iterdir()] == ["ledger.jsonl"]
    with sqlite3.connect(project / "mlflow.db") as database:
        shown = database.execute("select status, count(*) from runs group by status").fetchall()
    assert shown == [("KILLED", len(ledger.runs()))]


def _wait(met: Callable[[], bool], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.2)


def test_search_answers_are_plain_data(searched: Searched, tmp_path: Path) -> None:
    from seqarena.files import write_json

    write_json(tmp_path / "search.json", searched.result)
    assert read_json(tmp_path / "search.json") == searched.result
