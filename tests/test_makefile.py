"""The Makefile: every target says what it does, and nothing is phony that is not there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text()
MAKE_HELP = ["make", "--no-print-directory", "help"]  # as it prints inside `make test`
TARGETS = re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE)


def test_help_lists_every_target_with_what_it_does() -> None:
    printed = subprocess.run(MAKE_HELP, cwd=ROOT, capture_output=True, text=True, check=True)
    listed = dict(line.split(maxsplit=1) for line in printed.stdout.splitlines())
    assert list(listed) == TARGETS
    assert all(listed.values())


def test_every_phony_target_exists() -> None:
    (phony,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert phony.split() == TARGETS


def test_an_environment_elsewhere_is_taken_as_it_is(tmp_path: Path) -> None:
    """As infra/Dockerfile makes it, with a stamp of the year 2100: nothing is installed."""
    stamp = tmp_path / ".installed"
    stamp.touch()
    os.utime(stamp, (4102444800, 4102444800))
    printed = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "repro"],
        cwd=ROOT,
        env={**os.environ, "VENV": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed.startswith("seqarena run ")
    assert "pip install" not in printed


def test_the_dashboard_is_opened_by_the_command() -> None:
    (recipe,) = re.findall(r"^ui:.*\n\t(.*)$", MAKEFILE, re.MULTILINE)
    assert recipe == "@seqarena ui"
