"""Prepared data that is no longer as DVC wrote it down is refused by name, before it is used."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from projects import known_to_dvc
from seqarena.config import Experiment
from seqarena.errors import InputError
from seqarena.experiments import ResolvedExperiment
from seqarena.tracking import prepared as module
from seqarena.tracking.prepared import check_prepared
from seqarena.tracking.recorder import recorder_for

INPUTS = Path("train", "inputs.npy")


@pytest.fixture
def toy(
    experiment: Callable[..., Experiment],
    prepared: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> ResolvedExperiment:
    """An experiment whose data is prepared and known to DVC."""
    monkeypatch.chdir(tmp_path)
    found = ResolvedExperiment("toy", experiment("audio"))
    shutil.copytree(prepared["audio"], found.prepared)
    shutil.copytree(prepared["audio"], tmp_path / "data" / "same")
    Path("dvc.lock").write_text(known_to_dvc(tmp_path, tmp_path / "data" / "same"))
    return found


def test_damaged_data_is_named_though_its_time_and_size_are_the_same(
    toy: ResolvedExperiment,
) -> None:
    check_prepared(toy)
    path = toy.prepared / INPUTS
    content, times = bytearray(path.read_bytes()), path.stat()
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    told = rf"^data/prepared/toy/{INPUTS}: damaged, .*; remove data/prepared/toy, and `dvc repro`"
    with pytest.raises(InputError, match=told), recorder_for(toy):
        pass
    assert not toy.ledger.exists(), "refused before anything is recorded"
    shutil.rmtree(".dvc")
    with pytest.raises(InputError, match=r"^data/prepared/toy: damaged, "):
        check_prepared(toy)


def test_a_file_that_is_gone_or_new_is_damage_too(toy: ResolvedExperiment) -> None:
    new = toy.prepared / "other.npy"
    new.touch()
    with pytest.raises(InputError, match=r"^data/prepared/toy: damaged"):
        check_prepared(toy)
    new.unlink()
    (toy.prepared / INPUTS).unlink()
    with pytest.raises(InputError, match=rf"^data/prepared/toy/{INPUTS}: damaged"):
        check_prepared(toy)


def test_a_lock_that_says_nothing_of_the_data_refuses_nothing(
    toy: ResolvedExperiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.time, "sleep", lambda _: None)
    lock = Path("dvc.lock")
    whole = lock.read_text()
    (toy.prepared / INPUTS).write_bytes(b"")
    for written in ("", "stages: {", whole[: whole.index(".dir")], "stages: {}\n"):
        lock.write_text(written)
        check_prepared(toy)
    lock.write_text(whole)
    with pytest.raises(InputError, match="damaged"):
        check_prepared(toy)
