"""Layers that read two states as one."""

from __future__ import annotations

from dataclasses import replace

import torch

from seqarena.data.batches import Batch
from seqarena.models.recurrent.pyramid import halved, paired, pyramid
from seqarena.models.variants import VARIANTS
from seqarena.tasks import TASKS

SIZES = {"width": 4, "layers": 3, "dropout": 0.0}


def test_two_steps_stand_side_by_side_and_a_lone_one_beside_zeros() -> None:
    x = torch.arange(1.0, 6).view(1, 5, 1)
    assert paired(x, torch.tensor([5])).tolist() == [[[1, 2], [3, 4], [5, 0]]]
    assert paired(x, torch.tensor([3])).tolist() == [[[1, 2], [3, 0], [0, 0]]]
    assert halved(torch.tensor([1, 2, 3, 4])).tolist() == [1, 1, 2, 2]


def test_three_layers_leave_a_state_for_four_steps() -> None:
    torch.manual_seed(0)
    encoder = pyramid((3,), 13, SIZES).eval()
    lengths = torch.tensor([13, 1, 8])
    states, _ = encoder(torch.randn(3, 13, 3), lengths)
    assert states.shape == (3, 4, encoder.width)
    assert encoder.states_of(lengths).tolist() == [4, 1, 2]
    assert encoder.summary(states, encoder.states_of(lengths)).shape == (3, encoder.width)


def test_a_decoder_looks_over_what_is_left(specs: dict, hyperparameters) -> None:
    spec = replace(
        specs["audio"], target_vocabulary=("<pad>", "<unk>", "<end>", "a"), max_target_length=3
    )
    variant = "pyramid_bilstm_attention"
    chosen = {**hyperparameters(variant, "audio"), "embedding": 4, "embedding_std": 1.0}
    task = TASKS["transduction"]
    model = task.model(variant, spec, chosen).eval()
    lengths = torch.tensor([7, 2])
    targets = torch.tensor([[3, 3, 2], [3, 2, 0]])
    batch = Batch(torch.randn(2, 7, 5), lengths, targets, torch.tensor([3, 2]))
    output = model(batch)
    assert output.weights is not None
    assert output.weights.shape[3] == int(model.encoder.states_of(lengths).max())
    assert output.lengths.tolist() == model.encoder.states_of(lengths).tolist()


def test_labels_of_steps_need_a_state_of_each() -> None:
    reason = TASKS["labelling"].incompatibility(VARIANTS["pyramid_bilstm"])
    assert reason == "has one state for several steps"
