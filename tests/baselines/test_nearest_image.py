from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seqarena.baselines.nearest_image import nearest_image
from seqarena.data.store import DataSpec, Prepared, write_spec
from seqarena.data.tokens import END, TARGET_SPECIALS
from seqarena.data.writing import write_sequences

SPEC = DataSpec(
    modality="image",
    feature_shape=(3, 8, 8),
    max_length=1,
    step="picture",
    step_size=1.0,
    target_vocabulary=(*TARGET_SPECIALS, *(f"word{number}" for number in range(6))),
    max_target_length=4,
    target_unit="words",
)


@pytest.fixture
def data(tmp_path: Path) -> Prepared:
    """Six pictures; test has them again in another order, paler and in noise."""
    random = np.random.default_rng(0)
    pictures = random.integers(60, 200, (6, 1, 3, 8, 8))
    paler = 0.8 * pictures + 40 + random.normal(0, 5, pictures.shape)
    order = [3, 1, 5, 0, 4, 2]
    for split, steps, labels in (
        ("train", pictures, range(6)),
        ("valid", pictures, range(6)),
        ("test", paler[order], order),
    ):
        targets = [np.array([3 + n] * (1 + n % 3) + [END], np.int32) for n in labels]
        sequences = list(steps.astype(np.uint8))
        write_sequences(tmp_path / split, sequences, targets, ({} for _ in targets))
    write_spec(tmp_path / "spec.json", replace(SPEC, sizes=dict.fromkeys(("train", "test"), 6)))
    return Prepared(tmp_path)


def test_the_nearest_picture_of_train_lends_its_target(data: Prepared) -> None:
    tokens = [hypothesis.tokens for hypothesis in nearest_image(data)]
    assert tokens == [data.split("test").target(index)[:-1].tolist() for index in range(6)]
    assert tokens[0] == [6]


def test_the_test_split_is_not_looked_up(data: Prepared) -> None:
    before = nearest_image(data)
    targets = np.load(data.folder / "test" / "targets.npy")
    np.save(data.folder / "test" / "targets.npy", targets[::-1])
    assert nearest_image(data) == before
