"""What is estimated: a metric on the whole test split, and the share of each independent group."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqarena.data.store import Array, Split
from seqarena.tasks.metric import Metric


def groups_of(split: Split) -> Array:
    """Number the independent groups of a split: for each sequence ``(N,)`` the group it is of."""
    labels = [example.get("group", index) for index, example in enumerate(split.examples())]
    return np.unique(np.asarray(labels), return_inverse=True)[1]


def one_by_one(metric: Metric[Any], rows: Tensor) -> list[float]:
    """Return the metric of each row ``(N, K)`` alone; nan where one does not define it."""
    return [metric.of(rows.index_select(0, place)) for place in torch.arange(len(rows)).split(1)]


def influence(metric: Metric[Any], rows: Tensor, groups: Array) -> tuple[float, Array]:
    """Return a metric of rows ``(N, K)``, and a unit ``(G,)`` for each of the `groups` ``(N,)``.

    The units are the metric's linear approximation in the weights of the groups, the infinitesimal
    jackknife (Efron 1982, "The jackknife, the bootstrap and other resampling plans", chapter 6;
    Hampel 1974, JASA 69:383-393). Their mean is the metric, and the standard error of that mean the
    metric's. Where the metric is not finite, no unit is.
    """
    value = metric.of(rows)
    count = int(groups.max()) + 1
    if not np.isfinite(value):
        return value, np.full(count, value)
    moved = np.bincount(groups, weights=metric.derivatives(rows).cpu().numpy(), minlength=count)
    units = value + count * (moved - moved.mean())
    assert np.isclose(units.mean(), value, rtol=1e-6, atol=1e-9), "units: not of this metric"
    return value, units
