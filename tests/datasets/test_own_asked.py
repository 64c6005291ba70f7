"""A table that a model is asked about is read as a copy, of which nobody hears."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest

from seqarena.config import OwnData
from seqarena.data.folders import asked_at
from seqarena.datasets.own.asked import as_raw
from seqarena.errors import InputError, InputWarning


def breaks_off(own: Path) -> None:
    with as_raw(str(own), "text", OwnData(path="own")) as raw:
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
    with as_raw(str(own), "signal", OwnData(path="own")) as raw:
        assert (raw == str(own)) is itself


def test_a_list_of_files_names_them_as_the_user_does(tmp_path: Path) -> None:
    own = tmp_path / "calls.csv"
    own.write_text("recording;age\na/one.wav;7\n")
    with as_raw(str(own), "audio", OwnData(path="own", columns={"file": "recording"})) as raw:
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
        as_raw(str(own), "audio", OwnData(path="own")),
    ):
        pass


def test_what_is_asked_need_not_have_the_answers(tmp_path: Path) -> None:
    """Of the columns that a section names by its own names only the input has to be there."""
    reading = OwnData(path="own", columns={"text": "review", "label": "stars", "group": "film"})
    own = tmp_path / "new.csv"
    own.write_text("review,film\na warm film,x\n")
    with as_raw(str(own), "text", reading) as raw:
        assert Path(raw).read_text().splitlines()[0] == "text,group,_place"
    own.write_text("reviews,film\na warm film,x\n")
    with (
        pytest.raises(InputError, match="new.csv: columns: no column named 'review'; did you mean"),
        as_raw(str(own), "text", reading),
    ):
        pass
