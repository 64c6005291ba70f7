from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seqarena.baselines.dtw import dtw, dtw_nearest
from seqarena.data.store import Array, DataSpec, Prepared, write_spec
from seqarena.data.writing import write_sequences


def plain(a: Array, b: Array) -> float:
    """Fill the table of Sakoe and Chiba cell by cell."""
    best = np.full((len(a) + 1, len(b) + 1), np.inf)
    best[0, 0] = 0
    for i in range(len(a)):
        for j in range(len(b)):
            cost = 0.0
            for x, y in zip(a[i], b[j], strict=True):
                cost += (x - y) ** 2
            best[i + 1, j + 1] = cost + min(best[i, j], best[i, j + 1], best[i + 1, j])
    return float(best[-1, -1])


def beside(sequences: list[Array], padding: float = 0.0) -> tuple[Array, Array]:
    lengths = np.array([len(sequence) for sequence in sequences])
    known = np.full((lengths.max(), len(sequences), sequences[0].shape[1]), padding)
    for index, sequence in enumerate(sequences):
        known[: len(sequence), index] = sequence
    return known, lengths


@pytest.mark.parametrize("steps", [1, 2, 5, 17])
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_distances_are_those_of_the_plain_table(steps: int, offset: float) -> None:
    random = np.random.default_rng(steps)
    known = [offset + random.normal(size=(length, 3)) for length in (1, 2, 4, 9, 23, 3)]
    asked = offset + random.normal(size=(steps, 3)).cumsum(0)
    expected = [plain(asked, one) for one in known]
    for padding in (0.0, 7.0, -1e6):  # never seen
        np.testing.assert_allclose(dtw(asked, *beside(known, padding)), expected, rtol=1e-6)


def test_a_sequence_and_its_slower_self_are_alike() -> None:
    random = np.random.default_rng(0)
    sequence, other = random.normal(size=(2, 8, 2))
    slower = sequence.repeat(random.integers(1, 4, 8), axis=0)
    distances = dtw(slower, *beside([other, sequence, sequence[::-1]]))
    assert distances[1] == pytest.approx(0, abs=1e-9)
    assert distances.argmin() == 1
    assert min(distances[0], distances[2]) > 1


def write(folder: Path, spec: DataSpec, sizes: tuple[int, int, int], length: int) -> Prepared:
    """Write waves of one to three periods that run ever faster or slower, told by their number."""
    random = np.random.default_rng(0)
    for split, count in zip(("train", "valid", "test"), sizes, strict=True):
        labels = random.permutation(np.arange(count) % 3)
        sequences = []
        for label in labels:
            place = np.linspace(0, 1, random.integers(length // 2, length + 1))
            place **= random.uniform(0.7, 1.4)
            wave = np.sin(2 * np.pi * (1 + label) * place)[:, None] * [1, -1]
            sequences.append((wave + random.normal(scale=0.1, size=wave.shape)).astype(np.float32))
        if split == "valid":  # never looked at
            labels = (labels + 1) % 3
        write_sequences(folder / split, sequences, labels, ({} for _ in labels))
    write_spec(folder / "spec.json", spec)
    return Prepared(folder)


@pytest.fixture
def spec(specs: dict[str, DataSpec]) -> DataSpec:
    return replace(specs["audio"], feature_shape=(2,), classes=("one", "three", "two"))


def test_nearest_answers_with_the_class_of_a_train_sequence(tmp_path: Path, spec: DataSpec) -> None:
    prepared = write(tmp_path, spec, (30, 30, 20), 24)
    predictions = dtw_nearest(prepared)
    train, test = prepared.split("train"), prepared.split("test")
    assert predictions.shape == (20, 3)
    chances = np.exp(predictions) / np.exp(predictions).sum(1, keepdims=True)
    assert chances.max(1) == pytest.approx(2 / 4), "one neighbour, and one for each class"
    assert np.mean(predictions.argmax(1) == test.targets) > 0.9
    for index in range(5):
        distances = [plain(test.sequence(index), train.sequence(i)) for i in range(30)]
        assert predictions[index].argmax() == train.targets[np.argmin(distances)]


def test_hundreds_against_hundreds_take_seconds(tmp_path: Path, spec: DataSpec) -> None:
    prepared = write(tmp_path, spec, (216, 3, 100), 29)
    began = time.process_time()
    dtw_nearest(prepared)
    assert time.process_time() - began < 3  # 40 s cell by cell
