"""Movie-review sentences with mean human ratings."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

from seqarena.data.datasets.base import Dataset
from seqarena.data.sources import members, pypi, unpack
from seqarena.errors import InputError

SHA256 = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
ARCHIVE = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
MEMBER = "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt"


class MovieReviews(Dataset):
    """10,605 sentences of film reviews, each rated from -4 to 4 by some twenty people.

    The label is the sign of the mean rating. The 37 sentences whose mean is exactly 0 have no
    sign and are left out, so 10,568 remain: 5,242 positive and 5,326 negative. There is no
    official split; the sentences that occur twice share a group, as equal texts do.
    """

    modality = "text"
    origin = (
        "Hutto and Gilbert (2014), VADER, ICWSM, over reviews of Pang and Lee (2004); "
        "in the sdist of vaderSentiment 3.3.2"
    )
    licence = "MIT, as vaderSentiment"

    def write(self, raw: Path) -> None:
        """Write ``examples.csv`` with the columns ``id,text,label``."""
        sdist = pypi("vaderSentiment", "3.3.2", SHA256, sdist=True)
        with tempfile.TemporaryDirectory() as folder:
            unpack(sdist, Path(folder))
            text = members(Path(folder) / ARCHIVE, MEMBER)[MEMBER].decode("utf-8")
        rows = [line.split("\t") for line in text.split("\r\n") if line]
        if any(len(row) != 3 for row in rows):
            raise InputError(f"{MEMBER}: expected id, rating and text in every line")
        with (raw / "examples.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "text", "label"])
            for name, rating, sentence in rows:
                if float(rating) != 0:
                    writer.writerow([name, sentence, _label(float(rating))])


def _label(rating: float) -> str:
    return "positive" if rating > 0 else "negative"
