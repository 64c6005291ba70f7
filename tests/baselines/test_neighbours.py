"""Labels of steps from the steps beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqarena.baselines.registry import BASELINES
from seqarena.data.store import SPLITS, Array, DataSpec, Prepared, write_spec
from seqarena.data.writing import write_sequences
from seqarena.evaluation.scoring import judge_on_valid
from seqarena.tasks import TASKS

GAP = 2
CLASSES = ("he", "him", "she")
SPEC = DataSpec(
    modality="text",
    feature_shape=(),
    max_length=9,
    step="token",
    step_size=1.0,
    vocabulary=("<pad>", "<unk>", "___", *(f"word{n}" for n in range(12))),
    classes=CLASSES,
)


def write(folder: Path, label: Callable[[int, int], int]) -> Prepared:
    """Write sentences with one gap; its label hangs on the token before it and the one after."""
    random = np.random.default_rng(0)
    for split, count in zip(SPLITS, (300, 60, 60), strict=True):
        sequences, targets = [], []
        for length in random.integers(1, 10, count):
            tokens = random.integers(3, len(SPEC.vocabulary), length).astype(np.int32)
            place = int(random.integers(length))
            tokens[place] = GAP
            before, after = np.pad(tokens, 1)[[place, place + 2]]
            target = np.zeros(length, np.int64)
            target[place] = label(before, after) + 1
            sequences.append(tokens)
            targets.append(target)
        write_sequences(folder / split, sequences, targets, ({} for _ in sequences))
    write_spec(folder / "spec.json", SPEC)
    return Prepared(folder)


def predict(name: str, prepared: Prepared) -> Any:
    """What a baseline says of test, tuned for accuracy."""
    judge = judge_on_valid(prepared, TASKS["labelling"], "accuracy")
    return BASELINES[name].predict(prepared, judge)


def accuracy(prepared: Prepared, predictions: list[Array]) -> float:
    test = prepared.split("test")
    assert [rows.shape for rows in predictions] == [
        (length, len(CLASSES)) for length in test.lengths
    ]
    np.testing.assert_allclose(np.concatenate(predictions).sum(1), 1, rtol=1e-5)
    labels = np.asarray(test.targets)
    predicted = np.concatenate(predictions).argmax(1) + 1
    return float((predicted == labels)[labels > 0].mean())


def test_what_stands_before_is_enough(tmp_path: Path) -> None:
    data = write(tmp_path, lambda before, _: before % 3)
    assert accuracy(data, predict("left_neighbour_logistic", data)) > 0.95
    assert accuracy(data, predict("neighbour_logistic", data)) > 0.95


def test_what_stands_after_needs_both_sides(tmp_path: Path) -> None:
    data = write(tmp_path, lambda _, after: after % 3)
    assert accuracy(data, predict("neighbour_logistic", data)) > 0.95
    assert accuracy(data, predict("left_neighbour_logistic", data)) < 0.75


def test_the_majority_is_of_the_labelled_steps_of_train(tmp_path: Path) -> None:
    data = write(tmp_path, lambda before, _: 1 if before % 5 else 2)
    labels = [np.asarray(data.split(name).targets) for name in ("train", "test")]
    assert np.bincount(labels[0]).tolist()[2:] == sorted(np.bincount(labels[0])[2:], reverse=True)
    share = (labels[1] == 2).sum() / (labels[1] > 0).sum()
    assert accuracy(data, predict("majority_step", data)) == pytest.approx(share)


def test_a_label_that_train_lacks_is_never_said(tmp_path: Path) -> None:
    data = write(tmp_path, lambda before, _: 2 * int(before % 2))
    for predictions in (
        predict("neighbour_logistic", data),
        predict("left_neighbour_logistic", data),
    ):
        assert np.concatenate(predictions)[:, 1].max() == 0
        assert accuracy(data, predictions) > 0.95


@pytest.mark.parametrize(
    "baseline", ["majority_step", "neighbour_logistic", "left_neighbour_logistic"]
)
def test_answers_do_not_hang_on_the_labels_of_test(baseline: str, tmp_path: Path) -> None:
    data = write(tmp_path, lambda before, _: before % 3)
    before = predict(baseline, data)
    targets = np.load(tmp_path / "test" / "targets.npy")
    np.save(tmp_path / "test" / "targets.npy", targets[::-1])
    for rows, again in zip(before, predict(baseline, Prepared(tmp_path)), strict=True):
        np.testing.assert_array_equal(rows, again)
