"""Which texts are nearly another one, against every pair compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seqarena.cli.add import look_at
from seqarena.proposal.duplicates import hashed_words, near
from seqarena.proposal.tables import Asked

WORDS = [f"w{number}" for number in range(400)]


def in_order(one: list[str], other: list[str]) -> int:
    """Count the words that two texts share in order, by the textbook's table."""
    table = np.zeros((len(one) + 1, len(other) + 1), int)
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            table[i + 1, j + 1] = (
                table[i, j] + 1 if a == b else max(table[i, j + 1], table[i + 1, j])
            )
    return int(table[-1, -1])


def test_found_are_those_that_share_four_words_in_five() -> None:
    random = np.random.default_rng(0)
    texts = [random.choice(WORDS, random.integers(4, 11)).tolist() for _ in range(60)]
    for text in texts[:30]:  # with one word or two changed, or one more
        changed = list(text)
        for place in random.choice(len(text), random.integers(1, 3), replace=False):
            changed[place] = "other"
        texts.append(changed if random.random() < 0.7 else [*text, "more"])
    wanted = [
        any(
            in_order(one, other) >= 0.8 * max(len(one), len(other))
            for place, other in enumerate(texts)
            if place != number
        )
        for number, one in enumerate(texts)
    ]
    hashed = [hashed_words(" ".join(text)) for text in texts]
    assert near(hashed, np.arange(len(texts))).tolist() == wanted
    assert 0 < sum(wanted[60:]) < 30
    only = near(hashed, np.arange(60))  # among the first alone
    assert only[60:].tolist() == wanted[60:] and not only[:60].any()


def test_a_long_text_is_known_by_both_its_ends() -> None:
    head = " ".join(WORDS[:60])
    texts = [f"{head} {' '.join(WORDS[start : start + 60])}" for start in (100, 200, 300)]
    assert not near([*map(hashed_words, texts)], np.arange(3)).any()


def test_near_duplicates_are_told(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    texts = [" ".join(random.choice(WORDS, 6)) for _ in range(40)]
    rows = [f"{text},{'xy'[n % 2]},train" for n, text in enumerate(texts)]
    rows += [f"{texts[n]} more,x,test" for n in range(7)]  # nearly those of train
    rows += [f"{texts[n]} too,x,train" for n in range(20, 23)]
    rows += [f"{' '.join(random.choice(WORDS, 6))},y,test" for _ in range(13)]
    (tmp_path / "a.csv").write_text("text,label,split\n" + "\n".join(rows) + "\n")
    same = "4 words in 5 the same"
    assert look_at(tmp_path / "a.csv", Asked()).warnings == [
        f"20 of 63 different texts are nearly another's: {same}",
        f"7 of 20 texts of test are nearly one of train: {same}",
    ]
