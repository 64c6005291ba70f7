"""DVC, which gives up after 3 s where another of its commands has its lock."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from zc.lockfile import LockFile

from seqarena.cli import dvc
from seqarena.errors import RunError
from support import script_environment


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LockFile]:
    """The lock of DVC in a project, held as by a command that hashes much."""
    monkeypatch.chdir(tmp_path)
    subprocess.run(
        [sys.executable, "-m", "dvc", "init", "--no-scm", "--quiet"],
        env=script_environment(),
        check=True,
    )
    held = LockFile(".dvc/tmp/lock")
    yield held
    held.close()


def test_a_command_of_dvc_waits_for_another(lock: LockFile) -> None:
    threading.Timer(6, lock.close).start()
    assert dvc.dvc("status", "--json") == "{}\n"


def test_but_not_for_ever(lock: LockFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dvc, "TRIES", 2)
    with pytest.raises(RunError, match=r"^dvc status: ERROR: Unable to acquire lock\."):
        dvc.dvc("status")
