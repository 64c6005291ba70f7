"""A node that does not see the driver's data is sent it once, and trains the same on it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from seqarena.cluster import pool
from seqarena.cluster.delivery import DataAddress, receive
from seqarena.config import Experiment
from seqarena.errors import InputError
from seqarena.files import digest_of
from seqarena.search.search import search

from .conftest import over, recorder_at


@pytest.fixture
def address(prepared: dict[str, Path], tmp_path: Path) -> DataAddress:
    data = shutil.copytree(prepared["audio"], tmp_path / "data")
    return DataAddress.of(data, f"test-{tmp_path.name}")


def test_the_folder_counts_only_while_it_is_the_same(address: DataAddress) -> None:
    assert address.find() == address.folder
    (address.folder / "train" / "inputs.npy").write_bytes(b"less")
    assert address.find() is None


def test_a_spec_of_other_data_is_seen_whatever_its_size(address: DataAddress) -> None:
    spec = address.folder / "spec.json"
    spec.write_bytes(spec.read_bytes()[::-1])
    assert address.find() is None


@pytest.mark.whole
@pytest.mark.parametrize("shared", [False, True])
def test_workers_get_what_they_do_not_see(
    shared: bool,
    address: DataAddress,
    prepared: dict[str, Path],
    experiment: Callable[..., Experiment],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ray_here: None,
) -> None:
    config = experiment("audio", ("gru",), repetitions=2, trials=1, epochs=1)
    seen = search(over(config, prepared["audio"], tmp_path / "a"), recorder_at(tmp_path / "a"))
    storage = tmp_path / "storage" if shared else None
    elsewhere = replace(address, folder=Path("/not/on/this/node"), storage=storage)
    monkeypatch.setattr(pool.DataAddress, "of", lambda *_: elsewhere)
    try:
        sent = search(over(config, prepared["audio"], tmp_path / "b"), recorder_at(tmp_path / "b"))
        assert digest_of(elsewhere.copy) == digest_of(prepared["audio"])
    finally:
        shutil.rmtree(elsewhere.copy, ignore_errors=True)
        elsewhere.copy.with_suffix(".lock").unlink(missing_ok=True)
    assert [(s.score, s.loss) for s in sent.studies] == [(s.score, s.loss) for s in seen.studies]


def test_storage_that_a_machine_does_not_see_is_told(address: DataAddress, tmp_path: Path) -> None:
    elsewhere = replace(address, folder=Path("/not/on/this/node"), storage=tmp_path / "storage")
    with pytest.raises(InputError, match=r"cluster\.storage: .*/storage/.*: not seen from "):
        receive(elsewhere, {})
