"""Every package that is asked for, extras included, is pinned exactly."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def plain(name: str) -> str:
    """Return the name of a package as every index spells it, without its extras."""
    return re.sub(r"[-_.]+", "-", name.partition("[")[0]).lower()


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = sum(project["optional-dependencies"].values(), project["dependencies"])
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = [line.partition("==") for line in lines if not line.startswith("#")]
    assert all(version for _, _, version in pinned)
    assert {plain(name) for name in asked} <= {plain(name) for name, _, _ in pinned}
