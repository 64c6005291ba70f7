"""`seqarena ui` prints a link per experiment, and serves MLflow to this machine alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from seqarena.cli.ui import show_dashboard
from seqarena.tracking.mlflow.place import write_place


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that this process would have become."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    commands: list[list[str]] = []
    monkeypatch.setattr(os, "execve", lambda _, command, __: commands.append(command))
    return commands


def test_it_serves_the_project_on_loopback(
    started: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    write_place(Path("results/toy"), "sqlite:///mlflow.db", "4")
    Path("results/broken").mkdir()
    Path("results/broken/mlflow.json").write_text("{")
    show_dashboard(5055)
    (command,) = started
    assert command[2:4] == ["mlflow", "ui"]
    assert f"sqlite:///{Path.cwd() / 'mlflow.db'}" in command
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert command[command.index("--port") + 1] == "5055"
    printed = capsys.readouterr().out
    assert printed.startswith("toy: http://127.0.0.1:5055/#/experiments/4/runs?")
    assert "viewStateShareKey=seqarena-verdict" in printed and "broken" not in printed


def test_of_a_server_that_runs_it_prints_the_links_alone(
    started: list[list[str]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://ann:secret@tracking.example")
    show_dashboard(5000)
    assert not started
    assert capsys.readouterr().out.startswith("https://tracking.example (no experiment")
