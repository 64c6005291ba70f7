"""Near-duplicates among texts, of which four words in five are the same in order, and copies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from zlib import crc32

import numpy as np
from rapidfuzz.distance import LCSseq
from rapidfuzz.process import cpdist

from seqarena.data.store import Array
from seqarena.data.tokens import words
from seqarena.files import sha256_of

ALIKE = 4, 5  # so many of so many words of the longer text
LETTERS = 240  # of a text that are compared, half of them its first and half its last
BANDS, ROWS = 15, 3  # of such pairs 995 in 1,000 agree in all rows of some band
TRIED = 3  # texts that a text is compared to in each band
Hashes = tuple[int, ...]  # of the words of a text


def hashed_words(text: str) -> Hashes:
    """Hash each word of a text, ``(T,)``, whatever its case."""
    if len(text) > LETTERS:
        text = f"{text[: LETTERS // 2]} {text[-LETTERS // 2 :]}"
    return tuple(crc32(word.encode()) for word in words(text.lower()))


def near(texts: Sequence[Hashes], others: Array) -> Array:
    """Tell which of different `texts` are nearly one of `others`, their places; bool ``(N,)``.

    Whom to compare is told by MinHash over words (Broder 1997), in bands.
    """
    found, lengths = np.zeros(len(texts), bool), np.array([len(text) for text in texts])
    for keys in _bands(texts) if texts else ():
        order = others[np.argsort(keys[others], kind="stable")]
        low, high = (np.searchsorted(keys[order], keys, side) for side in ("left", "right"))
        for step in range(TRIED):
            # Where very many are in one band, each is compared to a few, and not all to the same.
            one = np.flatnonzero((high - low > step) & ~found)
            other = order[low[one] + (one + step) % (high - low)[one]]
            one, other = one[one != other], other[one != other]
            pairs = ([texts[place] for place in places] for places in (one, other))
            shared = cpdist(*pairs, scorer=LCSseq.similarity, dtype=np.int64)
            least, of = ALIKE
            found[one[of * shared >= least * np.maximum(lengths[one], lengths[other])]] = True
    return found


def same_bytes(files: Iterable[Path]) -> list[list[Path]]:
    """List the files that have the very same bytes, together; read are those of equal sizes."""
    sizes: dict[int, list[Path]] = {}
    for file in files:
        sizes.setdefault(file.stat().st_size, []).append(file)
    alike: dict[str, list[Path]] = {}
    for file in chain.from_iterable(each for each in sizes.values() if len(each) > 1):
        alike.setdefault(sha256_of(file), []).append(file)
    return [each for each in alike.values() if len(each) > 1]


def _bands(texts: Sequence[Hashes]) -> Iterator[Array]:
    """Yield the key of each text in each band, uint64 ``(N,)``."""
    sets = [set(text) for text in texts]
    numbers = {word: number for number, word in enumerate(dict.fromkeys(chain(*texts)))}
    flat = np.array([numbers[word] for one in sets for word in one])
    starts = np.cumsum([0, *(len(one) for one in sets[:-1])])
    random = np.random.default_rng(0)
    for _ in range(BANDS):
        key = np.zeros(len(texts), np.uint64)
        for _ in range(ROWS):
            order = random.permutation(len(numbers)).astype(np.uint32)
            key = key * np.uint64(len(numbers)) + np.minimum.reduceat(order[flat], starts)
        yield key
