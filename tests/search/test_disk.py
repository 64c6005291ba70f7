"""Checkpoints keep within the disk that they may take, and a search comes to the same result."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from seqarena.config import Experiment, Resources, parse
from seqarena.data.store import Prepared
from seqarena.errors import InputError, InputWarning
from seqarena.files import new_file
from seqarena.runs import Job, Keys
from seqarena.search import checkpoints as module
from seqarena.search import training_pool
from seqarena.search.checkpoints import Checkpoints
from seqarena.search.disk import warn_of_little_disk
from seqarena.search.search import search
from seqarena.spaces import space_of

from . import conftest
from .conftest import over, recorder_at


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


@pytest.fixture
def peaks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What lay in the folder whenever a checkpoint was written, half written ones included."""
    seen: list[int] = []

    @contextmanager
    def watched(path: Path) -> Iterator[Path]:
        with new_file(path) as partial:
            yield partial
            seen.append(_bytes_in(path.parent))

    monkeypatch.setattr(module, "new_file", watched)
    return seen


def test_what_spares_least_goes_first_and_the_bound_holds_while_one_is_written(
    tmp_path: Path, peaks: list[int]
) -> None:
    checkpoints = Checkpoints(tmp_path, most=100)
    for run, epochs in (("a", 5), ("b", 3), ("c", 4)):
        checkpoints.save(run, epochs, bytes(30))
    checkpoints.save("d", 2, bytes(30))
    assert checkpoints.last("d") is None, "it spares less than all that are there"
    checkpoints.save("d", 4, bytes(30))
    assert checkpoints.last("b") is None
    assert all(checkpoints.last(run) for run in ("a", "c", "d"))
    checkpoints.save("a", 6, bytes(60))
    assert not checkpoints.last("c") or not checkpoints.last("d")
    kept = checkpoints.last("a")
    assert kept is not None and kept.epochs == 6
    checkpoints.save("a", 7, bytes(101))
    kept = checkpoints.last("a")
    assert kept is not None and kept.epochs == 6, "of two that do not fit the former stays"
    assert max(peaks) <= 100


def test_the_bound_holds_whatever_is_written(tmp_path: Path, peaks: list[int]) -> None:
    chance, checkpoints = random.Random(0), Checkpoints(tmp_path, most=1000)
    for number in range(300):
        checkpoints.save(chance.choice("abcdefgh"), number // 8, bytes(chance.randint(1, 1100)))
    assert len(peaks) > 50 and max(peaks) <= 1000
    assert max(peaks) > 500, "the room is used"
    Checkpoints(tmp_path, most=300).keep_within()
    assert _bytes_in(tmp_path) <= 300


@pytest.mark.whole
@pytest.mark.parametrize("most", [1, 30_000])
def test_a_bound_changes_no_result_and_no_key(
    most: int,
    prepared: dict[str, Path],
    experiment: Callable[..., Experiment],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    peaks: list[int],
    ray_here: None,
) -> None:
    """Stopped amid an epoch while no checkpoint is kept, or one of two, and run again."""
    protocol = {"repetitions": 2, "trials": 2, "epochs": 3, "patience": 3, "batch_size": 4}
    config = experiment("audio", ("gru",), **protocol).model_copy(update={"space": {"width": 8}})
    bound = config.model_copy(update={"resources": parse(Resources, {"disk": most}, "test")})
    job = Job("trial", "gru", 1, 1, {"width": 8}, 0)
    assert Keys(bound, "d", lambda *_: "c")(job) == Keys(config, "d", lambda *_: "c")(job)
    whole = search(over(config, prepared["audio"], tmp_path / "a"), recorder_at(tmp_path / "a"))

    monkeypatch.setattr(training_pool, "CHECKPOINT", 0.0)
    save, calls = Checkpoints.save, 0

    def saving(self: Checkpoints, run: str, epochs: int, state: bytes) -> None:
        nonlocal calls
        save(self, run, epochs, state)
        calls += 1
        if calls == 9:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoints, "save", saving)
    toy, recorder = over(bound, prepared["audio"], tmp_path / "b"), recorder_at(tmp_path / "b")
    with pytest.raises(KeyboardInterrupt):
        search(toy, recorder)
    result = search(toy, recorder)
    assert conftest.comparable(result) == conftest.comparable(whole)
    assert bool(peaks) == (most > 1), "some are written where one fits"
    assert max(peaks, default=0) <= most
    assert [run.status for run in recorder.ledger.runs("trial").values()] == ["FINISHED"] * 4
    assert not list(tmp_path.rglob("*.pt"))


@pytest.mark.whole
def test_a_waiting_training_whose_checkpoint_gave_way_begins_anew(
    prepared: dict[str, Path],
    experiment: Callable[..., Experiment],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ray_here: None,
) -> None:
    """Both trainings were stopped; what they were to go on from is gone once they have workers."""
    protocol = {"repetitions": 2, "trials": 1, "epochs": 3, "patience": 3, "batch_size": 4}
    config = experiment("audio", ("gru",), **protocol)
    whole = search(over(config, prepared["audio"], tmp_path / "a"), recorder_at(tmp_path / "a"))
    monkeypatch.setattr(training_pool, "CHECKPOINT", 0.0)
    save, last, calls, found = Checkpoints.save, Checkpoints.last, 0, 0

    def saving(self: Checkpoints, run: str, epochs: int, state: bytes) -> None:
        nonlocal calls
        save(self, run, epochs, state)
        calls += 1
        if calls == 9:
            raise KeyboardInterrupt

    def lasting(self: Checkpoints, run: str) -> object:
        nonlocal found
        checkpoint = last(self, run)
        if checkpoint:
            found += 1
            checkpoint.path.unlink()
        return checkpoint

    monkeypatch.setattr(Checkpoints, "save", saving)
    monkeypatch.setattr(Checkpoints, "last", lasting)
    toy, recorder = over(config, prepared["audio"], tmp_path / "b"), recorder_at(tmp_path / "b")
    with pytest.raises(KeyboardInterrupt):
        search(toy, recorder)
    assert conftest.comparable(search(toy, recorder)) == conftest.comparable(whole)
    assert found, "none was there to give way"


def test_a_bound_that_holds_no_checkpoint_is_told(
    prepared: dict[str, Path],
    experiment: Callable[..., Experiment],
    recwarn: pytest.WarningsRecorder,
) -> None:
    config, spec = experiment("audio", ("gru", "conv1d")), Prepared(prepared["audio"]).spec
    spaces = {variant: space_of(config, variant, "here") for variant in config.variants}

    def told(disk: str) -> None:
        bound = config.model_copy(update={"resources": parse(Resources, {"disk": disk}, "here")})
        warn_of_little_disk(bound, spec, spaces, "here")

    told("1 GB")
    assert not recwarn.list
    with pytest.warns(InputWarning, match=r"^here.resources.disk: 2\.0KB, and .* of gru, conv1d "):
        told("2 kB")


@pytest.mark.parametrize("size", ["much", "2 GX", 0, -1])
def test_what_is_no_size_is_refused_with_one_that_is(size: object) -> None:
    with pytest.raises(InputError, match=r"^here\.disk: expected .*, such as 500 MB or 2 GiB"):
        parse(Resources, {"disk": size}, "here")
    assert parse(Resources, {"disk": "2 GB"}, "here").disk == 2_000_000_000
