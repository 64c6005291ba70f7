"""What `seqarena submit` runs on the cluster: `seqarena run`, in a folder that outlives the job.

``python -m seqarena.cli.remote NAME [arguments of seqarena run]`` is started in the files that were
sent. The folder keeps data, ledger and models, so a job that is sent again goes on where the last
one ended. What came of it lies packed beside Ray's logs, where the jobs' address hands it out.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from seqarena.cli.archive import archive_name, pack
from seqarena.cli.main import main as command_line
from seqarena.cluster.jobs import logs_folder
from seqarena.config import experiment_names, read_cluster
from seqarena.errors import exit_with_one_line

CODE = ("src", "pipelines", "own")  # as they were sent; of other folders, what they lack


def main() -> None:
    """Run what was sent, and pack the results whatever came of it."""
    name, *arguments = sys.argv[1:]
    home = _settle(name)
    os.chdir(home)
    sys.argv = ["seqarena", "run", *arguments]
    try:
        command_line()
    finally:
        pack(logs_folder() / archive_name(name), experiment_names())


def _settle(name: str) -> Path:
    """Bring what was sent into the folder of the job, and return that."""
    sent, home = Path.cwd(), (read_cluster().storage or Path.home() / ".seqarena") / "jobs" / name
    for folder in CODE:
        shutil.rmtree(home / folder, ignore_errors=True)
    known = home / "dvc.lock"
    ours = known.read_bytes() if known.is_file() else None
    shutil.copytree(sent, home, dirs_exist_ok=True)
    if ours is not None:
        known.write_bytes(ours)
    (home / ".dvc" / "config.local").write_text("[core]\n    no_scm = true\n")
    return home


if __name__ == "__main__":
    exit_with_one_line(main)
