"""Some rows of a table, where all of them would take too long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np

from seqarena.data.labelled import READ_AGAIN
from seqarena.data.tables import TableRow, items_of
from seqarena.data.targets import Labels, Targets

OF_EACH = 5  # rows that every label keeps in a split, if it has so many


def drawn(rows: Iterable[TableRow], share: float, targets: type[Targets]) -> Iterator[TableRow]:
    """Yield about this share of the rows, in order, always the same.

    The first few of each label are among them: what is rare could else be in test, and not in
    train.
    """
    draw, kept = np.random.default_rng(0), Counter[tuple[str, str]]()
    for row in rows:
        split = row.cells.get("split", "")
        labels = {(split, label) for label in _labels(row, targets)}
        if draw.random() < share or any(kept[label] < OF_EACH for label in labels):
            kept.update(labels)
            yield row


def _labels(row: TableRow, targets: type[Targets]) -> list[str]:
    if targets is not Labels and targets not in READ_AGAIN:
        return []
    cell = row.cells[targets.column]
    items = items_of(cell)
    if items is not None:
        return items
    return [cell] if targets is Labels else READ_AGAIN[targets][1](cell)
