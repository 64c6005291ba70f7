"""The nearest sequence by dynamic time warping: the baseline to beat on whole-series labels."""

from __future__ import annotations

import numpy as np

from seqarena.data.store import Array, Prepared, Split

TOGETHER = 256  # sequences of like lengths that are compared at once: what they take stays in cache


def dtw_nearest(prepared: Prepared) -> Array:
    """Answer the class of the train sequence that is nearest by DTW, ``(N, classes)`` one-hot.

    The sequences are compared as prepared, so that every channel counts alike.
    """
    train, test = prepared.split("train"), prepared.split("test")
    queries = [_flat(test, index) for index in range(len(test))]
    distances = np.empty((len(queries), len(train)))
    by_length = np.argsort(train.lengths, kind="stable")
    for rows in np.array_split(by_length, -(-len(by_length) // TOGETHER)):
        known, lengths = _padded(train, rows)
        for place, steps in enumerate(queries):
            distances[place, rows] = dtw(steps, known, lengths)
    labels = np.asarray(train.targets)[distances.argmin(1)]
    # By Laplace's rule of succession one neighbour makes its class twice as probable as another.
    twice = np.log(2) * np.eye(len(prepared.spec.classes))
    return np.asarray(twice[labels], np.float32)


def dtw(steps: Array, known: Array, lengths: Array) -> Array:
    """Return the DTW distances ``(N,)`` of ``(T, D)`` to ``(S, N, D)`` of the given lengths.

    Dynamic time warping (Sakoe and Chiba 1978) without a window, every channel warped alike
    (DTW_D, Shokoohi-Yekta et al. 2017): the least sum of squared Euclidean distances along a path
    of steps matched in order. Padding lies behind the end of every path, so it is never seen.
    """
    steps = steps.astype(np.float64)
    squares = (known**2).sum(2)
    products = (steps @ known.reshape(-1, steps.shape[1]).T).reshape(len(steps), *squares.shape)
    before = np.full_like(squares, np.inf)  # least cost of a path up to each step, (S, N)
    before[0] = 0
    for step, product in zip(steps, products, strict=True):
        costs = np.maximum(squares - 2 * product + step @ step, 0)
        # best[j] = costs[j] + min(before[j], best[j - 1]) for all j at once: less the cost of the
        # walk along the row up to there, it is a running minimum.
        walked = costs.cumsum(0)
        best = np.minimum.accumulate(before + costs - walked) + walked
        before = best.copy()
        np.minimum(best[1:], best[:-1], out=before[1:])  # from above, or aslant
    return np.asarray(best[lengths - 1, np.arange(len(lengths))])


def _padded(split: Split, rows: Array) -> tuple[Array, Array]:
    """Return sequences side by side, float64 ``(S, N, D)``, and their lengths ``(N,)``."""
    lengths = np.asarray(split.lengths)[rows]
    known = np.zeros((lengths.max(), len(rows), int(np.prod(split.inputs.shape[1:]))))
    for place, (row, length) in enumerate(zip(rows, lengths, strict=True)):
        known[:length, place] = _flat(split, row)
    return known, lengths


def _flat(split: Split, index: int) -> Array:
    """Return one sequence ``(T, D)``; a frame is all of its pixels."""
    steps = split.sequence(index)
    return steps.reshape(len(steps), -1)
