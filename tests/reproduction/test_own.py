"""A worktree has the user's own files where the experiment names them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from seqarena.reproduction.data import bring_own
from seqarena.reproduction.worktree import Worktree


@pytest.mark.parametrize(
    ("data", "there"),
    [
        ("files/set.csv", ["files/set.csv"]),
        ({"path": "files/set.csv"}, ["files/set.csv"]),
        ({"path": "set/meta/a.csv", "files": "set"}, ["set/meta/a.csv"]),
        ({"path": "files/set.csv", "files": "audio"}, ["files/set.csv", "audio"]),
        ({"path": "gone.csv", "files": "gone"}, ["gone.csv", "gone"]),
        ("movie_reviews", []),
        ("mine:Set", []),
    ],
)
def test_own_files_are_where_they_are_named(
    data: Any, there: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for path in ("files/set.csv", "set/meta/a.csv", "audio/a.wav"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text("mine")
    root = tmp_path / "tree"
    root.mkdir()
    (root / "params.yaml").write_text(yaml.safe_dump({"experiments": {"e": {"data": data}}}))
    bring_own(Worktree(root, tmp_path), "e")
    assert all((root / path).exists() for path in there)
    assert len(list(root.iterdir())) == 1 + len({Path(path).parts[0] for path in there})
