"""A project of one small experiment over prepared data, whose stages run as processes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import yaml

from seqarena.files import read_json
from seqarena.runs import SearchResult
from seqarena.tracking.ledger import Ledger
from support import ROOT, script_environment

from . import conftest

STAGES = ("search", "train")
PROTOCOL = {"repetitions": 2, "trials": 3, "epochs": 12, "patience": 12, "grace": 2}


def make_project(root: Path, prepared: Path, **protocol: Any) -> Path:
    """A project of one experiment whose data is prepared."""
    entry = {
        "data": "spoken_digits",
        "modality": "audio",
        "task": "classification",
        "metric": "accuracy",
        "variants": ["conv1d", "gru"],
        "space": {"width": 8},
        "protocol": {"batch_size": 4, **PROTOCOL, **protocol},
    }
    (root / "data" / "prepared").mkdir(parents=True)
    (root / "params.yaml").write_text(yaml.safe_dump({"experiments": {"toy": entry}}))
    (root / "data" / "prepared" / "toy").symlink_to(prepared)
    return root


def start(root: Path, stage: str, *driver: str, **environment: str) -> subprocess.Popen[str]:
    """Start a stage, as the script that it is or by a `driver`, options of Python's before it."""
    return subprocess.Popen(
        [sys.executable, *driver, str(ROOT / "pipelines" / f"{stage}.py"), "toy"],
        cwd=root,
        env=script_environment(OMP_NUM_THREADS="1", **environment),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(root: Path, stage: str) -> None:
    process = start(root, stage)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors


def ledger_of(root: Path) -> Ledger:
    return Ledger(root / "results" / "toy" / "ledger.jsonl", "toy")


def workers_of(process: psutil.Process) -> list[psutil.Process]:
    """The processes that train."""
    found = []
    for child in process.children(recursive=True):
        try:
            if child.cmdline()[:1] and child.cmdline()[0].startswith("ray::Worker"):
                found.append(child)
        except psutil.Error:
            continue
    return found


def wait(met: Callable[[], object], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.05)


def end_family(process: subprocess.Popen[str], family: list[psutil.Process]) -> None:
    """Kill a process and all that it started and left."""
    for each in family:
        try:
            each.kill()
        except psutil.NoSuchProcess:
            continue
    process.communicate()


def comparable(root: Path) -> tuple[Any, Any]:
    """What must be the same whatever happened on the way: all but times and the names of runs."""
    finals = read_json(root / "models" / "toy" / "finals.json")["finals"]
    for record in finals:
        for name in ("run", "train_seconds"):
            record.pop(name)
    weights = {
        path.parent.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted((root / "models").rglob("*.safetensors"))
    }
    return [studies(root), finals], weights


def studies(root: Path) -> list[dict[str, Any]]:
    """The result of the search, but for times and the names of runs."""
    return conftest.comparable(SearchResult.read(root / "results" / "toy" / "search.json"))


def check_records(root: Path, uninterrupted: Path) -> None:
    """No training is there twice, none is left open, and MLflow shows each once."""
    mine, whole = (ledger_of(each).runs() for each in (root, uninterrupted))
    assert Counter(run.kind for run in mine.values()) == Counter(r.kind for r in whole.values())
    assert {run.status for run in mine.values()} == {"FINISHED"}
    assert len({run.key for run in mine.values()}) == len(mine)
    with sqlite3.connect(root / "mlflow.db") as database:
        shown = database.execute(
            "select value, status from runs join tags using (run_uuid) where key='seqarena.run'"
        ).fetchall()
    assert sorted(shown) == sorted((run, "FINISHED") for run in mine)
    assert not list(root.rglob("*.pt"))
