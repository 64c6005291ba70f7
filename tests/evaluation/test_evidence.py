"""What the remarks rest on, from prepared data, the ledger and a comparison."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from seqarena.data.folds import POOL
from seqarena.data.store import SPLITS, DataSpec, Prepared, write_spec
from seqarena.data.writing import write_sequences
from seqarena.evaluation.evidence import absent_classes, constants_of, examples_of

CLASSES = ("a", "b", "c")


def write(folder: Path, spec: DataSpec, targets: dict[str, Any]) -> Prepared:
    """Write sequences of three steps with the given targets."""
    write_spec(folder / "spec.json", spec)
    for split in SPLITS:
        own = targets[split]
        steps = [np.zeros((3, *spec.feature_shape), spec.dtype) for _ in own]
        write_sequences(folder / split, steps, own, [{"id": str(n)} for n in range(len(own))])
    return Prepared(folder)


def test_classes_are_counted_in_each_split(specs: dict[str, DataSpec], tmp_path: Path) -> None:
    spec = replace(specs["text"], classes=CLASSES)
    split = {"train": np.array([0, 1, 2]), "valid": np.array([2]), "test": np.array([0, 0, 1])}
    prepared = write(tmp_path, spec, split)
    assert absent_classes(prepared) == {"valid": ["a", "b"], "test": ["c"]}


def test_of_labels_of_steps_the_unlabelled_do_not_count(
    specs: dict[str, DataSpec], tmp_path: Path
) -> None:
    spec = replace(specs["text"], classes=CLASSES)
    every = [np.array([1, 2, 3])]
    split = {"train": every, "valid": every, "test": [np.array([0, 1, 0]), np.array([3, 3, 0])]}
    assert absent_classes(write(tmp_path, spec, split)) == {"test": ["b"]}


def test_of_sets_every_label_counts(specs: dict[str, DataSpec], tmp_path: Path) -> None:
    spec = replace(specs["text"], classes=CLASSES)
    every = np.eye(3, dtype=np.uint8)
    split = {"train": every, "valid": np.array([[1, 1, 1], [0, 0, 0]]), "test": every[:2] * 0}
    split["test"][1, 1:] = 1
    assert absent_classes(write(tmp_path, spec, split)) == {"test": ["a"]}


def test_where_there_are_no_classes_none_is_absent(
    specs: dict[str, DataSpec], tmp_path: Path
) -> None:
    spec = replace(specs["text"], classes=())
    numbers = dict.fromkeys(SPLITS, np.array([[0.5], [1.5]], np.float32))
    assert absent_classes(write(tmp_path, spec, numbers)) == {}


def test_examples_are_those_that_a_training_learns_from(
    specs: dict[str, DataSpec], tmp_path: Path
) -> None:
    targets = dict.fromkeys(SPLITS, np.array([0, 1, 0, 1, 0]))
    text = replace(specs["text"], classes=("a", "b"))
    prepared = write(tmp_path, text, targets)
    assert examples_of(prepared) == 5
    assert examples_of(write(tmp_path / "series", specs["series"], targets)) is None, "they overlap"
    (tmp_path / "train").rename(tmp_path / POOL)
    np.save(tmp_path / POOL / "folds.npy", np.array([0, 0, 1, 1, 0]))
    assert examples_of(prepared) == 2, "the others validate"


def test_constant_baselines_are_told_from_others(contest: Any) -> None:
    summary, _ = contest({"gru": 0.9}, {"majority": 0.2, "tfidf_logistic": 0.8})
    assert constants_of(summary) == {"majority": summary.references["majority"]}
