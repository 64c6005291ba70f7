"""A table that a model is asked about is read as a copy, of which nobody hears."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest

from seqarena.config import Reading
from seqarena.data.folders import asked_at
from seqarena.datasets.own.asked import as_raw
from seqarena.errors import InputError, InputWarning


def breaks_off(own: Path) -> None:
    with as_raw(str(own), "text", Reading()) as raw:
        assert raw != str(own)
        warnings.warn(f"{raw}: odd", InputWarning, stacklevel=1)
        raise InputError(f"{raw}: bad")


def test_what_is_said_of_the_copy_names_the_own_file_also_where_it_breaks_off(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    own = tmp_path / "new.tsv"
    own.write_text("text\na film\n")
    with pytest.raises(InputError, match=f"^{own}: bad$"):
        breaks_off(own)
    assert [str(each.message) for each in recwarn] == [f"{own}: odd"]


@pytest.mark.parametrize(
    ("table", "itself"),
    [("x,y\n1,2\n", True), ("file,age\none.csv,7\n", False), ("", True)],
    ids=["a signal", "a list of signals", "an empty file"],
)
def test_a_signal_is_a_table_too(tmp_path: Path, table: str, itself: bool) -> None:
    own = tmp_path / "walk.csv"
    own.write_text(table)
    with as_raw(str(own), "signal", Reading()) as raw:
        assert (raw == str(own)) is itself


def test_a_list_of_files_names_them_as_the_user_does(tmp_path: Path) -> None:
    own = tmp_path / "calls.csv"
    own.write_text("recording;age\na/one.wav;7\n")
    with as_raw(str(own), "audio", Reading(columns={"file": "recording"})) as raw:
        (found,) = asked_at(Path(raw), "audio")
    assert found == ("a/one.wav", tmp_path / "a/one.wav", {"file": "a/one.wav", "age": "7"})


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("name\none.wav\n", "calls.csv line 2: no column 'file'; `columns: {file: …}` says"),
        ("file\n../one.wav\n", "calls.csv line 2: '../one.wav' lies outside"),
    ],
)
def test_a_table_that_lists_no_files(tmp_path: Path, table: str, said: str) -> None:
    own = tmp_path / "calls.csv"
    own.write_text(table)
    with (
        pytest.raises(InputError, match=re.escape(said)),
        as_raw(str(own), "audio", Reading()),
    ):
        pass
