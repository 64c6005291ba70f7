"""Text to tokens and their vocabulary, for what a model reads and for what it writes."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from seqarena.data.store import Array

if TYPE_CHECKING:
    import regex

PAD, UNKNOWN, END = range(3)
SPECIALS = ("<pad>", "<unk>")
TARGET_SPECIALS = (*SPECIALS, "<end>")  # ends a target, and stands before its first token

# Scripts that put no blanks between words: each character, with the signs on it, is a token.
UNSPACED = r"\p{Han}\p{Hiragana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
# A letter or a digit, or in any script a sign on it or a joiner (UAX #29: Extend and ZWJ).
LETTER = rf"[[\w\p{{M}}\u200c\u200d] -- [{UNSPACED}]]"
# In this order: a number with its separators, a character of an unspaced script, a word with its
# contractions and hyphens, a run of one and the same mark ("...", "''"), since how often it stands
# there carries meaning. \X is what people take for one character: an emoji of many code points too.
TOKEN = rf"""
    \d+ (?: [.,:] \d+ )* (?! {LETTER} )
  | (?= [{UNSPACED}] ) \X
  | {LETTER}+ (?: ['-] {LETTER}+ )*
  | ( (?= [^\w\s] ) \X ) \1*
"""
# The same for ASCII alone, in a third of the time; what begins with a letter is the most.
ASCII_TOKEN = re.compile(
    r"[^\W\d]\w*(?:['-]\w+)*|\d+(?:[.,:]\d+)*(?!\w)|\w+(?:['-]\w+)*|([^\w\s])\1*", re.ASCII
)


def words(text: str) -> list[str]:
    """Split text into words with their contractions, numbers, and runs of one punctuation mark.

    In a script without blanks between words (Han, Kana, Thai, …) each character is a word.
    """
    if text.isascii():
        return [match[0] for match in ASCII_TOKEN.finditer(text)]
    text = unicodedata.normalize("NFC", text).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return [match[0] for match in _pattern().finditer(text)]


def is_unspaced(text: str) -> bool:
    """Tell whether a text has a character of a script that puts no blanks between words."""
    return not text.isascii() and _unspaced().search(text) is not None


@cache
def _unspaced() -> regex.Pattern[str]:
    import regex

    return regex.compile(f"[{UNSPACED}]")


@cache
def _pattern() -> regex.Pattern[str]:
    import regex  # where there is only torch, models train on what is tokens already

    return regex.compile(TOKEN, regex.VERBOSE | regex.V1)


def characters(text: str) -> list[str]:
    """Split text into its characters, blanks among them."""
    return list(unicodedata.normalize("NFC", text))


Tokenise = Callable[[str], list[str]]
UNITS: dict[str, Tokenise] = {"words": words, "characters": characters}  # those not learned
# Tokens back to a text; the first piece of a word begins with a blank, see data/subwords.py.
JOINED: dict[str, Callable[[Iterable[str]], str]] = {
    "words": " ".join,
    "characters": "".join,
    "subwords": lambda pieces: "".join(pieces).removeprefix(" "),
}


def readable(token: str) -> str:
    """Write a token so that a blank in it can be seen."""
    return token.replace(" ", "\N{LOWER ONE EIGHTH BLOCK}")


def learn_vocabulary(
    texts: Iterable[Sequence[str]], specials: Sequence[str], *, min_count: int = 1, most: int | None
) -> tuple[str, ...]:
    """List the specials, then the tokens by falling frequency and, where equal, the alphabet."""
    counts = Counter(token for tokens in texts for token in tokens)
    known = [token for token, count in counts.items() if count >= min_count]
    known.sort(key=lambda token: (-counts[token], token))
    return (*specials, *(known if most is None else known[: most - len(specials)]))


def ids(tokens: Iterable[str], index: dict[str, int]) -> Array:
    """Number tokens, ``(T,)`` int32; one outside the vocabulary is `UNKNOWN`."""
    return np.array([index.get(token, UNKNOWN) for token in tokens], dtype=np.int32)
