"""A training that is stopped and goes on elsewhere ends as one that never stopped, bit for bit."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from seqarena.config import Experiment
from seqarena.data.store import DataSpec
from seqarena.fit import Epoch, Training
from seqarena.models.variants import VARIANTS
from seqarena.tasks import TASKS, StepTask

from .conftest import ASKED, config_for, tiny

Prepare = Callable[..., Path]
Make = Callable[..., Experiment]
Choose = Callable[..., dict[str, Any]]
LIKED = ("lstm_attention", "stacked_lstm", "lstm", "bag_attention")  # the first that fits a task


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
    entry = TASKS[task]
    variant = next(
        name
        for name in LIKED
        if modality in VARIANTS[name].modalities and not entry.incompatibility(VARIANTS[name])
    )
    config = config_for(experiment, task, modality, (variant,))
    truncate = 3 if isinstance(entry, StepTask) else None
    protocol = {"epochs": 3, "patience": 3, "batch_size": 8, "truncate": truncate}
    config = config.model_copy(update={"protocol": config.protocol.model_copy(update=protocol)})
    more = entry.added_space(VARIANTS[variant])
    own = {name: value[0] if isinstance(value, list) else value for name, value in more.items()}
    chosen = hyperparameters(variant, modality, dropout=0.3, **own)

    def make() -> Training:
        return Training(config, data, variant, chosen, 1)

    whole = make()
    epochs = list(whole.epochs())
    pieces, again = in_pieces(make)
    assert results(again) == results(epochs)
    assert pieces.best.epoch == whole.best.epoch
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, pieces.model.state_dict()[name]), name
