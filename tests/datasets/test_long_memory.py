from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from seqarena.data.modalities.text import Text, TextOptions
from seqarena.data.tokens import words
from seqarena.datasets.long_memory import BLANK, SYMBOLS, Adding, CopyMemory, LongMemory
from seqarena.files import digest_of
from support import rows_of

SIZES = {"train": 200, "valid": 30, "test": 50}
DATA = [CopyMemory, Adding]


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    raw = tmp_path_factory.mktemp("copied")
    CopyMemory().write(raw)
    return raw


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> Path:
    raw = tmp_path_factory.mktemp("added")
    Adding(sizes=SIZES).write(raw)
    return raw


def test_the_symbols_come_first_and_are_the_answer(copied: Path) -> None:
    rows = rows_of(copied, "examples.csv")
    assert list(rows[0]) == ["id", "text", "target", "split"]
    assert Counter(row["split"] for row in rows) == {"train": 4_000, "valid": 300, "test": 500}
    assert len({row["id"] for row in rows}) == len(rows)
    for row in rows:
        symbols, *blanks = row["text"].partition(f" {BLANK}")
        assert symbols == row["target"]
        assert set("".join(blanks).split()) == {BLANK}
        assert len(symbols.split()) == 10 and set(symbols.split()) <= set(SYMBOLS)


def test_no_symbols_on_two_sides(copied: Path) -> None:
    rows = rows_of(copied, "examples.csv")
    assert len({row["target"] for row in rows}) == len(rows)


def test_every_symbol_everywhere_alike(copied: Path) -> None:
    targets = np.array([row["target"].split() for row in rows_of(copied, "examples.csv")])
    for symbol in SYMBOLS:
        assert np.abs((targets == symbol).mean(axis=0) - 1 / 8).max() < 0.02


def test_tokens_stay_apart(copied: Path) -> None:
    for row in rows_of(copied, "examples.csv")[:200]:
        assert words(row["text"]) == row["text"].split()
        assert words(row["target"]) == row["target"].split()


def test_lengths_double_alike(copied: Path) -> None:
    lengths = np.array([len(row["text"].split()) for row in rows_of(copied, "examples.csv")])
    assert lengths.min() >= 50 and lengths.max() <= 400
    for low, high in ((50, 100), (100, 200), (200, 400)):
        assert abs(((lengths >= low) & (lengths < high)).mean() - 1 / 3) < 0.03


def test_prepares_as_text_to_text(copied: Path, tmp_path: Path) -> None:
    options = TextOptions(targets="words", max_length=400)
    spec = Text().prepare(copied, tmp_path, options, seed=0)
    assert set(spec.vocabulary[2:]) == {*SYMBOLS, BLANK}
    assert set(spec.target_vocabulary[3:]) == set(SYMBOLS)
    assert spec.max_target_length == 11  # and its end
    assert spec.max_length > 390


def test_the_answer_is_the_sum_of_what_is_marked(added: Path) -> None:
    rows = rows_of(added)
    assert list(rows[0]) == ["file", "target", "split"]
    assert Counter(row["split"] for row in rows) == SIZES
    files = {path.relative_to(added).as_posix() for path in (added / "signals").iterdir()}
    assert files == {row["file"] for row in rows} and len(files) == len(rows)
    for row in rows:
        steps = rows_of(added, row["file"])
        assert list(steps[0]) == ["value", "marker"]
        assert 50 <= len(steps) <= 400
        assert {step["marker"] for step in steps} == {"0", "1"}
        marked = [place for place, step in enumerate(steps) if step["marker"] == "1"]
        assert len(marked) == 2 and marked[0] < len(steps) // 2 <= marked[1]
        assert sum(Decimal(steps[place]["value"]) for place in marked) == Decimal(row["target"])


def test_values_are_uniform(added: Path) -> None:
    rows = rows_of(added)
    values = [float(step["value"]) for row in rows for step in rows_of(added, row["file"])]
    assert np.abs(np.histogram(values, 10, (0, 1))[0] / len(values) - 0.1).max() < 0.01
    targets = np.array([float(row["target"]) for row in rows])
    assert abs(np.mean((targets - 1) ** 2) - 1 / 6) < 0.03


def test_nothing_written_twice(added: Path) -> None:
    texts = {path.read_text() for path in (added / "signals").iterdir()}
    assert len(texts) == sum(SIZES.values())


@pytest.mark.parametrize("data", DATA)
def test_same_seed_same_bytes(data: type[LongMemory], tmp_path: Path) -> None:
    digests = []
    for number, seed in enumerate((0, 0, 1)):
        raw = tmp_path / str(number)
        raw.mkdir()
        data(sizes={"train": 5, "valid": 2, "test": 2}, lengths=(12, 20), seed=seed).write(raw)
        digests.append(digest_of(raw))
    assert digests[0] == digests[1] != digests[2]
