"""What a step of a text is: a word, a piece of one, a character, a token."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Any

from seqarena.data.modalities.text import MOST_TOKENS, STEPS
from seqarena.data.subwords import PIECES, Pieces, learn_subwords
from seqarena.data.targets import AGAIN
from seqarena.data.tokens import SPECIALS, Tokenise, is_unspaced, learn_vocabulary, words
from seqarena.proposal.columns import Column, Lengths

UNITS = (*STEPS, "subwords")
FEWEST = 8  # steps that are read, at least
RARE = 2_000  # rows from which on a word must stand twice to be learned
HELD_OUT = 10  # of so many texts one


def steps_of(text: Column, unit: str | None) -> dict[str, Any]:
    """Return what a step of a text is, be it asked for, and how many of them are read.

    Nearly all that it has: 95 % of the texts are read whole.
    """
    if unit is None:
        unit = "characters" if is_spelled(text) else "words"
    if unit == "words" and text.lengths is not None:
        return {"max_length": max(FEWEST, int(text.lengths.most))}
    split = _pieces([*text.values]) if unit == "subwords" else STEPS[unit]
    lengths = Lengths.of([len(split(value.lower())) for value in text.values], unit)
    often = {"min_count": AGAIN} if unit == "subwords" else {}  # or each word would be a piece
    return {"units": unit, "max_length": max(FEWEST, int(lengths.most)), **often}


def unknown_words(texts: Column) -> str:
    """Say how many words of every tenth text the others do not have twice, and what reads them."""
    split = [words(text.lower()) for text in texts.values]
    held = split[::HELD_OUT]
    others = [tokens for place, tokens in enumerate(split) if place % HELD_OUT]
    known = set(learn_vocabulary(others, SPECIALS, min_count=2, most=MOST_TOKENS))
    counts = Counter(token in known for tokens in held for token in tokens)
    share = counts[False] / max(1, counts.total())
    told = f"{share:.1%} of the words of every tenth text are not learned from the others"
    return f"  {texts.name}: {told}; --units subwords spells such words by their parts"


def is_spelled(texts: Column) -> bool:
    """Tell what is read letter by letter: names, genes, formulas, without a blank in most of them.

    A script that puts none between words has a token for each character anyway.
    """
    counts = Counter[bool]()
    for value in islice(texts.values, 500):
        counts[not any(map(str.isspace, value)) and not is_unspaced(value)] += 1
    return counts[True] > counts[False]


def _pieces(texts: Sequence[str]) -> Tokenise:
    lowered = [text.lower() for text in texts]
    return Pieces(*learn_subwords(lowered, SPECIALS, size=PIECES, min_count=AGAIN))
