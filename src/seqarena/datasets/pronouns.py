"""Sentences that lack one pronoun: which one was it?"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqarena.data.rows import Row, Rows
from seqarena.data.splits import assign_splits
from seqarena.data.store import SPLITS
from seqarena.data.targets import NO_LABEL
from seqarena.data.tokens import words
from seqarena.datasets.base import Dataset
from seqarena.datasets.hutto import HuttoSentences, sentences
from seqarena.files import write_csv

PRONOUNS = ("he", "him", "his", "she", "her", "they", "them", "their", "it", "its")
GAP = "___"  # one token
MAX_TOKENS = 64  # tokens; the few longer sentences are left out
HELD_OUT = 0.1  # of the sentences, in valid and as many in test


class Gap(NamedTuple):
    """One sentence with its gap."""

    id: str
    tokens: list[str]
    place: int  # of the gap in the tokens
    pronoun: str
    group: str


class PronounGaps(Dataset):
    """Sentences of Hutto's archive with one third-person pronoun masked, to be guessed.

    The right side tells whose from who and one from many (``___ film``, ``___ are``), the left side
    subject from object (``of ___``), and any word of either side who is spoken of. One pronoun
    of a sentence is drawn and the others stay, so that examples do not answer one another; no
    pronoun has more than `most` examples.
    """

    modality = "text"
    origin = HuttoSentences.origin
    licence = HuttoSentences.licence

    def __init__(self, *, most: int = 600, seed: int = 0) -> None:
        self.most = most
        self.seed = seed

    def write(self, raw: Path) -> None:
        """Write ``examples.csv`` with the columns ``id,text,labels,split,group``.

        The text is in lower case, its tokens between blanks; there is one label for each of them:
        the pronoun at the gap, `NO_LABEL` elsewhere.
        """
        rows = [_row(line, gap) for line, gap in enumerate(self.gaps(), start=2)]
        splits = assign_splits(Rows(rows), valid=HELD_OUT, test=HELD_OUT, seed=self.seed)
        write_csv(
            raw / "examples.csv",
            ["id", "text", "labels", "split", "group"],
            (
                [row.id, row.item, row.target, split, row.group]
                for split in SPLITS
                for row in splits.of(split)
            ),
        )

    def gaps(self) -> list[Gap]:
        """Draw one pronoun of each sentence, then at most so many sentences of each pronoun."""
        rng = np.random.default_rng(self.seed)
        drawn = []
        for name, text, group in sentences():
            tokens = words(text.lower())
            places = [place for place, token in enumerate(tokens) if token in PRONOUNS]
            if places and len(tokens) <= MAX_TOKENS:
                place = places[rng.integers(len(places))]
                drawn.append(Gap(name, tokens, place, tokens[place], group))
        taken: Counter[str] = Counter()
        kept = []
        for index in rng.permutation(len(drawn)):
            pronoun = drawn[index].pronoun
            taken[pronoun] += 1
            if taken[pronoun] <= self.most:
                kept.append(index)
        return [drawn[index] for index in sorted(kept)]


def _row(line: int, gap: Gap) -> Row:
    tokens, labels = list(gap.tokens), [NO_LABEL] * len(gap.tokens)
    tokens[gap.place], labels[gap.place] = GAP, gap.pronoun
    return Row(gap.id, " ".join(tokens), " ".join(labels), None, gap.group, f"line {line}")
