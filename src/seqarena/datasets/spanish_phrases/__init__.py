"""Spanish phrases of dates, times, numbers, money and measures, with their English translation."""

from __future__ import annotations

from collections import defaultdict
from importlib.metadata import version
from pathlib import Path

import numpy as np
from babel.core import get_cldr_version

from seqarena.datasets.base import Dataset
from seqarena.datasets.spanish_phrases.draws import Rng
from seqarena.datasets.spanish_phrases.templates import phrases
from seqarena.files import write_csv

SIZES = {"test": 1_000, "valid": 1_000, "train": 10_000}
MAX_WORDS = 30  # words of Spanish


class SpanishPhrases(Dataset):
    """12,000 Spanish phrases in words and their English, from the formats and names of CLDR.

    The languages order weekday, day, month and year, noun and adjective, number and half
    differently, and only Spanish agrees in gender: for each word a model has to find the place it
    comes from. A phrase has one translation; phrases that share their translation are a group.
    """

    modality = "text"
    origin = (
        f"templates over CLDR {get_cldr_version()} (babel {version('babel')}: formats of dates and "
        f"lists, units, currencies, relative times) and num2words {version('num2words')} (numerals)"
    )
    licence = "Unicode-3.0 (CLDR), BSD-3-Clause (babel), LGPL-2.1-or-later (num2words)"

    def write(self, raw: Path) -> None:
        """Write ``examples.csv`` with the columns ``id,text,target,split,group``."""
        rng = np.random.default_rng(0)
        translations: dict[str, str] = {}
        for pair in phrases(rng):
            if len(pair.es.split()) <= MAX_WORDS:
                translations.setdefault(pair.es, pair.en)
            if len(translations) == sum(SIZES.values()):
                break
        groups: dict[str, list[int]] = defaultdict(list)  # rows by their translation
        for row, target in enumerate(translations.values()):
            groups[target].append(row)
        splits = _divide(list(groups.values()), rng)
        rows = (
            [row, text, target, splits[row], groups[target][0]]
            for row, (text, target) in enumerate(translations.items())
        )
        write_csv(raw / "examples.csv", ["id", "text", "target", "split", "group"], rows)


def _divide(groups: list[list[int]], rng: Rng) -> dict[int, str]:
    """Draw the split of every row, whole groups at a time; each split gets exactly its size."""
    room = dict(SIZES)
    splits: dict[int, str] = {}
    for index in rng.permutation(len(groups)):
        rows = groups[index]
        split = next(name for name in room if room[name] >= len(rows))
        room[split] -= len(rows)
        splits.update(dict.fromkeys(rows, split))
    return splits
