"""A mixture of two clips has the answers of both, by the same share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from seqarena.config import Experiment
from seqarena.data.batches import Batch
from seqarena.data.store import DataSpec
from seqarena.models.variants import VARIANTS
from seqarena.spaces import space_of
from seqarena.tasks import TASKS
from seqarena.tasks.mixup import mixed

LENGTHS = torch.tensor([6, 3, 2, 5])


def clips() -> Batch:
    torch.manual_seed(0)
    frames = torch.randint(1, 256, (4, 6, 1, 8, 8), dtype=torch.uint8)
    frames[torch.arange(6) >= LENGTHS[:, None]] = 0
    return Batch(frames, LENGTHS, torch.tensor([0, 1, 1, 0]), weights=torch.tensor([1.0, 2, 3, 4]))


def test_each_step_lies_between_two_that_are_as_far_along_their_clips() -> None:
    batch, kept = clips(), Tensor()
    for seed in range(5):
        torch.manual_seed(seed)
        mixture, other, share = mixed(batch, 0.4)
        torch.manual_seed(seed)
        torch.distributions.Beta(0.4, 0.4).sample()
        partner = torch.randperm(4)
        assert 0 <= share <= 1
        assert torch.equal(other.targets, batch.targets[partner])
        assert other.weights is not None and batch.weights is not None
        assert torch.equal(other.weights, batch.weights[partner])
        assert torch.equal(mixture.lengths, LENGTHS)
        assert torch.equal(mixture.targets, batch.targets)
        for row, length in enumerate(LENGTHS.tolist()):
            beside, of_beside = batch.inputs[partner[row]], int(LENGTHS[partner[row]])
            for t in range(length):
                wanted = (
                    share * batch.inputs[row, t] + (1 - share) * beside[t * of_beside // length]
                )
                torch.testing.assert_close(mixture.inputs[row, t], wanted)
            assert not mixture.inputs[row, length:].any(), "padding stays"
        assert not torch.equal(mixture.inputs, kept)
        kept = mixture.inputs


def test_the_loss_is_of_both_answers(
    specs: dict[str, DataSpec],
    hyperparameters: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task, batch = TASKS["classification"], clips()
    chosen = hyperparameters("cnn_lstm", "video")
    model = task.model("cnn_lstm", specs["video"], chosen)
    plain = task.learn(model, batch, None, chosen)
    torch.testing.assert_close(plain[1], task.training_loss(model(batch), batch, chosen)[0])
    mixture = mixed(batch, 1.0)
    monkeypatch.setattr("seqarena.tasks.base.mixed", lambda batch, alpha: mixture)
    _, loss, count = task.learn(model, batch, None, {**chosen, "mixup": 1.0})
    output = model(mixture.batch)
    assert count == 4
    weighted = [task.training_loss(output, each, chosen)[0] for each in (batch, mixture.other)]
    share = mixture.share
    torch.testing.assert_close(loss, share * weighted[0] + (1 - share) * weighted[1])


@pytest.mark.parametrize(
    ("task", "modality", "there"),
    [
        ("classification", "video", True),
        ("regression", "video", True),
        ("multi_label_classification", "video", True),
        ("labelling", "video", False),
        ("transduction", "video", False),
        ("classification", "audio", False),
    ],
)
def test_it_stands_where_a_clip_has_one_answer(
    task: str, modality: str, there: bool, experiment: Callable[..., Experiment]
) -> None:
    assert ("mixup" in TASKS[task].added_space(VARIANTS["lstm"], modality)) == there
    config = experiment(modality).model_copy(update={"task": task, "modality": modality})
    assert ("mixup" in space_of(config, "lstm", "here")) == there
