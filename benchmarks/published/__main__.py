"""``python -m benchmarks.published [NAME …]``: published tables again, and docs/published.md.

Each runs in a project of its own below ``build/published``, for hours; one that was interrupted
goes on. Named or not, all that have come to a verdict stand in the page.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.published.outcome import outcome_of
from benchmarks.published.page import write_page
from benchmarks.published.tables import TABLES
from seqarena.cli.init import make_project

HERE = Path(__file__).parent
PROJECT = Path("build/published")
PAGE = Path("docs/published.md")


def main() -> None:
    """Run the tables asked for, by default all, and write the page."""
    names = sys.argv[1:] or list(TABLES)
    if unknown := [name for name in names if name not in TABLES]:
        sys.exit(f"published: no table '{unknown[0]}'; there are {', '.join(TABLES)}")
    if not PROJECT.exists():
        make_project(PROJECT)
    shutil.copy(HERE / "params.yaml", PROJECT)
    shutil.copytree(HERE / "own", PROJECT / "own", dirs_exist_ok=True)
    ended = subprocess.run(["seqarena", "run", *names], cwd=PROJECT).returncode
    page = PAGE.resolve()
    os.chdir(PROJECT)
    write_page(page, {name: outcome for name in TABLES if (outcome := outcome_of(name))})
    sys.exit(ended)


if __name__ == "__main__":
    main()
