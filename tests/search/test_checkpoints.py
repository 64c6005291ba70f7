"""A training that is stopped and goes on elsewhere ends as one that never stopped, bit for bit."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from seqarena.config import Experiment
from seqarena.data.store import DataSpec, Prepared
from seqarena.fit import Epoch, Training

from .conftest import ASKED, balanced, make_uneven, tiny, trial_of

Prepare = Callable[..., Path]
Make = Callable[..., Experiment]
Choose = Callable[..., dict[str, Any]]


def results(epochs: list[Epoch]) -> list[tuple[Any, ...]]:
    return [(e.epoch, e.train_loss, e.valid_loss, e.scores, e.gradient_norm) for e in epochs]


def in_pieces(make: Callable[[], Training]) -> tuple[Training, list[Epoch]]:
    """Train batch by batch, each in a training made anew, with another state of the generator."""
    training, epochs = make(), []
    while not training.ended:
        file = io.BytesIO()
        torch.save(training.state_dict(), file)
        training = make()
        torch.manual_seed(999)
        training.load_state_dict(torch.load(io.BytesIO(file.getvalue()), weights_only=True))
        epoch = training.advance(0.0)
        epochs += [epoch] if epoch else []
    return training, epochs


@pytest.mark.parametrize(("task", "modality"), ASKED)
def test_going_on_equals_never_having_stopped(
    task: str,
    modality: str,
    tmp_path: Path,
    specs: dict[str, DataSpec],
    prepare: Prepare,
    experiment: Make,
    hyperparameters: Choose,
) -> None:
    data = tiny(tmp_path / "data", task, specs[modality], prepare)
    check_pieces(data, *trial_of(experiment, hyperparameters, task, modality, 8, 0.3))


@pytest.mark.parametrize("balance", ["weights", "sampling"])
def test_even_classes_go_on_too(
    balance: str,
    tmp_path: Path,
    specs: dict[str, DataSpec],
    prepare: Prepare,
    experiment: Make,
    hyperparameters: Choose,
) -> None:
    data = tiny(tmp_path / "data", "classification", specs["audio"], prepare)
    make_uneven(data.folder)
    config, *chosen = trial_of(experiment, hyperparameters, "classification", "audio", 7, 0.3)
    check_pieces(data, balanced(config, balance), *chosen)


# What keeps a model from learning train by heart, and where it stands in a search.
REGULARISED = [
    ("language_modelling", "text", {"recurrent_dropout": 0.3, "zoneout": 0.2}),
    ("language_modelling", "text", {"weight_dropout": 0.4, "token_dropout": 0.3}),
    ("language_modelling", "text", {"activation_penalty": 1.0, "slowness_penalty": 1.0}),
    ("classification", "audio", {"ema": 0.9, "band_mask": 0.4, "time_mask": 0.4, "noise": 0.3}),
    ("classification", "video", {"mixup": 0.4}),
]


@pytest.mark.parametrize(("task", "modality", "more"), REGULARISED)
def test_what_is_regularised_repeats_itself_and_goes_on_too(
    task: str,
    modality: str,
    more: dict[str, Any],
    tmp_path: Path,
    specs: dict[str, DataSpec],
    prepare: Prepare,
    experiment: Make,
    hyperparameters: Choose,
) -> None:
    data = tiny(tmp_path / "data", task, specs[modality], prepare)
    config, variant, plain = trial_of(experiment, hyperparameters, task, modality, 8, 0.0)
    assert all(plain[name] == 0 for name in more), "off where nothing is said"
    found = [results(list(Training(config, data, variant, plain, 1).epochs()))]
    for name, value in more.items():  # each does something of its own
        chosen = {**plain, name: value}
        found.append(results(list(Training(config, data, variant, chosen, 1).epochs())))
        assert found.count(found[-1]) == 1, name
    check_pieces(data, config, variant, {**plain, **more})


def check_pieces(data: Prepared, config: Experiment, variant: str, chosen: dict[str, Any]) -> None:
    def make() -> Training:
        return Training(config, data, variant, chosen, 1)

    whole = make()
    epochs = list(whole.epochs())
    pieces, again = in_pieces(make)
    assert results(again) == results(epochs)
    assert pieces.best.epoch == whole.best.epoch
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, pieces.model.state_dict()[name]), name
