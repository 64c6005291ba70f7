"""DVC by its command line, which waits for its lock where another command has it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from seqarena.errors import RunError

LOCKED = "Unable to acquire lock"  # DVC waits 3 s for another of its commands, which may hash more
TRIES = 20


def repro(*arguments: str) -> None:
    """Run `dvc repro`; raises `RunError` with the line that says why it failed."""
    dvc("repro", *arguments)


def dvc(*arguments: str) -> str:
    """Run a command of DVC's, again where it gave up for its lock; return what it printed."""
    for _ in range(TRIES):
        done = subprocess.run(
            [sys.executable, "-m", "dvc", *arguments],
            env=environment(),
            capture_output=True,
            text=True,
        )
        if LOCKED not in done.stderr:
            break
    if done.returncode:
        reason = reason_in(done.stdout + done.stderr)
        raise RunError(f"dvc {' '.join(arguments)}: {reason}")
    return done.stdout


def environment() -> dict[str, str]:
    """Return the environment in which the `python` of a stage is the one that runs here."""
    here = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": os.pathsep.join([here, os.environ.get("PATH", os.defpath)])}


def reason_in(text: str) -> str:
    """Return the line of a process's output that says why it failed."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    ours = [line for line in lines if line.startswith(("error: ", "failed: "))]
    of_dvc = [line for line in lines if line.startswith("ERROR: ")]
    return (ours or of_dvc or lines or ["no output"])[-1]
