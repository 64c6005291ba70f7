"""Modified Kneser-Ney: n-grams that every neural language model has to beat, or to take in.

Kneser and Ney (1995), "Improved backing-off for M-gram language modeling", interpolated and with
the three discounts of Chen and Goodman (1998), "An empirical study of smoothing techniques for
language modeling", TR-10-98, section 3. With h' the history h without its first token,

    p(w | h) = (c(h w) - D(c(h w))) / sum_v c(h v)  +  gamma(h) p(w | h')
    gamma(h) = sum_v D(c(h v)) / sum_v c(h v)

where c counts the longest n-grams as they occur, and shorter ones by how many different tokens
they follow; without any history, p(w | h') is uniform.
"""

from __future__ import annotations

import numpy as np

from seqarena.data.store import Array, Split
from seqarena.data.tokens import END

# Where the counts of a level cannot tell its discounts, as with few types: those of KenLM's
# `--discount_fallback`.
FALLBACK = (0.0, 0.5, 1.0, 1.5)


def targets_of(split: Split) -> list[Array]:
    """Return what is counted of a split: the tokens that are to be told, ``(T,)`` each."""
    return [split.target(index) for index in range(len(split))]


class KneserNey:
    """N-grams over token ids below `size`; whatever the history, all but padding sum to 1.

    A sequence ``(T,)`` ends with `END`, and before its first token the history is `END` too. An
    n-gram is one int64, the digits of a number in base `size`: ``size ** order`` must be below
    2 ** 63.
    """

    def __init__(self, sequences: list[Array], size: int, order: int = 3) -> None:
        self.size, self.order = size, order
        keys, counts = np.unique(self._ngrams(sequences), return_counts=True)
        self.levels = [Level(keys, counts, size)]
        for shorter in range(order - 1, 0, -1):
            # Each longer n-gram that ends alike has another first token: N1+(. h w).
            keys, counts = np.unique(keys % size**shorter, return_counts=True)
            self.levels.insert(0, Level(keys, counts, size))

    def log_probabilities(self, sequences: list[Array]) -> list[Array]:
        """Return the natural-log probability of each token after those before it: ``(T,)`` each."""
        keys = self._ngrams(sequences)
        found = np.full(len(keys), 1 / (self.size - 1))
        for length, level in enumerate(self.levels, start=1):
            found = level.probabilities(keys % self.size**length, found)
        return np.split(np.log(found), np.cumsum([len(tokens) for tokens in sequences])[:-1])

    def _ngrams(self, sequences: list[Array]) -> Array:
        """Pack each token and its history into a number, the last token its lowest digit."""
        tokens = np.concatenate(sequences).astype(np.int64)
        place = np.concatenate([np.arange(len(sequence)) for sequence in sequences])
        keys = tokens.copy()
        for back in range(1, self.order):
            keys += np.where(place >= back, np.roll(tokens, back), END) * self.size**back
        return keys


class Level:
    """The discounted n-grams of one length, by their numbers."""

    def __init__(self, keys: Array, counts: Array, size: int) -> None:
        discounts = _discounts(counts)[np.minimum(counts, 3)]
        self.size, self.keys, self.kept = size, keys, counts - discounts
        self.histories, history = np.unique(keys // size, return_inverse=True)
        self.totals, self.freed = np.bincount(history, counts), np.bincount(history, discounts)

    def probabilities(self, keys: Array, shorter: Array) -> Array:
        """Interpolate with the probabilities after the `shorter` history, all ``(N,)``.

        A history that was never seen leaves them as they are.
        """
        histories = keys // self.size
        kept = _look_up(self.keys, self.kept, keys, missing=0)
        freed = _look_up(self.histories, self.freed, histories, missing=1)
        totals = _look_up(self.histories, self.totals, histories, missing=1)
        return np.asarray((kept + freed * shorter) / totals)


def _discounts(counts: Array) -> Array:
    """Return D of a count of 0, 1, 2, and 3 or more: equation 26."""
    n1, n2, n3, n4 = np.bincount(np.minimum(counts, 5), minlength=5)[1:5].tolist()
    if not n1 * n2 * n3:
        return np.array(FALLBACK)
    y = n1 / (n1 + 2 * n2)
    found = np.array([0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3])
    return found if found[1:].min() > 0 else np.array(FALLBACK)


def _look_up(keys: Array, values: Array, wanted: Array, *, missing: float) -> Array:
    """Return the value of each wanted key ``(N,)``; `keys` are sorted."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], missing)
