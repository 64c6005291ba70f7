"""A change of own files is seen, and what params.yaml says is what is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqarena.config import OwnData, parse, read_params
from seqarena.datasets import dataset
from seqarena.datasets.own.pin import digest, note_changes
from seqarena.errors import InputError, InputWarning

ROWS = "text,label\nnice,good\nbad,poor\n"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        Path(f"{name}.csv").write_text(ROWS)
    Path("raw").mkdir()
    return tmp_path


def test_a_digest_is_of_names_and_bytes_and_of_nothing_hidden(files: Path) -> None:
    for name in ("x/1.wav", "y/2.wav"):
        Path("sounds", name).parent.mkdir(parents=True, exist_ok=True)
        Path("sounds", name).write_bytes(name.encode())
    paths = [(Path("a.csv"), True), (Path("*.csv"), True), (Path("sounds"), False)]
    before = [digest(*path) for path in paths]
    assert len(set(before)) == 3
    Path("sounds/.DS_Store").write_text("left behind")
    assert [digest(*path) for path in paths] == before
    Path("b.csv").write_text(ROWS + "dull,poor\n")
    Path("sounds/x/1.wav").rename("sounds/x/3.wav")
    same = [a == b for a, b in zip(before, (digest(*path) for path in paths), strict=True)]
    assert same == [True, False, False]


def test_a_table_of_files_stands_for_what_lies_beside_it(files: Path) -> None:
    Path("clips").mkdir()
    Path("clips/1.wav").write_bytes(b"1")
    before = digest(Path("a.csv"), tables=False)
    Path("clips/1.wav").write_bytes(b"2")
    assert digest(Path("a.csv"), tables=False) != before


def test_other_bytes_than_noted_are_refused_and_what_is_not_noted_is_told(files: Path) -> None:
    noted = OwnData(path="a.csv", sha256=digest(Path("a.csv"), tables=True))
    dataset(noted, "text").write(Path("raw"))
    with pytest.warns(InputWarning, match=rf"sha256: {noted.sha256}}}` has a later change .* seen"):
        dataset("./a.csv", "text").write(Path("raw"))
    Path("a.csv").write_text(ROWS + "dull,poor\n")
    with pytest.raises(InputError, match=r"e\.data\.sha256: a\.csv has changed; `seqarena run`"):
        dataset(noted, "text", "e.data").write(Path("raw"))


def test_a_run_notes_what_has_changed_and_leaves_all_else(files: Path) -> None:
    before = digest(Path("a.csv"), tables=True)
    section = f"data: {{path: a.csv, sha256: {before}}}  # mine\n    modality: text\n"
    text = f"# What is compared.\nexperiments:\n  mine:\n    {section}  other: {{data: adding}}\n"
    Path("params.yaml").write_text(text)
    assert note_changes(["mine", "other", "gone"]) == []
    Path("a.csv").write_text(ROWS + "dull,poor\n")
    assert note_changes(["other"]) == [] and Path("params.yaml").read_text() == text
    assert note_changes(["mine"]) == ["mine"]
    now = digest(Path("a.csv"), tables=True)
    assert Path("params.yaml").read_text() == text.replace(before, now)
    assert read_params()["experiments"]["mine"]["data"]["sha256"] == now
    assert note_changes(["mine"]) == []
    Path("a.csv").unlink()
    assert note_changes(["mine"]) == [], "that it is gone is told by who loads it"
    assert now in Path("params.yaml").read_text()


@pytest.mark.parametrize("digest", ["''", "0", "a", "[]", "deadbeef"])
def test_what_is_no_digest_is_refused_and_never_replaced(digest: str, files: Path) -> None:
    text = f"experiments:\n  mine: {{data: {{path: a.csv, sha256: {digest}}}, modality: text}}\n"
    Path("params.yaml").write_text(text)
    assert note_changes(["mine"]) == []
    assert Path("params.yaml").read_text() == text
    with pytest.raises(InputError, match=r"here\.sha256: "):
        parse(OwnData, read_params()["experiments"]["mine"]["data"], "here")
