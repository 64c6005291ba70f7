"""`seqarena add` from a table to a section of params.yaml that can be run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from seqarena.cli.main import app
from seqarena.config import OwnData, read_params
from seqarena.datasets.own.pin import digest
from seqarena.errors import InputError
from seqarena.experiments import load

PARAMS = """\
# What is compared.
protocols:
  preview: {repetitions: 3, trials: 4}  # minutes
experiments:
  # The first.
  old: {data: files/a.csv, modality: text, task: classification, metric: accuracy, variants: [gru]}

# The end.
cluster: {}
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(PARAMS)
    (tmp_path / "files").mkdir()
    rows = [f"a good film {n};café\na bad film {n};bar\n" for n in range(30)]
    (tmp_path / "files" / "a.csv").write_bytes(("review;stars\n" + "".join(rows)).encode("cp1252"))
    return tmp_path


def add(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["add", *arguments])
    if result.exception is not None:
        raise result.exception
    return result.output


def test_a_section_is_added_and_all_else_stays(root: Path) -> None:
    shown = add("mine", "files/a.csv", "--encoding", "cp1252", "--dry-run")
    assert (root / "params.yaml").read_text() == PARAMS
    assert "60 rows" in shown and "classification of text" in shown and "72 trials" in shown
    assert "of training in all at most" in shown and "by a try of each" in shown
    printed = add("mine", "files/a.csv", "--encoding", "cp1252")
    assert printed.rstrip().endswith("seqarena run mine")
    text = (root / "params.yaml").read_text()
    before, after = PARAMS.split("\n# The end.")
    assert text.startswith(before) and text.endswith(f"\n# The end.{after}")
    assert list(read_params()["experiments"]) == ["old", "mine"]
    config = load("mine").config
    columns = {"text": "review", "label": "stars"}
    files = {"path": "files/a.csv", "sha256": digest(Path("files/a.csv"), tables=True)}
    assert config.data == OwnData(**files, columns=columns, encoding="cp1252")
    assert (config.protocol.repetitions, config.protocol.trials) == (3, 4)


def test_the_first_experiment_of_a_project(root: Path) -> None:
    (root / "params.yaml").write_text("experiments: {}\n")
    add("mine", "files/a.csv", "--encoding", "cp1252")
    assert load("mine").config.task == "classification"


def test_what_cannot_be_added_changes_nothing(root: Path) -> None:
    for name, message in (("a b", "expected letters"), ("old", "is there already")):
        with pytest.raises(InputError, match=message):
            add(name, "files/a.csv", "--encoding", "cp1252")
    with pytest.raises(InputError, match="line 2: the byte 0xe9 is not UTF-8"):
        add("mine", "files/a.csv")
    assert (root / "params.yaml").read_text() == PARAMS


@pytest.mark.parametrize("name", ["a b", "a.b", "x;y"])
def test_a_name_that_a_shell_would_take_apart_is_refused(name: str, root: Path) -> None:
    (root / "params.yaml").write_text(f"experiments: {{'{name}': {{}}}}\n")
    with pytest.raises(InputError, match="expected letters, digits, '-' and '_' as a name"):
        read_params()


def test_what_is_known_ahead_may_be_several_columns(root: Path) -> None:
    rows = [f"{np.datetime64('2021-03-01') + n},{n % 7},{n % 5}.5,{n % 3}\n" for n in range(400)]
    rows += ["2022-04-05,,1.5,2\n", "2022-04-06,,2.5,0\n"]  # of the future
    (root / "files" / "b.csv").write_text("day,sold,price,open\n" + "".join(rows))
    add("shop", "files/b.csv", "--target", "sold", "--known", "price", "--known", "open")
    assert load("shop").config.prepare["known"] == ["price", "open"]
