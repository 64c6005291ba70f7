"""Splits written one sequence at a time are the bytes of splits written at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from seqarena.data.rows import Row, Rows
from seqarena.data.store import SPLITS, Array, write_split
from seqarena.data.writing import split_writers, turn_columns
from seqarena.files import digest_of

LENGTHS = (3, 1, 7, 0, 2)
STEPS: dict[str, Callable[[int], Array]] = {
    "tokens": lambda length: np.arange(length, dtype=np.int32),
    "frames": lambda length: np.full((length, 4), length / 3, np.float32),
    "pixels": lambda length: np.full((length, 3, 2, 2), length, np.uint8),
}


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("kind", STEPS)
def test_the_bytes_are_those_of_a_split_that_is_written_whole(
    kind: str, own: bool, tmp_path: Path
) -> None:
    sequences = [STEPS[kind](length) for length in LENGTHS]
    labels = np.arange(len(LENGTHS), dtype=np.int64)
    targets = [np.arange(length + 1, dtype=np.int32) for length in LENGTHS]
    examples = [{"id": str(number), "text": "é\u2028"} for number in labels]
    for name in SPLITS:
        folder, whole = tmp_path / "a" / name, targets if own else [labels]
        lengths = np.array(LENGTHS)
        starts = lengths.cumsum() - lengths
        write_split(
            folder, np.concatenate(sequences), starts, lengths, np.concatenate(whole), examples
        )
        if own:
            np.save(folder / "target_starts.npy", starts + range(len(LENGTHS)))
            np.save(folder / "target_lengths.npy", (lengths + 1).astype(np.int32))
    with split_writers(tmp_path / "b") as writers:
        for writer in writers.values():
            for number, steps in enumerate(sequences):
                target = [targets[number]] if own else labels[number : number + 1]
                writer.add(steps, target, examples[number])
    assert digest_of(tmp_path / "b") == digest_of(tmp_path / "a")
    assert (len(writers["train"]), writers["train"].longest) == (5, 7)


@pytest.mark.parametrize("shape", [(100_000, 3), (5, 1), (1, 5)])
def test_columns_are_turned_as_numpy_saves_them(shape: tuple[int, int], tmp_path: Path) -> None:
    columns = np.random.default_rng(0).random(shape[::-1], np.float32).T
    np.save(tmp_path / "a.npy", columns)
    np.save(tmp_path / "b.npy", np.ascontiguousarray(columns))
    turn_columns(tmp_path / "b.npy")
    assert (tmp_path / "b.npy").read_bytes() == (tmp_path / "a.npy").read_bytes()


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    texts = ["b", "a\x00", "a", "é\u2028 \N{GRINNING FACE}", "z" * 100_000, "a"]
    groups = ["b", "a\x00", "g", "é\u2028 \N{GRINNING FACE}", "g", "a"]
    given = [
        Row(str(n), text, "t", (None, *SPLITS)[n % 4], groups[n], f"line {n + 2}")
        for n, text in enumerate(texts)
    ]
    rows = Rows(iter(given))
    assert list(rows) == given and len(rows) == 6
    assert rows[4] == given[4]
    assert rows.named.tolist() == [-1, 0, 1, 2, -1, 0]
    in_order = sorted(set(groups))
    assert rows.ranks("group").tolist() == [in_order.index(group) for group in groups]
