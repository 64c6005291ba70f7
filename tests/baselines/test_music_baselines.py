"""Baselines of music against likelihoods counted by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seqarena.baselines.music import independent_keys, repeat_frame
from seqarena.data.store import Array, DataSpec, Prepared, write_spec
from seqarena.data.writing import write_sequences

SPEC = DataSpec(modality="music", feature_shape=(88,), max_length=4, step="beat", step_size=0.5)
FIRST = {"train": [[1, 1, 1, 0], [0, 1]], "valid": [[1]], "test": [[1, 0], [0, 0, 1]]}


@pytest.fixture
def prepared(tmp_path: Path) -> Prepared:
    """Pieces in which only the first key ever sounds."""
    for name, pieces in FIRST.items():
        rolls = [np.zeros((len(piece), 88), np.uint8) for piece in pieces]
        for roll, piece in zip(rolls, pieces, strict=True):
            roll[:, 0] = piece
        before = [np.pad(roll, ((1, 0), (0, 0)))[:-1].astype(np.float32) for roll in rolls]
        write_sequences(tmp_path / name, before, rolls, ({} for _ in rolls))
    write_spec(tmp_path / "spec.json", SPEC)
    return Prepared(tmp_path)


def nll(prepared: Prepared, predictions: list[Array]) -> float:
    """Sum -log p over the keys of all frames of test."""
    test = prepared.split("test")
    assert [prediction.shape for prediction in predictions] == [(2, 88), (3, 88)]
    assert {prediction.dtype for prediction in predictions} == {np.dtype(np.float32)}
    sounds = np.concatenate([test.target(index) for index in range(len(test))])
    logits = np.concatenate(predictions).astype(np.float64)
    return float((np.logaddexp(0, logits) - sounds * logits).sum())


def test_independent_keys(prepared: Prepared) -> None:
    # Of six frames the first key sounds in four: 5/8 with one more on and off; the others 1/8.
    by_hand = -2 * np.log(5 / 8) - 3 * np.log(3 / 8) - 5 * 87 * np.log(7 / 8)
    assert nll(prepared, independent_keys(prepared)) == pytest.approx(by_hand, rel=1e-6)


def test_repeat_frame(prepared: Prepared) -> None:
    # After silence (0|1, 0|0, 0|1) the first key comes on in 2 of 3: 3/5; it stays on in 2 of 3
    # (1|1, 1|1, 1|0): 3/5. The others never come on in six frames: 1/8.
    # Test is 0|1, 1|0 and 0|0, 0|0, 0|1.
    first = -np.log([3 / 5, 2 / 5, 2 / 5, 2 / 5, 3 / 5]).sum()
    by_hand = first - 5 * 87 * np.log(7 / 8)
    assert nll(prepared, repeat_frame(prepared)) == pytest.approx(by_hand, rel=1e-6)


def test_test_teaches_nothing(prepared: Prepared, tmp_path: Path) -> None:
    before = independent_keys(prepared), repeat_frame(prepared)
    path = tmp_path / "test" / "targets.npy"
    np.save(path, 1 - np.load(path))
    after = independent_keys(prepared), repeat_frame(prepared)
    for old, new in zip(before, after, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(old, new, strict=True))
