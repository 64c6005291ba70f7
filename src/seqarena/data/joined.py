"""Texts that follow one another in what they are from, as one sequence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby

import numpy as np

from seqarena.data.rows import Row, Rows
from seqarena.data.splits import Splits

BETWEEN = "\n"


def joined(splits: Splits, steps_of: Callable[[str], int], longest: int) -> Splits:
    """Join rows of one group that stand one after the other, up to so many steps in all.

    What is joined stands in lines; a row that has more steps alone stays alone. No group has rows
    in two splits, or in two folds, so that what is joined has the split and the fold of its rows.
    """
    places: list[int] = []

    def whole() -> Iterator[Row]:
        numbered = enumerate(splits.rows)
        for _, rows in groupby(numbered, lambda each: (splits.places[each[0]], each[1].group)):
            parts: list[Row] = []
            steps = 0
            for number, row in rows:
                own = steps_of(row.item)
                if parts and steps + own > longest:
                    yield _one(parts)
                    parts, steps = [], 0
                if not parts:
                    places.append(number)
                parts.append(row)
                steps += own
            yield _one(parts)

    rows = Rows(whole())
    first = np.array(places)
    folds = None if splits.folds is None else splits.folds[first]
    return Splits(rows, splits.places[first], folds)


def lines(text: str) -> list[str]:
    """Return what was joined."""
    return text.split(BETWEEN)


def _one(parts: list[Row]) -> Row:
    item = BETWEEN.join(" ".join(lines(part.item)) for part in parts)
    return parts[0]._replace(item=item, target=item)
