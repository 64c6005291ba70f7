"""Whole files and folders or nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from seqarena.errors import InputError
from seqarena.files import (
    digest_of,
    new_file,
    new_folder,
    read_json,
    sha256_of,
    write_csv,
    write_json,
    write_records,
)


class Interrupted(BaseException):
    """Stands for Ctrl-C: no Exception."""


@pytest.mark.parametrize("error", [ValueError, Interrupted])
def test_a_folder_stays_until_its_replacement_is_complete(
    tmp_path: Path, error: type[BaseException]
) -> None:
    folder = tmp_path / "deep" / "out"
    with new_folder(folder) as partial:
        (partial / "a").write_text("old")
    with pytest.raises(error), new_folder(folder) as partial:
        (partial / "b").write_text("half")
        raise error
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out"]
    assert [path.name for path in folder.iterdir()] == ["a"]
    with new_folder(folder) as partial:
        (partial / "c").write_text("new")
    assert [path.name for path in folder.iterdir()] == ["c"]


@pytest.mark.parametrize("error", [ValueError, Interrupted])
def test_a_file_stays_until_its_replacement_is_complete(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "deep" / "a.txt"
    with new_file(path) as partial:
        partial.write_text("old")
    with pytest.raises(error), new_file(path) as partial:
        partial.write_text("half")
        raise error
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]
    assert path.read_text() == "old"


def test_where_no_file_can_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")
    for path, message in (
        (tmp_path, "a folder"),
        (tmp_path / "a.txt" / "b", "cannot be written: "),
    ):
        with pytest.raises(InputError, match=message), new_file(path):
            pytest.fail("there is nothing to write to")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_what_a_killed_process_left_is_cleared(tmp_path: Path) -> None:
    (tmp_path / ".out.partial").mkdir()
    (tmp_path / ".out.partial" / "stale").touch()
    with new_folder(tmp_path / "out") as partial:
        (partial / "fresh").touch()
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["fresh"]


def test_json_goes_there_and_back(tmp_path: Path) -> None:
    value = {"names": ["ä", "b"], "mean": 0.1, "none": None}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value
    assert "ä" in (tmp_path / "a.json").read_text()


@pytest.mark.parametrize("content", [b"", b'{"a": 1', b"\xff", b"[" * 100_000])
def test_damaged_json_is_told_in_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.json: damaged, it is not JSON: .") as caught:
        read_json(tmp_path / "a.json")
    assert "\n" not in str(caught.value)


def test_json_keeps_infinities_for_float_to_read(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"curve": [{"loss": float("inf")}, {"loss": 0.5}]})
    curve = read_json(tmp_path / "a.json")["curve"]
    assert [float(epoch["loss"]) for epoch in curve] == [float("inf"), 0.5]


def test_json_refuses_nan_and_keeps_the_old_file(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", 1)
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"loss": float("nan")})
    assert read_json(tmp_path / "a.json") == 1


def test_a_table_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_csv(path, ["text", "label"], [["a, b", 1], ["ä", 2]])
    assert path.read_bytes() == 'text,label\r\n"a, b",1\r\nä,2\r\n'.encode()
    with pytest.raises(ZeroDivisionError):
        write_csv(path, ["text"], ([1 // (1 - n)] for n in range(2)))
    write_records(tmp_path / "b.csv", [{"text": "a, b", "label": 1}, {"label": 2, "text": "ä"}])
    assert (tmp_path / "b.csv").read_bytes() == path.read_bytes()


def test_digests_are_of_names_and_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    assert sha256_of(tmp_path / "a") == hashlib.sha256(b"x").hexdigest()
    digests = {digest_of(tmp_path)}
    (tmp_path / "a").rename(tmp_path / "b")
    digests.add(digest_of(tmp_path))
    (tmp_path / "b").write_bytes(b"y")
    digests.add(digest_of(tmp_path))
    (tmp_path / "sub").mkdir()
    (tmp_path / "b").rename(tmp_path / "sub" / "b")
    digests.add(digest_of(tmp_path))
    assert len(digests) == 4
