"""Variances of few repetitions, each drawn towards a common one as far as they are alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, digamma, polygamma

ALIKE = 0.3  # p value of Bartlett's test, above which variances are taken for those of one kind


def moderated(
    variances: NDArray[np.float64], free: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Let the variances ``(K,)`` of few repetitions borrow strength from one another.

    Smyth (2004, Statistical Applications in Genetics and Molecular Biology 3:3): each is drawn
    towards a common one, the more the more alike they are. It is done only where three or more show
    no sign of differing (Bartlett 1937), and a prior never counts for more than the data, since
    one unstable variant among stable ones would otherwise be taken for stable: `make calibrate`
    compares. Returns variances and their degrees of freedom.
    """
    count, own = len(variances), np.full(len(variances), float(free))
    if count < 3 or not (variances > 0).all() or _bartlett(variances, free) < ALIKE:
        return variances, own
    logs = np.log(variances) - digamma(free / 2) + np.log(free / 2)
    excess = float(logs.var(ddof=1) - polygamma(1, free / 2))
    common, strength = float(np.exp(logs.mean())), np.inf
    if excess > 0:
        strength = 2 * _inverse_trigamma(excess)
        common *= float(np.exp(digamma(strength / 2) - np.log(strength / 2)))
    prior = min(strength, free)
    return (prior * common + free * variances) / (prior + free), own + prior


def _bartlett(variances: NDArray[np.float64], free: int) -> float:
    count = len(variances)
    ratio = count * np.log(variances.mean()) - np.log(variances).sum()
    return float(chdtrc(count - 1, free * ratio / (1 + (count + 1) / (3 * count * free))))


def _inverse_trigamma(value: float) -> float:
    """Solve ``trigamma(x) = value`` by Newton's method (Smyth 2004, appendix)."""
    if value < 1e-6:
        return 1 / value
    x = 0.5 + 1 / value
    for _ in range(50):
        trigamma = polygamma(1, x)
        step = float(trigamma * (1 - trigamma / value) / polygamma(2, x))
        x += step
        if abs(step) < 1e-10 * x:
            break
    return x
