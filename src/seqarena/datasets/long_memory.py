"""Long-term dependencies, generated: symbols to copy after a long wait, marked numbers to add."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from seqarena.datasets.base import Dataset
from seqarena.files import write_csv

SIZES = {"train": 4_000, "valid": 300, "test": 500}
LENGTHS = (50, 400)  # steps: the shortest and the longest
SYMBOLS = "abcdefgh"
BLANK = "_"
COPIED = 10  # symbols
GRAIN = 10**6  # values are whole multiples of its inverse, so that their sum is exact


class LongMemory(Dataset):
    """A problem of Hochreiter and Schmidhuber (1997), as Arjovsky, Shah and Bengio (2016) pose it.

    They fix the length of an experiment; here it is drawn for each example, as Bai, Kolter and
    Koltun (2018) compare several: from 50 to 400 steps, as many in each doubling, so that a short
    wait and a long one are measured alike.
    """

    origin = (
        "generated, after Hochreiter and Schmidhuber (1997), doi:10.1162/neco.1997.9.8.1735, and "
        "Arjovsky, Shah and Bengio (2016), arXiv:1511.06464"
    )
    licence = "your own"

    def __init__(
        self,
        *,
        sizes: Mapping[str, int] = SIZES,
        lengths: tuple[int, int] = LENGTHS,
        seed: int = 0,
    ) -> None:
        self.sizes = sizes
        self.lengths = lengths
        self.seed = seed

    def plan(self, rng: np.random.Generator) -> list[tuple[str, int]]:
        """Draw the split and the length of every example."""
        splits = [split for split, size in self.sizes.items() for _ in range(size)]
        shortest, longest = np.log(self.lengths)
        lengths = np.exp(rng.uniform(shortest, longest, len(splits))).round().astype(int)
        return list(zip(splits, lengths.tolist(), strict=True))


class CopyMemory(LongMemory):
    """Ten symbols, then blanks to the end; the answer is the ten symbols again.

    The papers' blanks at which the answer is given are here the steps of a decoder. With one
    context vector it has what the recurrence carried over the blanks; with attention it may look
    back. Without memory an eighth of the symbols are right.
    """

    modality = "text"

    def write(self, raw: Path) -> None:
        """Write ``examples.csv`` with the columns ``id,text,target,split``; see `Dataset.write`.

        No string of symbols comes twice, so none is in two splits.
        """
        rng = np.random.default_rng(self.seed)
        plan = self.plan(rng)
        base = len(SYMBOLS)
        codes = rng.choice(base**COPIED, len(plan), replace=False)
        digits = codes[:, None] // base ** np.arange(COPIED) % base
        rows = []
        for row, (split, length) in enumerate(plan):
            symbols = [SYMBOLS[digit] for digit in digits[row]]
            text = symbols + [BLANK] * (length - COPIED)
            rows.append([row, " ".join(text), " ".join(symbols), split])
        write_csv(raw / "examples.csv", ["id", "text", "target", "split"], rows)


class Adding(LongMemory):
    """Random numbers from 0 to 1, two of them marked, one in each half; the answer is their sum.

    Without memory the best answer is always 1, whose mean squared error is 1/6. A target is
    exactly the sum of the two numbers as they are written.
    """

    modality = "signal"

    def write(self, raw: Path) -> None:
        """Write ``labels.csv`` (``file,target,split``), and a file ``value,marker`` for each row.

        See `Dataset.write`.
        """
        rng = np.random.default_rng(self.seed)
        (raw / "signals").mkdir(parents=True)
        rows = []
        for row, (split, length) in enumerate(self.plan(rng)):
            values, markers = rng.integers(GRAIN, size=length), np.zeros(length, int)
            markers[[rng.integers(length // 2), rng.integers(length // 2, length)]] = 1
            # Four times as fast as numpy.savetxt.
            pairs = zip(values.tolist(), markers.tolist(), strict=True)
            lines = "".join([f"0.{value:06d},{marker}\n" for value, marker in pairs])
            name = f"signals/{row:04d}.csv"
            (raw / name).write_text(f"value,marker\n{lines}")
            rows.append([name, f"{values @ markers / GRAIN:.6f}", split])
        write_csv(raw / "labels.csv", ["file", "target", "split"], rows)
