"""Some rows of many, among them some of every label."""

from __future__ import annotations

from collections import Counter

import pytest

from seqarena.data.tables import TableRow, listed
from seqarena.data.targets import TARGETS
from seqarena.datasets.own.drawn import OF_EACH, drawn

COUNT = 4_000
CELLS = {  # a label that two rows have, in the form of each kind of targets
    "label": ("a", "b", "rare"),
    "label_set": ("a", listed(["a", "b"]), "a;rare"),
    "labels": ("a b a", listed(["b", "b"]), "a rare"),
}


def rows(cells: tuple[str, str, str], column: str) -> list[TableRow]:
    """Make rows of which one has the first cell, the next the second, and so on: no one in two."""
    return [
        TableRow(n, "", {column: cells[2] if n in (7, 3_007) else cells[n % 2], "split": split})
        for n in range(COUNT)
        for split in ["train" if n < COUNT / 2 else "test"]
    ]


@pytest.mark.parametrize("targets", CELLS)
def test_a_share_is_drawn_and_of_each_label_some(targets: str) -> None:
    kind = TARGETS[targets]
    table = rows(CELLS[targets], kind.column)
    found = list(drawn(table, 0.1, kind))
    assert found == list(drawn(table, 0.1, kind))
    assert [row.line for row in found] == sorted(row.line for row in found)
    assert {7, 3_007} < {row.line for row in found}, "else test had what train has not"
    for split in ("train", "test"):
        counts = Counter(r.cells[kind.column] for r in found if r.cells["split"] == split)
        for cell in CELLS[targets][:2]:
            assert 70 < counts[cell] < 140, "a tenth of a thousand"
    few = list(drawn(table, 0.0, kind))
    assert OF_EACH <= len(few) <= 6 * OF_EACH


def test_of_texts_and_numbers_a_share_alone_is_drawn() -> None:
    table = rows(("1", "2", "3"), "target")
    for targets in ("number", "words", "next"):
        assert 350 < len(list(drawn(table, 0.1, TARGETS[targets]))) < 450
