"""Subwords: words and pieces of words, learned from train by byte pair encoding."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from seqarena.data.tokens import SPECIALS, UNKNOWN, words
from seqarena.errors import InputError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PIECES = 8_000  # of a vocabulary, where nothing else is asked for
CACHE = 1 << 16  # words whose pieces are kept


class Pieces:
    """Splits a text into the pieces of its words (Sennrich et al. 2016).

    The first piece of a word begins with a blank, which joins the words again. What no longer piece
    holds is spelled in characters, so that one is unknown only if it never stood in train.
    """

    def __init__(self, vocabulary: Sequence[str], merges: Sequence[str]) -> None:
        """`merges` are pairs of pieces that become one, the earlier first, a blank between them."""
        index = {piece: number for number, piece in enumerate(vocabulary)}
        # The second of a pair stands within a word, so that it has no blank of its own.
        pairs = [(pair.rpartition(" ")[0], pair.rpartition(" ")[2]) for pair in merges]
        self._tokenizer = _tokenizer(vocab=index, merges=pairs, unk_token=SPECIALS[UNKNOWN])
        self._pieces = lru_cache(CACHE)(self._pieces_of)  # few words make up most of a text

    def __call__(self, text: str) -> list[str]:
        """Split `text`; a character that never stood in train is left as it is."""
        return [piece for word in words(text) for piece in self._pieces(f" {word}")]

    def _pieces_of(self, word: str) -> list[str]:
        return [word[start:end] for start, end in self._tokenizer.encode(word).offsets]


def learn_subwords(
    texts: Iterable[str], specials: Sequence[str], *, size: int, min_count: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Learn a vocabulary of at most `size`, its specials included, and the merges of `Pieces`.

    After the specials it lists pieces as `learn_vocabulary` does tokens. What stands together
    `min_count` times is merged. Raises `InputError` where `size` leaves no room beside characters.
    """
    from tokenizers.pre_tokenizers import Split
    from tokenizers.trainers import BpeTrainer

    counts = Counter(f" {word}" for text in texts for word in words(text))
    characters = {character for word in counts for character in word}
    if len(specials) + len(characters) > size:
        found = f"train has {len(characters)} different characters, and each is a piece"
        raise InputError(f"prepare.vocabulary: {size}: {found}; expected more of them")
    trainer = BpeTrainer(
        vocab_size=size - len(specials), min_frequency=min_count, show_progress=False
    )
    tokenizer = _tokenizer()
    tokenizer.pre_tokenizer = Split(" ", "merged_with_next")
    tokenizer.train_from_iterator((word * counts[word] for word in sorted(counts)), trainer)
    learned = json.loads(tokenizer.to_str())["model"]
    vocabulary, merges = (*SPECIALS, *learned["vocab"]), tuple(map(" ".join, learned["merges"]))
    split, used = Pieces(vocabulary, merges), Counter(dict.fromkeys(learned["vocab"], 0))
    for word, count in counts.items():
        for piece in split(word):
            used[piece] += count
    return (*specials, *sorted(used, key=lambda piece: (-used[piece], piece))), merges


def _tokenizer(**model: Any) -> Tokenizer:
    # Media are decoded in forks, and threads do not outlive one.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    from tokenizers import Tokenizer, models

    return Tokenizer(models.BPE(**model))
