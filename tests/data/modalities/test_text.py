"""Tokens, the vocabulary, and text from raw to ids and back."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from seqarena.config import parse
from seqarena.data.modalities.text import Text, TextOptions
from seqarena.data.store import DataSpec, Split
from seqarena.data.tokens import SPECIALS, learn_vocabulary, words
from seqarena.errors import InputError, InputWarning

TEXT = Text()


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Isn't it GOOD?", ["isn't", "it", "good", "?"]),
        ("isn\u2019t", ["isn't"]),  # the typographic apostrophe
        ("''Conan'' -- well-made...", ["''", "conan", "''", "--", "well-made", "..."]),
        ("at 9:30, 1,000.5 or 2nd", ["at", "9:30", ",", "1,000.5", "or", "2nd"]),
        ("wow!!!?", ["wow", "!!!", "?"]),
        ("cafe\u0301 \u00fcber", ["caf\u00e9", "\u00fcber"]),
        (" \t\n", []),
    ],
)
def test_tokens(text: str, tokens: list[str]) -> None:
    assert words(text.lower()) == tokens


def test_vocabulary_is_by_frequency_then_alphabet() -> None:
    texts = [["b", "a", "b", "a", "c"], ["c", "b", "d", "d", "e"]]
    known = learn_vocabulary(texts, SPECIALS, min_count=2, most=5)
    assert known == ("<pad>", "<unk>", "b", "a", "c")
    assert learn_vocabulary(texts, SPECIALS, most=None)[-1] == "e"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    lines = [f"good film number {i},positive,train" for i in range(8)]
    lines += [f"bad film number {i},negative,train" for i in range(8)]
    lines += ["a bad thing,negative,valid", "a good thing,positive,valid"]
    lines += ["bad bad thing,negative,test", "good good thing,positive,test"]
    (tmp_path / "examples.csv").write_text("text,label,split\n" + "\n".join(lines) + "\n")
    return tmp_path


def prepared(raw: Path, name: str = "out", **options: object) -> tuple[Path, DataSpec]:
    out = raw / name
    out.mkdir()
    return out, TEXT.prepare(raw, out, parse(TextOptions, options, "prepare"), seed=0)


def test_text_goes_to_ids_of_the_vocabulary_of_train(raw: Path) -> None:
    out, spec = prepared(raw)
    assert spec.vocabulary == ("<pad>", "<unk>", "film", "number", "bad", "good", *"01234567")
    assert (spec.classes, spec.max_length) == (("negative", "positive"), 4)
    test = Split(out / "test")
    assert test.inputs.dtype == "int32"
    assert TEXT.step_labels(test.sequence(0), spec) == ["bad", "bad", "<unk>"]
    assert test.targets.tolist() == [0, 1]
    assert test.examples()[1] == {"id": "21", "label": "positive", "text": "good good thing"}


def test_the_same_sentence_is_never_in_two_splits(tmp_path: Path) -> None:
    lines = [f"sentence {'abcdefghij'[i % 10]},{'xy'[i % 2]}" for i in range(40)]
    (tmp_path / "examples.csv").write_text("text,label\n" + "\n".join(lines) + "\n")
    out, _ = prepared(tmp_path, valid=0.2, test=0.2)
    texts = [{e["text"] for e in Split(out / name).examples()} for name in ("train", "test")]
    assert all(texts)
    assert not texts[0] & texts[1]


def test_what_is_read_alike_is_never_in_two_splits(tmp_path: Path) -> None:
    """Case, how an accent is written and what is cut are not seen by a model."""
    ways = [
        "the caf\u00e9 {0} was good",
        "The cafe\u0301  {0} was good",
        "the caf\u00e9 {0} WAS, too",
    ]
    lines = [f'"{way.format(n)}",{"xy"[n % 2]}' for n in range(20) for way in ways]
    (tmp_path / "examples.csv").write_text("text,label\n" + "\n".join(lines) + "\n")
    out, _ = prepared(tmp_path, valid=0.2, test=0.2, max_length=4)
    for split in (Split(out / name) for name in ("train", "valid", "test")):
        places = [int(example["id"]) - 2 for example in split.examples()]
        counts = [sum(place // 3 == n for place in places) for n in range(20)]
        assert set(counts) == {0, 3}
    whole = {"max_length": 9, "lowercase": False}
    out = tmp_path / "whole"
    out.mkdir()
    Text().prepare(tmp_path, out, TextOptions(valid=0.3, test=0.3, **whole), seed=0)
    places = [int(example["id"]) - 2 for example in Split(out / "test").examples()]
    assert any(place // 3 * 3 + 1 not in places for place in places), "other tokens, other groups"


def test_long_text_is_cut(raw: Path) -> None:
    out, spec = prepared(raw, max_length=2)
    assert spec.max_length == 2
    assert Split(out / "test").lengths.tolist() == [2, 2]
    assert len(TEXT.read("good good film number 3", spec)[0][1]) == 2


def test_new_text_is_read_as_prepare_did(raw: Path) -> None:
    out, spec = prepared(raw)
    ((name, steps, *_),) = TEXT.read("GOOD good thing", spec)
    assert name == "GOOD good thing"
    assert len(TEXT.read("good " * 1000, spec)[0][1]) == spec.options["max_length"]
    assert steps.tolist() == Split(out / "test").sequence(1).tolist()
    (raw / "new.txt").write_text("good film\nbad\n")
    assert [name for name, *_ in TEXT.read(str(raw / "new.txt"), spec)] == [
        "new.txt:1",
        "new.txt:2",
    ]
    (raw / "new.csv").write_text('id,text\nq,"good, bad"\n')
    ((name, steps, *_),) = TEXT.read(str(raw / "new.csv"), spec)
    assert (name, TEXT.step_labels(steps, spec)) == ("q", ["good", "<unk>", "bad"])


def test_input_that_says_nothing_is_refused(raw: Path) -> None:
    _, spec = prepared(raw)
    (raw / "new.txt").write_text("good\n\nbad\n\n")
    assert [name for name, *_ in TEXT.read(str(raw / "new.txt"), spec)] == [
        "new.txt:1",
        "new.txt:3",
    ]
    (raw / "new.csv").write_text("id,text\n7,good\n8,\n")
    with pytest.raises(InputError, match=r"new\.csv line 3: an empty sentence"):
        TEXT.read(str(raw / "new.csv"), spec)
    for content in ("", "\n \n"):
        (raw / "new.txt").write_text(content)
        with pytest.raises(InputError, match=r"new\.txt: no sentences"):
            TEXT.read(str(raw / "new.txt"), spec)
    (raw / "new.csv").write_text("text\n")
    with pytest.raises(InputError, match=r"new\.csv: no sentences"):
        TEXT.read(str(raw / "new.csv"), spec)
    (raw / "new.csv").write_text("")
    with pytest.raises(InputError, match=r"new\.csv: empty file; expected the columns text"):
        TEXT.read(str(raw / "new.csv"), spec)
    with pytest.raises(InputError, match="a folder; expected a text file or a sentence"):
        TEXT.read(str(raw), spec)
    with pytest.raises(InputError, match="^the input: an empty sentence"):
        TEXT.read("  ", spec)
    with pytest.raises(InputError, match=r"gone\.csv: no such file"):
        TEXT.read("gone.csv", spec)
    (raw / "new.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="UTF-8"):
        TEXT.read(str(raw / "new.txt"), spec)


def test_what_is_not_read_as_it_stands_is_told(raw: Path) -> None:
    _, spec = prepared(raw, max_length=3)
    (raw / "new.txt").write_text("a zorblax film\ngood good bad zorblax number\nqwxyz number\n")
    with pytest.warns(InputWarning) as warned:
        TEXT.read(str(raw / "new.txt"), spec)
    assert [str(warning.message) for warning in warned] == [
        "not in the vocabulary, read as <unk>: a, zorblax, qwxyz",
        "1 of 3 texts: only the first 3 tokens are read",
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TEXT.read("good film", spec)


GAP = ["i saw ___ today,_ _ him _,train", "___ is good .,he _ _ _,train"]
GAP += ["___ is bad .,he _ _ _,valid", "i saw ___ .,_ _ him _,test"]
WORDS = ["a b . c,X Y _ X,train", "b .,Y _,train", "c .,X _,valid", "a .,X _,test"]


@pytest.mark.parametrize(
    ("lines", "min_count", "asked"),
    [
        (GAP, 1, {"___"}),
        (GAP, 2, {"___"}),
        (WORDS, 1, {"a", "b", "c", "<unk>"}),  # an unknown word is one of the many
        ([*WORDS, "d .,Y Y,train"], 1, set()),  # the full stop decides nothing
        (["a b,X Y,train", "b,Y,train", "a,X,valid", "b a,Y X,test"], 1, set()),  # all have one
    ],
)
def test_labels_are_asked_of_the_tokens_that_have_one(
    lines: list[str], min_count: int, asked: set[str], tmp_path: Path
) -> None:
    (tmp_path / "examples.csv").write_text("text,labels,split\n" + "\n".join(lines) + "\n")
    _, spec = prepared(tmp_path, targets="labels", min_count=min_count)
    assert {spec.vocabulary[token] for token in spec.labelled_tokens} == asked


def test_a_text_without_such_a_token_is_refused(tmp_path: Path) -> None:
    (tmp_path / "examples.csv").write_text("text,labels,split\n" + "\n".join(GAP) + "\n")
    _, spec = prepared(tmp_path, targets="labels", min_count=1)
    assert len(TEXT.read("___ saw ___", spec)) == 1
    with pytest.raises(InputError, match="^i saw him: nothing to label; .* at ___ alone"):
        TEXT.read("i saw him", spec)


def test_a_wrong_option_is_told() -> None:
    with pytest.raises(InputError, match=r"prepare\.min_cuont: no such key; did you mean 'min_c"):
        parse(TextOptions, {"min_cuont": 3}, "prepare")


def test_a_text_may_be_the_answer(tmp_path: Path) -> None:
    lines = [f"{n} gatos,{n} cats," for n in range(6)]
    lines += ["7 gatos,7 dogs,valid", "8 gatos,cats 8,test"]
    (tmp_path / "examples.csv").write_text("text,target,split\n" + "\n".join(lines) + "\n")
    out, spec = prepared(tmp_path, targets="words", min_count=1)
    assert spec.target_vocabulary == ("<pad>", "<unk>", "<end>", "cats", *"012345")
    assert (spec.classes, spec.max_target_length, spec.target_unit) == ((), 3, "words")
    assert Split(out / "test").target(0).tolist() == [3, 1, 2]  # 8 is not in train
    assert Split(out / "valid").examples()[0]["target"] == "7 dogs"
    _, spec = prepared(tmp_path, "letters", targets="characters")
    assert spec.max_target_length == 7 and " " in spec.target_vocabulary
    with pytest.raises(InputError, match="no column named 'label'"):
        prepared(tmp_path, "labels")


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85"])  # str.splitlines ends at each
def test_a_text_with_a_line_separator_is_one_text(raw: Path, separator: str) -> None:
    text = f"good{separator}film"
    with (raw / "examples.csv").open("a") as file:
        file.write(f'"{text}",positive,test\n')
    out, spec = prepared(raw)
    assert [example["text"] for example in Split(out / "test").examples()][-1] == text
    (raw / "asked.txt").write_text(f"{text}\nbad film\n")
    assert [name for name, *_ in TEXT.read(str(raw / "asked.txt"), spec)] == [
        "asked.txt:1",
        "asked.txt:2",
    ]


def test_a_step_may_be_what_stands_between_blanks(tmp_path: Path) -> None:
    rows = [f"U.S. {n} cafe\u0301 (it),L O O O,{split}" for n, split in enumerate(("train",) * 9)]
    rows += [f"U.S. {split} ,L O,{split}" for split in ("valid", "test")]
    (tmp_path / "examples.csv").write_text("text,labels,split\n" + "\n".join(rows) + "\n")
    out, spec = prepared(tmp_path, units="tokens", targets="labels", min_count=2)
    assert spec.vocabulary == ("<pad>", "<unk>", "(it)", "caf\u00e9", "u.s.")
    assert Split(out / "train").sequence(0).tolist() == [4, 1, 3, 2]
    (read,) = TEXT.read("The U.S.  (it)", spec)
    assert read.steps.tolist() == [1, 4, 2]
    with pytest.raises(InputError, match="units tokens: what comes next is written in words"):
        prepared(tmp_path, "next", units="tokens", targets="next")
    rows.append("U.S. (it) is,L O,train")
    (tmp_path / "examples.csv").write_text("text,labels,split\n" + "\n".join(rows))
    with pytest.raises(InputError, match=r"examples\.csv line 13: 2 labels for 3 steps"):
        prepared(tmp_path, "odd", units="tokens", targets="labels")


def test_a_step_may_be_a_character(tmp_path: Path) -> None:
    rows = [f"ab{letter},{number % 2}\n" for number, letter in enumerate("cdefghijkl")]
    (tmp_path / "examples.csv").write_text("text,label\n" + "".join(rows))
    (tmp_path / "out").mkdir()
    options = TextOptions(units="characters", min_count=1, valid=0.2, test=0.2)
    spec = Text().prepare(tmp_path, tmp_path / "out", options, seed=0)
    assert spec.max_length == 3 and {"a", "b"} < set(spec.vocabulary)
    ((_, steps, *_),) = Text().read("BA", spec)
    assert [spec.vocabulary[step] for step in steps] == ["b", "a"]
