"""What a run keeps of a tree that is not as committed is enough to make that tree again."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from seqarena.tracking import changes as module
from seqarena.tracking.changes import changes


def git(*arguments: str, folder: str = ".") -> str:
    named = ("-c", "user.name=a", "-c", "user.email=a@b")
    command = ["git", "-C", folder, *named, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project below the top of a repository, with a commit."""
    root = tmp_path / "top" / "project"
    for name in ("src/a.py", "src/gone.py", "own/README.md", "params.yaml", "dvc.lock"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{name}\nsame\n")
    (root / "logo.bin").write_bytes(b"\0\1")
    (root / ".gitignore").write_text("ignored*\n")
    monkeypatch.chdir(root)
    git("init", "-q", "..")
    git("add", "-A")
    git("commit", "-qm", "first")
    return root


def test_nothing_changed_is_no_patch(project: Path) -> None:
    Path("dvc.lock").write_text("written by DVC after every stage")
    assert changes() == module.Changes()


def test_outside_of_git_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert changes() == module.Changes()


def test_a_patch_makes_the_same_tree_of_the_commit(project: Path) -> None:
    git("config", "diff.noprefix", "true")
    git("config", "color.ui", "always")
    Path("src/a.py").write_bytes("gr\xfcn, no newline".encode("latin-1"))
    Path("src/gone.py").unlink()
    Path("own/new é.py").write_text("x = 1\n")
    Path("own/ignored.py").write_text("never seen")
    Path("params.yaml").write_text("other\n")
    index = (project.parent / ".git/index").read_bytes()
    found = changes()
    assert found.left_out == ()
    assert (project.parent / ".git/index").read_bytes() == index, "the user's own index"
    git("worktree", "add", "-q", "--detach", "../../again")
    again = project.parents[1] / "again" / "project"
    apply = ["git", "-C", str(again.parent), "apply", "-"]
    subprocess.run(apply, input=found.patch, check=True)
    for folder in ("src", "own"):
        files = {p.name: p.read_bytes() for p in (project / folder).iterdir()}
        files.pop("ignored.py", None)
        assert {p.name: p.read_bytes() for p in (again / folder).iterdir()} == files
    assert (again / "params.yaml").read_text() == "other\n"


def test_what_is_large_binary_or_no_code_is_named_and_left_out(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST", 1000)
    monkeypatch.setattr(module, "NAMED", 6)
    Path("src/a.py").write_text("x\n" * 2000)
    Path("own/data.csv").write_text("x\n" * 2000)
    Path("src/gone.py").write_text("small\n")
    Path("logo.bin").write_bytes(b"\0\2")
    for name in ("recordings", "notes"):
        Path(name).mkdir()
        for number in range(20):
            Path(name, f"{number}.txt").write_text("mine")
    found = changes()
    assert set(found.left_out) == {
        "project/src/a.py",
        "project/own/data.csv",
        "project/logo.bin",
        "project/recordings/",
        "project/notes/",
    }
    assert found.patch.count(b"diff --git") == 1 and b"+small" in found.patch
    monkeypatch.setattr(module, "ALL", 10)
    monkeypatch.setattr(module, "NAMED", 2)
    found = changes()
    assert found.patch == b"" and found.left_out[-1] == "and 4 more"
