"""The nearest sequence by dynamic time warping: the baseline to beat on whole-series labels."""

from __future__ import annotations

import numpy as np

from seqarena.data.store import Array, Prepared, Split


def dtw_nearest(prepared: Prepared) -> Array:
    """Answer the class of the train sequence that is nearest by DTW, ``(N, classes)`` one-hot.

    The sequences are compared as prepared, so that every channel counts alike.
    """
    train, test = prepared.split("train"), prepared.split("test")
    known, lengths = _padded(train)
    queries = (_flat(test, index) for index in range(len(test)))
    places = [int(dtw(steps, known, lengths).argmin()) for steps in queries]
    labels = np.asarray(train.targets)[places]
    # By Laplace's rule of succession one neighbour makes its class twice as probable as another.
    twice = np.log(2) * np.eye(len(prepared.spec.classes))
    return np.asarray(twice[labels], np.float32)


def dtw(steps: Array, known: Array, lengths: Array) -> Array:
    """Return the DTW distances ``(N,)`` of ``(T, D)`` to ``(S, N, D)`` of the given lengths.

    Dynamic time warping (Sakoe and Chiba 1978) without a window, every channel warped alike
    (DTW_D, Shokoohi-Yekta et al. 2017): the least sum of squared Euclidean distances along a path
    of steps matched in order. Padding lies behind the end of every path, so it is never seen.
    """
    squares = (known**2).sum(2)
    before = np.full_like(squares, np.inf)  # least cost of a path up to each step, (S, N)
    before[0] = 0
    for step in steps.astype(np.float64):
        costs = np.maximum(squares - 2 * known @ step + step @ step, 0)
        # best[j] = costs[j] + min(before[j], best[j - 1]) for all j at once: less the cost of the
        # walk along the row up to there, it is a running minimum.
        walked = costs.cumsum(0)
        best = np.minimum.accumulate(before + costs - walked) + walked
        before = best.copy()
        np.minimum(best[1:], best[:-1], out=before[1:])  # from above, or aslant
    return np.asarray(best[lengths - 1, np.arange(len(lengths))])


def _padded(split: Split) -> tuple[Array, Array]:
    """Return the sequences side by side, float64 ``(S, N, D)``, and their lengths ``(N,)``."""
    lengths = np.asarray(split.lengths)
    known = np.zeros((lengths.max(), len(split), int(np.prod(split.inputs.shape[1:]))))
    for index, length in enumerate(lengths):
        known[:length, index] = _flat(split, index)
    return known, lengths


def _flat(split: Split, index: int) -> Array:
    """Return one sequence ``(T, D)``; a frame is all of its pixels."""
    steps = split.sequence(index)
    return steps.reshape(len(steps), -1)
