"""`seqarena clean`: what it tells, what it frees of a real project, and what it leaves alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from seqarena.cli.clean import clean
from seqarena.errors import InputError
from seqarena.search.checkpoints import Checkpoints
from seqarena.tracking.garbage import size_of
from seqarena.tracking.ledger import Ledger
from seqarena.tracking.lock import only_run
from support import script_environment

STAGES = """
stages:
  prepare:
    foreach: ${experiments}
    do:
      cmd: mkdir -p data/raw/${key} && echo ${item.data} > data/raw/${key}/file
      params: ["experiments.${key}.data"]
      outs: ["data/raw/${key}"]
"""


def run(*command: str) -> str:
    done = subprocess.run(command, env=script_environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def dvc(*arguments: str) -> str:
    return run(sys.executable, "-m", "dvc", *arguments)


def write_params(**data: str) -> None:
    experiments = {name: {"data": value} for name, value in data.items()}
    Path("params.yaml").write_text(yaml.safe_dump({"experiments": experiments}))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project under git and DVC whose data is not there yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    run("git", "init", "--quiet")
    run("git", "config", "user.email", "test@example.org")
    run("git", "config", "user.name", "test")
    dvc("init", "--quiet")
    Path("dvc.yaml").write_text(STAGES)
    write_params(toy="first", other="other")
    Path(".gitignore").write_text("/data/\n/results/\n")
    return tmp_path


def cached() -> set[str]:
    """What the files in DVC's cache say, folders apart."""
    files = Path(".dvc/cache/files").rglob("*")
    return {f.read_text().strip() for f in files if f.is_file() and f.suffix != ".dir"}


@pytest.mark.whole
def test_the_cache_keeps_what_the_workspace_a_commit_or_dvc_lock_refers_to(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dvc("repro", "--quiet")
    run("git", "add", "--all")
    run("git", "commit", "--quiet", "--message", "first")
    for data in ("second", "third"):
        write_params(toy=data, other="other two")
        dvc("repro", "--quiet")
    write_params(toy="third")  # the other's stages are in dvc.lock alone
    assert cached() == {"first", "second", "third", "other", "other two"}
    clean("champion,finals", yes=False)
    told = capsys.readouterr().out
    assert re.search(r"files of DVC's cache +2 ", told), "a file and the list of its folder"
    assert "Nothing was freed: nobody can be asked here" in told
    assert "second" in cached()
    clean("champion,finals", yes=True)
    assert cached() == {"first", "third", "other", "other two"}
    assert dvc("status", "--json").strip() == "{}"
    capsys.readouterr()
    clean("champion,finals", yes=True)
    assert "Nothing to free." in capsys.readouterr().out


def test_a_cache_that_others_may_use_stays(
    project: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    shared = tmp_path_factory.mktemp("shared")
    dvc("cache", "dir", str(shared))
    for data in ("first", "second"):
        write_params(toy=data)
        dvc("repro", "--quiet")
    before = size_of(shared)
    clean("none", yes=True)
    assert "DVC's cache stays: " in capsys.readouterr().out
    assert size_of(shared) == before > 0


def test_checkpoints_and_leftovers_that_nothing_goes_on_from(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = Ledger(Path("results/toy/ledger.jsonl"), "toy")
    runs = {name: ledger.start("trial", name) for name in ("stopped", "done", "former")}
    ledger.end(runs["stopped"], "KILLED")
    ledger.end(runs["done"], "FINISHED", result={"outcome": "finished"})
    ledger.end(runs["former"], "KILLED")
    ledger.tag(runs["former"], {"current": "false"})
    checkpoints = Checkpoints(Path("results/toy/checkpoints"))
    for run_id in (*runs.values(), "unknown"):
        checkpoints.save(run_id, 1, bytes(1000))
    left, at_work = Path("data/raw/.toy.partial"), Path("models/toy/gru/.1.partial")
    for folder in (left, at_work, Path("results/gone")):
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(bytes(500))
    for name in ("toy", "gone"):
        Path("results", name, "run.log").write_text("a line\n")
    long_ago = time.time() - 7200
    for path in (left, left / "file"):
        os.utime(path, (long_ago, long_ago))
    before = ledger.path.read_bytes()
    clean("champion,finals", yes=True)
    told = capsys.readouterr().out
    assert [path.name.split("-")[0] for path in checkpoints.folder.iterdir()] == [runs["stopped"]]
    assert not left.exists() and at_work.exists()
    assert Path("results/toy/run.log").exists() and not Path("results/gone/run.log").exists()
    assert ledger.path.read_bytes() == before
    assert re.search(r"freed.*checkpoints +3 +3\.0 KB.*leftovers +2 +507 B", told, re.DOTALL)


def test_an_experiment_that_is_running_is_named_and_nothing_is_freed(project: Path) -> None:
    Checkpoints(Path("results/toy/checkpoints")).save("unknown", 1, b"state")
    holder = f"toy: is being run by process {os.getpid()} on "
    with only_run(Path("results/toy")), pytest.raises(InputError, match=holder):
        clean("champion,finals", yes=True)
    assert size_of(Path("results/toy/checkpoints")) == 5


def test_what_may_be_kept_is_told(project: Path) -> None:
    with pytest.raises(InputError, match=r"^--keep: .*'final'.*did you mean 'finals'"):
        clean("champion,final", yes=True)
