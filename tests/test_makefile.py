"""The Makefile: every target says what it does, and nothing is phony that is not there."""

from __future__ import annotations

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


def test_the_dashboard_is_for_this_machine_alone() -> None:
    """MLflow listens on loopback unless it is told otherwise, and has no password here."""
    (recipe,) = re.findall(r"^ui:.*\n\t(.*)$", MAKEFILE, re.MULTILINE)
    assert "mlflow ui" in recipe
    assert "--host" not in recipe
