"""Texts as weighted counts of what stands in them, for baselines."""

from __future__ import annotations

from typing import Any

from seqarena.data.store import DataSpec, Split
from seqarena.data.tokens import words

LETTERS = (1, 5)  # of runs within a word, where models read letters
WORDS = (1, 2)  # and of words in a row, where they read words


def weights_of_terms(spec: DataSpec, **options: Any) -> Any:
    """Return scikit-learn's TF-IDF, over the words that the project finds in every script.

    Of texts that are read letter by letter it counts runs of letters (Cavnar and Trenkle 1994), of
    those given as tokens these: a baseline sees what the models see, but not in what order.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    units = spec.options.get("units", "words")
    if units == "characters":
        options |= {"analyzer": "char_wb", "ngram_range": LETTERS}
    else:
        tokenise = str.split if units == "tokens" else words
        options |= {"tokenizer": tokenise, "token_pattern": None, "ngram_range": WORDS}
    return TfidfVectorizer(sublinear_tf=True, **options)


def texts_of(split: Split) -> list[str]:
    """Return the texts of a split."""
    return [example["text"] for example in split.examples()]
