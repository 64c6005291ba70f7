"""The metric on each of several series, beside that over all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqarena.data.store import Split
from seqarena.records import SeriesSummary
from seqarena.tasks.metric import Metric


def by_series(
    metric: Metric[Any], test: Split, tested: Mapping[str, Sequence[Tensor]]
) -> dict[str, SeriesSummary]:
    """Score the windows of each series, from rows ``(N, K)`` of all runs of each competitor.

    Empty where the data hold one series alone, or none.
    """
    if test.scales is None:  # as series have that are several
        return {}
    names = test.series
    found: dict[str, SeriesSummary] = {}
    for name in filter(None, np.unique(names).tolist()):
        places = torch.from_numpy(np.flatnonzero(names == name))
        scores = {
            who: float(np.mean([metric.of(rows.index_select(0, places)) for rows in runs]))
            for who, runs in tested.items()
        }
        values = {who: score if np.isfinite(score) else None for who, score in scores.items()}
        found[name] = SeriesSummary(test_examples=len(places), values=values)
    return found
