"""The method that decided before: the best by mean against each other, corrected by Holm."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import stdtr

from seqarena.evaluation.estimates import Floats, Part, satterthwaite
from seqarena.records import ALPHA


def best_set(units: Mapping[str, Floats]) -> set[str]:
    """Return the best by mean and all whose min F' test, after Holm's correction, finds nothing."""
    best = max(units, key=lambda name: float(units[name].mean()))
    p = {name: _min_f(units[name] - units[best]) for name in units if name != best}
    kept = {best}
    for rank, name in enumerate(sorted(p, key=lambda name: p[name])):
        if kept != {best} or p[name] >= ALPHA / (len(p) - rank):  # Holm (1979): once kept, all kept
            kept.add(name)
    return kept


def _min_f(differences: Floats) -> float:
    repetitions, groups = differences.shape
    parts = [
        Part(float(np.var(differences.mean(1), ddof=1)) / repetitions, repetitions - 1),
        Part(float(np.var(differences.mean(0), ddof=1)) / groups, groups - 1),
    ]
    error = sum(part.variance for part in parts) ** 0.5
    return float(2 * stdtr(satterthwaite(parts), -abs(float(differences.mean())) / error))
