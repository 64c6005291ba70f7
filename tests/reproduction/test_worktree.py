"""A worktree has the code of a commit, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from seqarena.errors import InputError, RunError
from seqarena.reproduction.worktree import worktree_of


def git(*arguments: str) -> str:
    named = ("-c", "user.name=a", "-c", "user.email=a@b")
    command = ["git", *named, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A commit of a project below the top of its repository, and later changes."""
    project = tmp_path / "top" / "project"
    project.mkdir(parents=True)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.chdir(project)
    Path("code.py").write_text("1\n")
    git("init", "-q", "..")
    hook = Path("../.git/hooks/post-checkout")
    hook.write_text("#!/bin/sh\ntouch hooked\n")
    hook.chmod(0o755)
    git("add", "-A")
    git("commit", "-qm", "first")
    found = git("rev-parse", "HEAD")
    Path("code.py").write_text("2\n")
    git("commit", "-qam", "second")
    return found


def nothing_is_left(tmp_path: Path) -> bool:
    return len(git("worktree", "list").splitlines()) == 1 and not list((tmp_path / "tmp").iterdir())


def test_a_commit_with_its_patch_is_there_as_long_as_it_is_used(
    commit: str, tmp_path: Path
) -> None:
    patch = tmp_path / "changes.diff"
    header = "diff --git a/project/code.py b/project/code.py\n"
    names = "--- a/project/code.py\n+++ b/project/code.py\n"
    patch.write_text(f"{header}{names}@@ -1 +1 @@\n-1\n+3\n")
    with worktree_of(commit, patch) as tree:
        assert (tree.root / "code.py").read_text() == "3\n"
        assert not (tree.root.parent / "hooked").exists(), "DVC's hook would fetch all data"
        assert tree.folder.stat().st_mode & 0o077 == 0
        assert tree.run(sys.executable, "-c", "open('made', 'w')", shown=False)
        assert not tree.run(sys.executable, "-c", "raise SystemExit(3)", shown=False)
    assert nothing_is_left(tmp_path)
    assert Path("code.py").read_text() == "2\n" and git("status", "--porcelain") == ""


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit, ValueError])
def test_however_it_ends_nothing_is_left(
    end: type[BaseException], commit: str, tmp_path: Path
) -> None:
    with pytest.raises(end), worktree_of(commit, None):
        raise end
    assert nothing_is_left(tmp_path)


def test_a_patch_that_does_not_fit_and_a_commit_that_is_not_there(
    commit: str, tmp_path: Path
) -> None:
    patch = tmp_path / "changes.diff"
    patch.write_text("diff --git a/no b/no\n--- a/no\n+++ b/no\n@@ -1 +1 @@\n-1\n+3\n")
    with pytest.raises(RunError, match="^git apply"), worktree_of(commit, patch):
        pass
    assert nothing_is_left(tmp_path)
    told = r"^commit 0+: not in this repository; fetch it"
    with pytest.raises(InputError, match=told), worktree_of("0" * 40, None):
        pass
