"""Searches whose every training is done by two workers together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from seqarena.config import Experiment, Range, Resources, parse
from seqarena.errors import InputError
from seqarena.runs import SearchResult
from seqarena.search import training_pool
from seqarena.search.checkpoints import Checkpoints
from seqarena.search.finals import train_finals
from seqarena.search.search import SearchError, search

from .conftest import comparable, over, recorder_at

Make = Callable[..., Experiment]
SHORT = {"repetitions": 2, "trials": 2, "epochs": 3, "patience": 3, "batch_size": 5}
pytestmark = [pytest.mark.whole, pytest.mark.usefixtures("ray_here")]


def together(config: Experiment, workers: int = 2, **space: Any) -> Experiment:
    resources = Resources(workers=workers)
    return config.model_copy(update={"resources": resources, "space": {"width": 8, **space}})


def run(config: Experiment, prepared: Path, root: Path) -> SearchResult:
    return search(over(config, prepared, root), recorder_at(root))


def test_a_search_and_its_finals_are_those_of_one_worker_each(
    prepared: dict[str, Path], experiment: Make, tmp_path: Path
) -> None:
    config = experiment("audio", ("gru",), **SHORT)
    single, pair = (together(config, workers, dropout=0.0) for workers in (1, 2))
    alone = run(single, prepared["audio"], tmp_path / "alone")
    both = run(pair, prepared["audio"], tmp_path / "both")
    for one, other in zip(alone.studies, both.studies, strict=True):
        assert [each.hyperparameters for each in one.tried] == [
            each.hyperparameters for each in other.tried
        ]
        assert one.loss == pytest.approx(other.loss, rel=1e-4)
    finals = [
        train_finals(over(config, prepared["audio"], root), found, recorder_at(root)).finals
        for config, found, root in (
            (single, alone, tmp_path / "alone"),
            (pair, both, tmp_path / "both"),
        )
    ]
    for first, second in zip(*finals, strict=True):
        assert first.loss == pytest.approx(second.loss, rel=1e-4)
        assert first.steps == second.steps
    assert len(list((tmp_path / "both" / "models").rglob("weights.safetensors"))) == 2


@pytest.mark.parametrize("victim", ["ray::Leader", "ray::Follower"])
def test_a_training_whose_worker_is_lost_goes_on_from_its_checkpoint(
    victim: str,
    prepared: dict[str, Path],
    experiment: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = together(experiment("audio", ("gru",), **{**SHORT, "trials": 1}), dropout=0.3)
    whole = run(config, prepared["audio"], tmp_path / "a")
    monkeypatch.setattr(training_pool, "CHECKPOINT", 0.0)
    save, saved = Checkpoints.save, 0

    def saving(self: Checkpoints, run: str, epochs: int, state: bytes) -> None:
        nonlocal saved
        save(self, run, epochs, state)
        saved += 1
        if saved == 7:  # amid an epoch
            named = [p for p in psutil.Process().children(recursive=True) if p.cmdline()]
            killed = [p.kill() for p in named if p.cmdline()[0].startswith(victim)]
            assert killed

    monkeypatch.setattr(Checkpoints, "save", saving)
    assert comparable(run(config, prepared["audio"], tmp_path / "b")) == comparable(whole)
    assert saved > 7


def test_what_one_worker_raises_is_told(
    prepared: dict[str, Path], experiment: Make, tmp_path: Path
) -> None:
    kernels = Range(low=3, high=10**15, integer=True)  # more memory than any machine has
    config = together(experiment("audio", ("conv1d",), **SHORT), kernel=kernels)
    with pytest.raises(SearchError, match=r"all 2 trials of conv1d .* failed: .*memory"):
        run(config, prepared["audio"], tmp_path)


def test_more_workers_than_there_is_room_for_are_refused(
    prepared: dict[str, Path], experiment: Make, tmp_path: Path
) -> None:
    config = together(experiment("audio", ("gru",), **SHORT), workers=10**6)
    with pytest.raises(InputError, match=r"resources\.workers: 1000000, but there is room for \d+"):
        run(config, prepared["audio"], tmp_path)


def test_workers_that_share_a_gpu_are_refused() -> None:
    with pytest.raises(InputError, match="gpus: 0.5, but 2 workers need whole ones each"):
        parse(Resources, {"workers": 2, "gpus": 0.5}, "params.yaml: resources")
