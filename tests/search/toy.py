"""A project of one small experiment over prepared data, whose stages run as processes."""

from __future__ import annotations

import subprocess
import sys
import time
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


def start(root: Path, stage: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(ROOT / "pipelines" / f"{stage}.py"), "toy"],
        cwd=root,
        env=script_environment(OMP_NUM_THREADS="1"),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


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
