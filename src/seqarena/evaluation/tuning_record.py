"""What a search shows, as the evaluate stage keeps it and the report tells it."""

from __future__ import annotations

from typing import Literal

from seqarena.config import Record, Strict

FILE = "tuning.json"
FEWEST = 10  # scored trials of a variant; with fewer, what comes first in importance is chance


class Spent(Strict):
    """What the trainings of one variant came to, over all repetitions."""

    variant: str
    trials: int
    finished: int
    pruned: int
    failed: int
    epochs: int  # of the trials
    steps: int  # of the trials
    search_seconds: float
    final_seconds: float


class ExpectedBest(Strict):
    """The expected best score on valid of n trials drawn at random, for n = 1, 2, …, with a band.

    It is made of the trials that are of a study's design. A pruned one counts with its best until
    then and a failed one as the worst of its variant, so that the curve is a lower bound.
    """

    variant: str
    expected: tuple[float, ...]
    low: tuple[float, ...]  # of the band, the smaller number
    high: tuple[float, ...]


class Importance(Strict):
    """The share of the variance of a variant's scores that a hyperparameter accounts for."""

    variant: str
    hyperparameter: str
    share: float


class Places(Strict):
    """Where the best trial of each study lies in one dimension: 0 its low end, 1 its high one."""

    variant: str
    hyperparameter: str
    listed: bool  # a list of values, not a range
    low: float
    high: float
    shares: tuple[float, ...]  # a study each
    end: Literal["", "low", "high"]  # where most lie, if beyond it there is more to try


class Tuning(Record):
    """All that the searches of an experiment show."""

    metric: str
    trials: int  # of a study
    spent: tuple[Spent, ...]
    expected: tuple[ExpectedBest, ...]
    importances: tuple[Importance, ...]  # none of a variant with too few trials
    places: tuple[Places, ...]

    @property
    def at_end(self) -> dict[tuple[str, bool, str], list[str]]:
        """The variants whose best values lie at an end: of what, whether listed, which end."""
        found: dict[tuple[str, bool, str], list[str]] = {}
        for place in self.places:
            if place.end:
                key = place.hyperparameter, place.listed, place.end
                found.setdefault(key, []).append(place.variant)
        return found
