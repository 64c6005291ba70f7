"""The temporal convolutional network: what it sees, and its formula."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from seqarena.models.causal.tcn import DEEPEST, TCN, blocks_over, receptive_field, tcn


@pytest.mark.parametrize(("kernel", "blocks"), [(3, 1), (3, 3), (5, 2)])
def test_a_state_depends_on_as_many_steps_as_it_says(kernel: int, blocks: int) -> None:
    torch.manual_seed(0)
    model = TCN(2, 6, kernel, blocks, 0.0).double()
    steps = receptive_field(kernel, blocks) + 3
    x = torch.randn(1, steps, 2, dtype=torch.float64).requires_grad_()
    states, _ = model(x, torch.tensor([steps]))
    (gradient,) = torch.autograd.grad(states[0, -1].sum(), x)
    seen = gradient[0].abs().sum(-1) > 0
    assert not seen[:3].any() and seen[3] and seen[-1]
    assert model.receptive_field == steps - 3


@pytest.mark.parametrize("kernel", [3, 5, 7])
@pytest.mark.parametrize("steps", [1, 2, 5, 9, 10, 100, 600])
def test_it_is_as_deep_as_the_sequence_asks_for_and_no_deeper(steps: int, kernel: int) -> None:
    blocks = blocks_over(steps, kernel)
    assert receptive_field(kernel, blocks) >= steps
    assert blocks == 1 or receptive_field(kernel, blocks - 1) < steps
    assert blocks_over(10**9, kernel) == DEEPEST


@pytest.mark.parametrize(("blocks", "built"), [(1, 1), (2, 2), (DEEPEST, 4)])
def test_it_is_no_deeper_than_asked_for(blocks: int, built: int) -> None:
    encoder = tcn((2,), 50, {"kernel": 3, "width": 4, "blocks": blocks, "dropout": 0.0})
    assert isinstance(encoder, TCN) and len(encoder.layers) == built


def test_a_block_is_its_formula() -> None:
    torch.manual_seed(0)
    model = TCN(3, 4, 3, 2, 0.0)
    x = torch.randn(2, 11, 3)
    found, _ = model(x, torch.tensor([11, 11]))
    h = x.transpose(1, 2)
    for level, block in enumerate(model.layers):
        inner = h
        for layer in (block.first.conv, block.second.conv):
            g, v = layer.parametrizations.weight.original0, layer.parametrizations.weight.original1
            weight = g * v / v.norm(dim=(1, 2), keepdim=True)
            padded = F.pad(inner, (2 * 2**level, 0))
            inner = torch.relu(F.conv1d(padded, weight, layer.bias, dilation=2**level))
        h = torch.relu(inner + block.shortcut(h))
    torch.testing.assert_close(found, h.transpose(1, 2))
