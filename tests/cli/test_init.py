"""`seqarena init` makes a project that DVC takes, without the gallery and without a source tree."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from seqarena.cli.main import app
from seqarena.config import experiment_names
from seqarena.errors import InputError

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments))
    if result.exception is not None:
        raise result.exception
    return result.output


def stale(folder: str) -> set[str]:
    command = [sys.executable, "-m", "dvc", "status", "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_a_new_project_takes_own_data_and_has_stages_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "cd mine && seqarena add" in run("init", "mine")
    stages = yaml.safe_load(Path("mine/dvc.yaml").read_text())["stages"]
    assert stages.keys() == yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].keys()
    for stage in stages.values():
        deps = stage.get("do", stage)["deps"]
        assert "requirements.txt" in deps and not any(dep.startswith("src") for dep in deps)
    for script in (ROOT / "pipelines").glob("*.py"):
        assert (Path("mine/pipelines") / script.name).read_bytes() == script.read_bytes()
    assert {"/data/", "/inspected/"} <= set(Path("mine/.gitignore").read_text().split())
    assert stale("mine") == {"compare"}
    monkeypatch.chdir("mine")
    assert experiment_names() == []
    rows = "".join(f"a good film {n},pos\na bad film {n},neg\n" for n in range(30))
    Path("films.csv").write_text("text,label\n" + rows)
    run("add", "films", "films.csv")
    assert experiment_names() == ["films"]
    names = ("fetch", "prepare", "search", "train", "evaluate")
    assert stale(".") == {"compare", *(f"{name}@films" for name in names)}
    assert yaml.safe_load(Path("params.yaml").read_text())["protocols"].keys() == {
        "preview",
        "standard",
    }


def test_a_project_within_a_repository_keeps_to_its_folder(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", "."], check=True)
    Path("study").mkdir()
    Path("study/README.md").write_text("mine\n")
    run("init", "study")
    assert Path("study/.dvc").is_dir() and not Path("study/.git").exists()
    assert not Path(".dvc").exists()
    assert Path("study/README.md").read_text() == "mine\n"


def test_a_project_in_an_ignored_folder_has_a_repository_of_its_own() -> None:
    subprocess.run(["git", "init", "--quiet", "."], check=True)
    Path(".gitignore").write_text("build\n")
    run("init", "build/study")
    assert Path("build/study/.git").is_dir() and Path("build/study/.dvc").is_dir()


def test_another_version_than_the_project_names_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run("init", "mine")
    monkeypatch.chdir("mine")
    Path("requirements.txt").write_text("seqarena==0.0.1\n")
    with pytest.raises(InputError, match=r"requirements\.txt: seqarena==0\.0\.1, but .* installed"):
        run("run")


def test_nothing_is_overwritten() -> None:
    Path("dvc.yaml").write_text("stages: {}\n")
    with pytest.raises(InputError, match=r"dvc\.yaml: is there already; expected a folder without"):
        run("init", ".")
    assert sorted(path.name for path in Path().iterdir()) == ["dvc.yaml"]
