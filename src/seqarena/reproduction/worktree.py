"""A commit in a temporary worktree, in which commands run; nothing of it is left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from seqarena.errors import InputError, RunError
from seqarena.progress import FOLLOWED
from seqarena.tracking.follower import as_follower
from seqarena.tracking.git import NO_GIT, git

GRACE = 10.0  # seconds that a command has to end
NOT_OURS = ("GIT_", "DVC_ROOT", "DVC_STAGE")  # variables that would lead out of the worktree


@dataclass(frozen=True)
class Worktree:
    """A project as it was at a commit."""

    root: Path
    folder: Path  # temporary, with all that its commands leave behind

    def run(self, *command: str, shown: bool = True) -> bool:
        """Run a command by the code that is here; return whether it succeeded.

        What it prints is `shown` as errors are. However this ends, it and all it started end too.
        """
        process = subprocess.Popen(
            command,
            cwd=self.root,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=sys.__stderr__ if shown else subprocess.DEVNULL,
            stderr=None if shown else subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches this process alone, which ends the others
        )
        try:
            return process.wait() == 0
        finally:
            _end(process)

    @property
    def has_code(self) -> bool:
        """Whether the package is part of the project, instead of installed beside it."""
        return (self.root / "src" / "seqarena").is_dir()

    def _environment(self) -> Mapping[str, str]:
        kept = {name: v for name, v in os.environ.items() if not name.startswith(NOT_OURS)}
        code = [str(self.root / "src")] if self.has_code else []
        here = str(Path(sys.executable).parent)
        paths = {
            "PYTHONPATH": [*code, os.environ.get("PYTHONPATH", "")],
            "PATH": [here, os.environ.get("PATH", os.defpath)],
        }
        return {
            **kept,
            **{name: os.pathsep.join(filter(None, path)) for name, path in paths.items()},
            FOLLOWED: as_follower(),  # ends with this process, and writes nothing to MLflow
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.folder / 'mlflow.db'}",
            "DVC_SITE_CACHE_DIR": str(self.folder / "dvc"),
            "DVC_NO_ANALYTICS": "1",
        }


@contextmanager
def worktree_of(commit: str, patch: Path | None) -> Iterator[Worktree]:
    """Check a commit of this project out, with a patch to it, and remove it in the end.

    Raises `InputError` where the repository lacks the commit.
    """
    try:
        prefix = git("rev-parse", "--show-prefix").decode().strip()
        git("cat-file", "-e", f"{commit}^{{commit}}")
    except NO_GIT as error:
        fix = "fetch it, or commit first and run again"
        raise InputError(f"commit {commit[:12]}: not in this repository; {fix}") from error
    folder = Path(tempfile.mkdtemp(prefix="seqarena-"))  # for this user alone
    place = folder / "tree"
    try:
        _git("worktree", "add", "--quiet", "--detach", str(place), commit)
        if patch is not None:
            _git("apply", "--whitespace=nowarn", "-", folder=place, given=patch.read_bytes())
        yield Worktree(place / prefix, folder)
    finally:
        _remove(place, folder)


def _git(*arguments: str, folder: Path | None = None, given: bytes = b"") -> None:
    try:
        git(*arguments, folder=folder, given=given)
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.decode(errors="replace").strip().splitlines() or ["no output"])[-1]
        raise RunError(f"git {' '.join(arguments)}: {reason}") from error


def _remove(place: Path, folder: Path) -> None:
    """Remove the worktree and what lies beside it; a second Ctrl-C does not stop it."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        if place.exists():
            _git("worktree", "remove", "--force", "--force", str(place))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        signal.signal(signal.SIGINT, before)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask all that is left of a process group to end, and kill what does not after `GRACE`."""
    deadline = time.monotonic() + GRACE
    left = _signal(process, signal.SIGTERM)
    while left and time.monotonic() < deadline:
        time.sleep(0.1)
        left = _signal(process, 0)
    _signal(process, signal.SIGKILL)
    process.wait()


def _signal(process: subprocess.Popen[bytes], number: int) -> bool:
    """Send a signal to the whole group; return whether there was anyone left to take it."""
    process.poll()  # collected here, it no longer counts as one of the group
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return False
    return True
