"""The sentences of the Hutto archive, whole and with a gap."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from seqarena.data.store import SPLITS
from seqarena.data.tokens import words
from seqarena.datasets import dataset
from seqarena.datasets.base import Dataset
from seqarena.datasets.hutto import clean, rated, sentences
from seqarena.datasets.pronouns import GAP, NO_LABEL, PRONOUNS, PronounGaps
from support import rows_of

Rows = list[dict[str, str]]
MOST = 200


def write(data: Dataset, raw: Path) -> Rows:
    data.write(raw)
    return rows_of(raw, "examples.csv")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    return write(dataset("hutto_sentences", "text"), tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def gaps(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    return write(PronounGaps(most=MOST), tmp_path_factory.mktemp("gaps"))


def test_sentences_of_one_article_share_a_group(whole: Rows) -> None:
    kinds = Counter(row["id"].split()[0] for row in whole)
    assert kinds == {"film": 10_603, "editorial": 5_118, "product": 3_693}
    assert len({row["id"] for row in whole}) == len(whole)
    groups = Counter(group.split()[0] for group in {row["group"] for row in whole})
    assert groups == {"film": 10_603, "editorial": 498, "product": 300}
    (second,) = (row for row in whole if row["id"] == "editorial 1_2")
    assert second["group"] == "editorial 1"
    assert second["text"].startswith("Events include sprinting, broad jumping,")


def test_no_sentence_stands_twice_and_all_are_clean(whole: Rows) -> None:
    texts = [row["text"] for row in whole]
    assert len({tuple(words(text.lower())) for text in texts}) == len(texts)
    assert all(words(text) for text in texts)
    assert not [
        text
        for text in texts
        if "  " in text or "&amp;" in text or "\N{REPLACEMENT CHARACTER}" in text
    ]


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("an at &amp;#38; t phone, R&amp;B", "an at & t phone, R&B"),
        ("art    when done right    can help", "art -- when done right -- can help"),
        ("love story   one that is dark", "love story -- one that is dark"),
        (" two  blanks ", "two blanks"),
    ],
)
def test_cleaning(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


def test_reviews_are_the_films_with_a_rating_that_has_a_sign(tmp_path: Path) -> None:
    reviews = write(dataset("movie_reviews"), tmp_path)
    films = {row.name: row for row in rated("film") if row.rating}
    assert len(reviews) == len(films) == 10_568
    for row in reviews:
        assert row["text"] == films[row["id"]].text
        assert row["label"] == ("positive" if films[row["id"]].rating > 0 else "negative")


def test_a_gap_has_a_label_for_every_token(gaps: Rows) -> None:
    texts = {sentence.id: sentence.text.lower() for sentence in sentences()}
    for row in gaps:
        tokens, labels = words(row["text"]), row["labels"].split()
        assert tokens == row["text"].split()
        assert len(tokens) == len(labels) <= 64
        assert tokens.count(GAP) == 1
        place = tokens.index(GAP)
        assert labels[place] in PRONOUNS
        assert set(labels[:place] + labels[place + 1 :]) <= {NO_LABEL}
        tokens[place] = labels[place]
        assert tokens == words(texts[row["id"]])


def test_gaps_are_balanced_and_split_by_group(gaps: Rows) -> None:
    counts = Counter(label for row in gaps for label in row["labels"].split())
    assert set(counts) == {*PRONOUNS, NO_LABEL}
    assert [counts[common] for common in ("it", "its", "his", "they", "he")] == [MOST] * 5
    assert max(counts[pronoun] for pronoun in PRONOUNS) == MOST
    assert len({row["id"] for row in gaps}) == len(gaps)
    sides = [{row["group"] for row in gaps if row["split"] == split} for split in SPLITS]
    assert not sides[0] & sides[1] and not sides[0] & sides[2] and not sides[1] & sides[2]
    sizes = Counter(row["split"] for row in gaps)
    assert sizes["valid"] == pytest.approx(len(gaps) / 10, rel=0.05)
    assert sizes["test"] == pytest.approx(len(gaps) / 10, rel=0.05)


def test_the_seed_chooses_the_gaps(gaps: Rows, tmp_path: Path) -> None:
    assert write(PronounGaps(most=MOST), tmp_path) == gaps
    assert {gap.id for gap in PronounGaps(most=MOST, seed=1).gaps()} != {row["id"] for row in gaps}
