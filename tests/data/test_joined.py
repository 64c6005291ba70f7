"""Texts of one source go on from one another, word for word those of texts by themselves."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqarena.config import parse
from seqarena.data.modalities.text import Text, TextOptions
from seqarena.data.store import Prepared
from seqarena.errors import InputError
from support import prepare_raw

ROWS = [  # text, group, split
    ("a b c", "one", "train"),
    ("b c", "one", "train"),
    ("c a\nb", "one", "train"),
    ("a a", "", "train"),
    ("b b b b b b b b", "two", "train"),
    ("c", "two", "train"),
    ("a b", "three", "valid"),
    ("c b", "three", "valid"),
    ("b a", "four", "test"),
    ("a c", "four", "test"),
    ("c c", "three", "valid"),
]


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    with (tmp_path / "examples.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "group", "split"])
        writer.writerows([f"r{n}", *row] for n, row in enumerate(ROWS))
    return tmp_path


def prepared(raw: Path, **options: Any) -> Prepared:
    chosen = {"targets": "next", "min_count": 1, "max_length": 6, **options}
    name = str(options.get("join", "apart"))
    return prepare_raw(Text(), raw, raw / name, parse(TextOptions, chosen, "prepare"))


def texts(data: Prepared, split: str) -> list[str]:
    """Each sequence of inputs in words, its last target after a bar."""
    found, words = data.split(split), ("", "?", "|", *data.spec.vocabulary[3:])
    said = []
    for place in range(len(found)):
        steps, targets = found.sequence(place), found.target(place)
        assert np.array_equal(steps[1:], targets[:-1])
        said.append(" ".join(words[int(token)] for token in [*steps, targets[-1]]))
    return said


def test_what_follows_one_another_is_one_sequence_as_far_as_it_fits(raw: Path) -> None:
    data = prepared(raw, join=8)
    assert texts(data, "train") == [
        "| a b c | b c |",  # 4 + 3 steps; 4 more are too many
        "| c a b |",
        "| a a |",
        "| b b b b b b |",  # cut as it is by itself
        "| c |",
    ]
    assert texts(data, "valid") == ["| a b | c b |", "| c c |"], "another stands between"
    assert texts(data, "test") == ["| b a | a c |"]
    assert data.spec.max_length == 7
    examples = data.split("train").examples()
    assert [example["id"] for example in examples] == ["r0", "r2", "r3", "r4", "r5"]
    assert examples[0]["text"] == "a b c\nb c"
    assert examples[0]["group"] == "one"


def test_long_sequences_hold_the_same_words_as_short_ones(raw: Path) -> None:
    apart, joined = prepared(raw), prepared(raw, join=20)
    assert apart.spec.vocabulary == joined.spec.vocabulary
    for split in ("valid", "test"):
        single, long = (
            np.concatenate([part.target(n) for n in range(len(part))])
            for part in (apart.split(split), joined.split(split))
        )
        assert np.array_equal(single, long)


def test_folds_keep_what_is_joined_together(raw: Path) -> None:
    text = (raw / "examples.csv").read_text().replace(",valid", ",train")
    (raw / "examples.csv").write_text(text)
    data = prepared(raw, join=8, folds=2)
    found = [*data.split("train").examples(), *data.split("valid").examples()]
    assert sorted(example["text"].count("\n") for example in found) == [0] * 5 + [1] * 2


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"targets": "label"}, "join: only where the next token is the target"),
        ({"join": 5}, "join 5 is below max_length 6"),
    ],
)
def test_a_join_that_cannot_be_is_told(raw: Path, options: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        prepared(raw, **{"join": 8, **options})
