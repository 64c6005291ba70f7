"""What a newcomer meets first: the development container and the forms of GitHub."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FORMS = ("bug.yml", "feature.yml")


def test_the_container_makes_the_environment_and_shows_mlflow() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    make, target = container["postCreateCommand"].split()
    makefile = (ROOT / "Makefile").read_text()
    assert make == "make" and re.search(rf"^{target}:", makefile, re.MULTILINE)
    assert container["image"].startswith("python:3.")
    (port,) = container["forwardPorts"]
    assert f"http://127.0.0.1:{port}" in makefile


@pytest.mark.parametrize("name", FORMS)
def test_a_form_asks_for_each_thing_once(name: str) -> None:
    form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / name).read_text())
    assert form["name"] and form["description"]
    ids = [field["id"] for field in form["body"]]
    assert len(set(ids)) == len(ids)
    assert all(field["attributes"]["label"] for field in form["body"])


def test_the_forms_are_all_there_are() -> None:
    folder = ROOT / ".github" / "ISSUE_TEMPLATE"
    assert {path.name for path in folder.iterdir()} == {*FORMS, "config.yml"}
    chooser = yaml.safe_load((folder / "config.yml").read_text())
    assert chooser == {"blank_issues_enabled": True}


def test_a_pull_request_is_asked_for_what_contributing_asks() -> None:
    asked = (ROOT / ".github" / "PULL_REQUEST_TEMPLATE.md").read_text()
    for word in ("make check", "make test", "CHANGELOG.md", "dvc.lock"):
        assert word in asked
    for target in re.findall(r"`make (\w+)`", asked):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
