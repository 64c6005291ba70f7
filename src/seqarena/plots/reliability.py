"""How often what a model is sure of is right."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.ticker import MaxNLocator, PercentFormatter

from seqarena.data.store import Array
from seqarena.errors import InputError
from seqarena.plots.colours import BLUE, FAINT, MIST, SOFT
from seqarena.plots.style import picture

BINS = 10


class Tenths(NamedTuple):
    """Answers by how probable they were said to be; the B of ten bins that are not empty."""

    counts: Array  # (10,), of the empty too
    sure: Array  # (B,), mean probability
    shares: Array  # (B,), of right answers
    ends: Array  # (2, B), of their intervals


def tenths(chances: Array, right: Array) -> Tenths:
    """Put answers into bins by their probability ``(N,)``, each with its upper edge."""
    from scipy.stats import binomtest  # half a second, for this picture alone

    bins = np.clip(np.ceil(chances * BINS).astype(int), 1, BINS) - 1
    counts = np.bincount(bins, minlength=BINS)
    there = np.flatnonzero(counts)
    sure, hits = (
        np.bincount(bins, values, BINS)[there] for values in (chances, right.astype(float))
    )
    tests = [binomtest(int(k), int(n)) for k, n in zip(hits, counts[there], strict=True)]
    ends = np.array([test.proportion_ci(method="wilson") for test in tests]).T
    return Tenths(counts, sure / counts[there], hits / counts[there], ends)


def reliability(chances: Array, right: Array, error: float, path: Path) -> None:
    """Draw the share of right answers over the probability of what was said, ``(N,)`` each.

    A dot per tenth of probabilities, with its 95 % interval (Wilson 1927), and how many lie there.
    `error` is the expected calibration error of them all.
    """
    if chances.shape != right.shape or not len(chances):
        found = f"{chances.shape} and {right.shape}"
        raise InputError(f"{path.name}: expected a probability for each answer, found {found}")
    counts, sure, shares, ends = tenths(chances, right)
    with picture(path, 5.0, 5.4) as figure:
        axes, below = figure.subplots(2, 1, sharex=True, height_ratios=[3.4, 1])
        axes.plot([0, 1], [0, 1], color=MIST, lw=1.2, ls="--", label="as often as it says")
        axes.errorbar(
            sure, shares, np.abs(ends - shares), fmt="o-", color=BLUE, elinewidth=1.0, ms=5, lw=1.5
        )
        axes.set_title(f"calibration error {error:.3f}", size=10)
        axes.set_ylim(-0.02, 1.02)
        axes.set_ylabel("share of right answers")
        axes.legend(loc="upper left")
        edges = np.arange(BINS) / BINS
        below.bar(edges, counts, 1 / BINS, align="edge", color=MIST, edgecolor="white", lw=0.8)
        below.set_ylabel("examples")
        below.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        below.set_xlabel("probability of the class that it says")
        below.set_xlim(-0.01, 1.01)
        for panel in (axes, below):
            panel.grid(axis="y")
            panel.tick_params(length=0, labelcolor=SOFT)
        axes.grid(axis="x", color=FAINT)
        axes.yaxis.set_major_formatter(PercentFormatter(1, 0))
        below.xaxis.set_major_formatter(PercentFormatter(1, 0))
