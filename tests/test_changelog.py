"""CHANGELOG.md tells of the version that the package has."""

from __future__ import annotations

import re
from pathlib import Path

import seqarena

CHANGELOG = (Path(__file__).parents[1] / "CHANGELOG.md").read_text()
SECTIONS = re.findall(r"^## (.+)$", CHANGELOG, re.MULTILINE)


def test_the_newest_version_is_that_of_the_package() -> None:
    unreleased, newest, *_ = SECTIONS
    version, date = newest.split(" - ")
    assert unreleased == "Unreleased"
    assert version == seqarena.__version__
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", date)


def test_changes_are_grouped_by_their_kind() -> None:
    kinds = set(re.findall(r"^### (.+)$", CHANGELOG, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
