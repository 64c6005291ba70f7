"""Subwords: learned alike every time, and joined back to the words that they are pieces of."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from seqarena.config import parse
from seqarena.data.modalities.text import Text, TextOptions
from seqarena.data.store import DataSpec, Split, read_spec, write_spec
from seqarena.data.subwords import Pieces, learn_subwords
from seqarena.data.tokens import JOINED, SPECIALS, words
from seqarena.errors import InputError

TEXTS = ["low low low low low", "lower lower", "newest newest newest", "Café, नमस्ते 你好!"]


def test_merges_are_those_of_the_most_common_pairs() -> None:
    """With Sennrich's words: in 'low' x 5 and 'lower' x 2 stand ' l', 'lo', 'ow' 7 times each."""
    vocabulary, merges = learn_subwords(TEXTS[:3], SPECIALS, size=14, min_count=2)
    assert merges == ("  l", "o w", " l ow")  # 7 times each
    assert vocabulary[:2] == SPECIALS and set(vocabulary[2:]) == {*" lowernst", " l", "ow", " low"}
    assert vocabulary[2:4] == ("e", " low")  # 8 times and 7, of what is left after merging
    split = Pieces(vocabulary, merges)
    assert split("lower lows") == [" low", "e", "r", " low", "s"]


def test_what_is_split_is_joined_to_the_same_words() -> None:
    vocabulary, merges = learn_subwords(TEXTS, SPECIALS, size=60, min_count=2)
    split = Pieces(vocabulary, merges)
    for text in [*TEXTS, "slowest, <unk> Жow  isn't", "▁low ##er"]:
        assert JOINED["subwords"](split(text)) == " ".join(words(text))
    assert set(split("ewr नfé")) <= set(vocabulary), "characters of train are never unknown"
    assert "Ж" in split("Жow") and "ow" in split("Жow"), "an unknown character is one piece"


def test_the_order_of_texts_and_the_process_change_nothing() -> None:
    code = (
        "import sys; from seqarena.data.subwords import *;"
        f"print(learn_subwords({TEXTS[::-1]!r}, SPECIALS, size=60, min_count=2))"
    )
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, encoding="utf-8", env=environment,
            check=True,
        )  # fmt: skip
        found = learn_subwords(TEXTS, SPECIALS, size=60, min_count=2)
        assert done.stdout.strip() == str(found)


def test_a_vocabulary_too_small_for_the_characters_is_refused() -> None:
    with pytest.raises(InputError, match=r"vocabulary: 9: train has 9 different characters"):
        learn_subwords(["low lower newest"], SPECIALS, size=9, min_count=2)


def prepared(folder: Path, lines: list[str], **options: object) -> tuple[Path, DataSpec]:
    (folder / "examples.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    out = folder / "out"
    out.mkdir()
    return out, Text().prepare(folder, out, parse(TextOptions, options, "prepare"), seed=0)


def test_texts_are_read_by_pieces_learned_from_train(tmp_path: Path) -> None:
    lines = ["text,label,split", "slowly slowly,a,train", "slow lowly,b,train"]
    lines += ["slow quick,a,valid", "Lowly,b,test"]
    out, spec = prepared(tmp_path, lines, units="subwords", vocabulary=40, min_count=1)
    assert not {"q", "u", "i", "c", "k"} & set(spec.vocabulary) and " slow" in spec.vocabulary
    unknown = (Split(out / "valid").sequence(0) == 1).sum()
    assert unknown == 5, "quick stood never in train, and neither did its letters"
    write_spec(tmp_path / "spec.json", spec)
    again = read_spec(tmp_path / "spec.json")  # all that a logged model has
    ((_, steps, *_),) = Text().read("LOWLY", again)
    assert steps.tolist() == Split(out / "test").sequence(0).tolist()
    assert Text().step_labels(steps, again)[0].startswith("▁")


def test_targets_of_subwords_are_written_as_their_words(tmp_path: Path) -> None:
    lines = ["text,target,split", *(f"{n},it's {n} o'clock!,train" for n in range(5))]
    lines += ["6,it's 3 o'clock!,valid", "7,it's 4 clocks!,test"]
    out, spec = prepared(tmp_path, lines, targets="subwords", vocabulary=40, min_count=1)
    assert spec.target_unit == "subwords" and " it's" in spec.target_vocabulary
    pieces = [spec.target_vocabulary[token] for token in Split(out / "test").target(0)]
    assert pieces[-1] == "<end>"
    assert JOINED[spec.target_unit](pieces[:-1]) == "it's 4 clocks !"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vocabulary": 100}, "vocabulary is of subwords"),
        ({"units": "subwords", "max_vocabulary": 100}, "of subwords it is `vocabulary`"),
        ({"units": "subwords", "targets": "labels"}, "labels are of tokens, not of pieces"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    options: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        parse(TextOptions, options, "prepare")
