"""Sentences with a token and its tag in each line."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from seqarena.config import OwnData
from seqarena.data.labelled import read_manifest
from seqarena.data.rows import Row
from seqarena.data.targets import TARGETS
from seqarena.datasets import dataset
from seqarena.datasets.own.conll import are_sentences
from seqarena.errors import InputError


def read(path: Path, text: str = "1", labels: str = "2") -> list[Row]:
    raw = path.parent / "raw"
    raw.mkdir()
    own = OwnData(path=str(path), columns={"text": text, "labels": labels})
    dataset(own, "text", targets="labels").write(raw)
    return [*read_manifest(raw / "examples.csv", "text", TARGETS["labels"])]


SENTENCES = "Ann B-p\nleft\tO\n\n\n-DOCSTART- O\n\nwe O\nmet O\nBob B-p"


@pytest.mark.parametrize("name", ["a.conll", "a.bio", "a.txt", "a.conll.gz"])
def test_a_token_and_its_tag_in_each_line_are_sentences(name: str, tmp_path: Path) -> None:
    packed = gzip.compress if name.endswith(".gz") else bytes
    (tmp_path / name).write_bytes(packed(SENTENCES.encode()))
    found = read(tmp_path / name)
    assert [(r.item, r.target) for r in found] == [("Ann left", "B-p O"), ("we met Bob", "O O B-p")]
    assert [row.place[-6:] for row in found] == ["line 1", "line 7"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a O\nb O x\n\nc O\n", "line 2: expected 2 cells, as before, found 3"),
        (b"a O\n\nb\n", "line 3: expected 2 cells, as before, found 1"),
        (b"a\nb\n\nc\n", "line 1: expected a token and its tag, found 1"),
        (b"a O\n\n\xe9 O\n", "line 3: the byte 0xe9 is not UTF-8"),
        (b"\n", "no rows"),
    ],
)
def test_a_line_that_is_no_token_and_its_tag_is_told(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "a.conll").write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.conll:? {message}"):
        read(tmp_path / "a.conll")


@pytest.mark.parametrize(
    "content",
    ["a\tb\nc\td\n", "a b c\n\nd e\nf g\n", "a b\n\nc d\n\ne f\n", "one\n\ntwo\nthree\n", ""],
)
def test_a_text_without_as_many_cells_in_each_line_is_another_table(
    content: str, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text(content)
    assert not are_sentences(tmp_path / "a.txt", "utf-8")


UNIVERSAL = """\
# sent_id = 1
# text = Vámonos al mar
1-2\tVámonos\t_\t_\t_\t_\t_\t_\t_\t_
1\tVamos\tir\tVERB\t_\tMood=Imp|Number=Plur\t0\troot\t_\t_
2\tnos\tnosotros\tPRON\t_\t_\t1\tobj\t_\t_
# a comment in between
3\t10 000\t10 000\tNUM\t_\t_\t1\tobl\t_\t_
3.1\tvamos\t_\tVERB\t_\t_\t_\t_\t_\t_

# sent_id = 2
1\tSí\tsí\tINTJ\t_\t_\t0\troot\t_\tSpaceAfter=No
"""


def test_universal_dependencies_are_read_by_their_fields(tmp_path: Path) -> None:
    (tmp_path / "es.conllu").write_text(UNIVERSAL)
    found = read(tmp_path / "es.conllu", "form", "upos")
    assert [(row.item, row.target) for row in found] == [
        ("Vamos nos 10_000", "VERB PRON NUM"),
        ("Sí", "INTJ"),
    ]
    assert [row.place.split()[-1] for row in found] == ["4", "11"]


def test_a_word_without_all_its_fields_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.conllu").write_text("1\ta\tO\n")
    with pytest.raises(InputError, match=r"a\.conllu line 1: expected 9 cells, .* found 2"):
        read(tmp_path / "a.conllu", "form", "upos")


@pytest.mark.parametrize("line", ["1 a O", "one\ta\tO\t_\t_\t_\t_\t_\t_\t_", "1"])
def test_a_line_that_is_no_word_of_universal_dependencies_is_told(
    line: str, tmp_path: Path
) -> None:
    """One that is passed over without a word takes its tag with it."""
    (tmp_path / "a.conllu").write_text(f"{UNIVERSAL}{line}\n")
    with pytest.raises(InputError, match=r"a\.conllu line 12: expected 9 cells, .* found 1"):
        read(tmp_path / "a.conllu", "form", "upos")
