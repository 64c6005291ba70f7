"""Prepared data that is not as it was written is refused by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqarena.data.store import Prepared
from seqarena.errors import InputError


@pytest.fixture
def folder(prepared: dict[str, Path], tmp_path: Path) -> Path:
    return shutil.copytree(prepared["text"], tmp_path / "text")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_length": "long"}, "max_length: expected int, found 'long'"),
        ({"max_length": True}, "max_length: expected int, found True"),
        ({"classes": {"no": 1}}, "classes: expected tuple, found"),
        ({"vocabulary": [1]}, "vocabulary: expected str, found 1"),
        ({"pixel_stats": {"mean": [None]}}, "pixel_stats: expected float, found None"),
        ({"modalty": "text"}, "no key named 'modalty'; did you mean 'modality'"),
    ],
)
def test_a_key_of_another_type_is_named(change: dict[str, Any], message: str, folder: Path) -> None:
    path = folder / "spec.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InputError, match=rf"spec\.json: {message}"):
        Prepared(folder)


def test_a_missing_key_is_named(folder: Path) -> None:
    path = folder / "spec.json"
    known = json.loads(path.read_text())
    del known["step_size"]
    path.write_text(json.dumps(known))
    with pytest.raises(InputError, match=r"spec\.json: step_size: missing"):
        Prepared(folder)


@pytest.mark.parametrize("kept", [0, 7, 100, 130])
def test_an_array_that_was_cut_is_named(kept: int, folder: Path) -> None:
    path = folder / "train" / "lengths.npy"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"train/lengths\.npy: not an array: .*`dvc repro`"):
        Prepared(folder).split("train")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("lengths", lambda array: array + 10_000),
        ("lengths", lambda array: array[:-1]),
        ("lengths", lambda array: array.astype(float)),
        ("starts", lambda array: array - 1),
        ("starts", lambda array: array[:, None]),
        ("targets", lambda array: array[1:]),
        ("inputs", lambda array: array[:5]),
    ],
)
def test_arrays_that_do_not_fit_each_other_are_refused(
    name: str, change: Any, folder: Path
) -> None:
    path = folder / "train" / f"{name}.npy"
    np.save(path, change(np.load(path)))
    with pytest.raises(InputError, match=r"train: damaged, .*`dvc repro` prepares it anew"):
        Prepared(folder).split("train")


def test_an_array_that_is_gone_is_named(folder: Path) -> None:
    (folder / "train" / "starts.npy").unlink()
    with pytest.raises(InputError, match=r"starts\.npy: not there; `dvc repro`"):
        Prepared(folder).split("train")
