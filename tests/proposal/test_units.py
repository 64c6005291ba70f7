"""What a step of a text is, where it is asked for and where it is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from seqarena.cli.add import look_at
from seqarena.errors import InputError
from seqarena.proposal.asked import Asked, Look

ROWS = 2_000


def look(path: Path, **asked: str) -> Look:
    return look_at(path, Asked(**asked))


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    """A table of texts in which one word of five never stands again."""
    rows = (f"it was a new{n:04} film,{n % 2}\n" for n in range(ROWS))
    (tmp_path / "a.csv").write_text("text,label\n" + "".join(rows))
    return tmp_path / "a.csv"


def test_the_share_of_words_that_are_not_learned_is_told(reviews: Path) -> None:
    (told,) = [line for line in look(reviews).found if "--units subwords" in line]
    assert told.startswith("  text: 20.0% of the words of every tenth text are not learned")
    few = "".join(reviews.read_text().splitlines(keepends=True)[:ROWS])
    reviews.write_text(few)
    assert not [line for line in look(reviews).found if "--units" in line], "few rows say little"


@pytest.mark.parametrize(
    ("unit", "prepare"),
    [
        ("words", {"min_count": 2, "max_length": 8}),
        ("tokens", {"min_count": 2, "units": "tokens", "max_length": 8}),
        ("characters", {"min_count": 2, "units": "characters", "max_length": 21}),
    ],
)
def test_units_are_those_that_are_asked_for(
    reviews: Path, unit: str, prepare: dict[str, object]
) -> None:
    found = look(reviews, units=unit)
    assert found.proposal.prepare == prepare
    assert not [line for line in found.found if "--units" in line]


def test_texts_are_read_and_written_by_subwords(tmp_path: Path) -> None:
    rows = [f"reading {n} unreadable books,unread {n} rebooked reads\n" for n in range(60)]
    (tmp_path / "a.csv").write_text("text,target\n" + "".join(rows))
    prepare = look(tmp_path / "a.csv", inputs=("text",), units="subwords").proposal.prepare
    assert prepare["targets"] == prepare["units"] == "subwords"
    assert prepare["min_count"] == 2 and 4 <= prepare["max_length"] <= 12
    prepare = look(tmp_path / "a.csv", inputs=("text",), units="tokens").proposal.prepare
    assert (prepare["units"], prepare["targets"]) == ("tokens", "words")


def test_what_is_said_of_recordings_has_units_too(tmp_path: Path) -> None:
    rows = ["file,target\n"]
    for number in range(4):
        soundfile.write(tmp_path / f"{number}.wav", np.zeros(800), 8000)
        rows.append(f"{number}.wav,say the number {number}\n")
    (tmp_path / "labels.csv").write_text("".join(rows))
    for unit in ("words", "subwords", "characters"):
        assert look(tmp_path, units=unit).proposal.prepare["targets"] == unit
    with pytest.raises(InputError, match="--units tokens: .*transduction of audio"):
        look(tmp_path, units="tokens")
    with pytest.raises(InputError, match="--units: no unit of texts named 'word'; did you mean"):
        look(tmp_path, units="word")
