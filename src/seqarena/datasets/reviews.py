"""Movie-review sentences with mean human ratings."""

from __future__ import annotations

from pathlib import Path

from seqarena.datasets.base import Dataset
from seqarena.datasets.hutto import rated
from seqarena.files import write_csv


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
        rows = (
            [name, sentence, _label(rating)]
            for name, rating, sentence in rated("film")
            if rating != 0
        )
        write_csv(raw / "examples.csv", ["id", "text", "label"], rows)


def _label(rating: float) -> str:
    return "positive" if rating > 0 else "negative"
