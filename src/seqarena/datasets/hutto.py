"""The sentences that Hutto and Gilbert had rated: of film reviews, editorials, product reviews."""

from __future__ import annotations

import html
import re
import tempfile
from pathlib import Path
from typing import NamedTuple

from seqarena.data.tokens import words
from seqarena.datasets.base import Dataset
from seqarena.datasets.sources import members, pypi, unpack
from seqarena.errors import InputError
from seqarena.files import write_csv

SHA256 = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
ARCHIVE = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
MEMBERS = {
    "film": "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt",
    "editorial": "hutto_ICWSM_2014/nytEditorialSnippets_GroundTruth.txt",
    "product": "hutto_ICWSM_2014/amazonReviewSnippets_GroundTruth.txt",
}


class Rated(NamedTuple):
    """One line of a file of the archive."""

    name: str  # a number; of an article or product review, then of the sentence in it: "12_3"
    rating: float  # the mean, from -4 to 4
    text: str  # as it stands there


class Sentence(NamedTuple):
    """One sentence, cleaned."""

    id: str
    text: str
    group: str  # the article or review that it is from


class HuttoSentences(Dataset):
    """19,414 English sentences: 10,603 of film reviews, 5,118 of editorials, 3,693 of products.

    The sentences of one editorial or product review share a group. The film reviews are a
    sentence each, in random order, and do not say which film they are about. Tweets are left
    out: their users and addresses are masked.
    """

    modality = "text"
    origin = (
        "Hutto and Gilbert (2014), VADER, ICWSM, over film reviews of Pang and Lee (2004), "
        "editorials of the New York Times and product reviews of Hu and Liu (2004); "
        "in the sdist of vaderSentiment 3.3.2"
    )
    licence = "MIT, as vaderSentiment"

    def write(self, raw: Path) -> None:
        """Write ``examples.csv`` with the columns ``id,text,group``."""
        write_csv(raw / "examples.csv", Sentence._fields, sentences())


def sentences() -> list[Sentence]:
    """Return the sentences of all three kinds, cleaned, each but once."""
    found: dict[tuple[str, ...], Sentence] = {}
    for kind in MEMBERS:
        for name, _, text in rated(kind):
            text = clean(text)
            group = f"{kind} {name.partition('_')[0]}"
            found.setdefault(tuple(words(text.lower())), Sentence(f"{kind} {name}", text, group))
    return list(found.values())


def clean(text: str) -> str:
    """Undo the entities, and give the film reviews their dashes back: three blanks or four."""
    text = html.unescape(html.unescape(text))  # some were escaped twice
    return " ".join(re.sub(" {3,}", " -- ", text).split())


def rated(kind: str) -> list[Rated]:
    """Read one file of the archive as it is: ``film``, ``editorial`` or ``product``."""
    member = MEMBERS[kind]
    sdist = pypi("vaderSentiment", "3.3.2", SHA256, sdist=True)
    with tempfile.TemporaryDirectory() as folder:
        unpack(sdist, Path(folder))
        text = members(Path(folder) / ARCHIVE, member)[member].decode("utf-8")
    rows = [line.split("\t") for line in text.split("\r\n") if line]
    if any(len(row) != 3 for row in rows):
        raise InputError(f"{member}: expected id, rating and text in every line")
    return [Rated(name, float(rating), text) for name, rating, text in rows]
