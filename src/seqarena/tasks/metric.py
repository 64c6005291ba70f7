"""What a score can be, at worst and at best."""

from __future__ import annotations

import math
from typing import NamedTuple


class Metric(NamedTuple):
    """The values that a score may take: none is beyond its worst or its best."""

    worst: float
    best: float

    @property
    def greater(self) -> bool:
        """Whether the greater value is the better one."""
        return self.best > self.worst

    @property
    def sign(self) -> int:
        """What to multiply a score by, so that the greater one is the better."""
        return 1 if self.greater else -1

    def order(self, score: float, loss: float) -> tuple[float, float]:
        """Return what is greater for the better: by score, and by loss where scores are equal."""
        return self.sign * score, -loss


SHARE = Metric(0.0, 1.0)  # of correct predictions, and F1
PERCENT = Metric(0.0, 100.0)
ERROR = Metric(math.inf, 0.0)
PERPLEXITY = Metric(math.inf, 1.0)
