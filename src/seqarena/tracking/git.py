"""Git, as it is asked by programs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

NO_GIT = (OSError, subprocess.CalledProcessError)  # no git, no repository or no commit


def git(
    *arguments: str,
    folder: Path | None = None,
    given: bytes = b"",
    environment: Mapping[str, str] = {},
) -> bytes:
    """Return what a git command prints; raises one of `NO_GIT` where it fails."""
    # Names as they are, and no hook: those of DVC would fetch all data into a new worktree.
    settings = ("-c", "core.quotePath=false", "-c", f"core.hooksPath={os.devnull}")
    return subprocess.run(
        ["git", "--no-optional-locks", *settings, *arguments],
        cwd=folder,
        input=given,
        env={**os.environ, **environment},
        capture_output=True,
        check=True,
    ).stdout
