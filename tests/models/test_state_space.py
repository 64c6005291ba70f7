"""Mamba-2 against a slow transcription of its recurrence."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from seqarena.models.causal.state_space import CHUNK, HEADS, STATES, StateSpace, chunked


def step_by_step(layer: StateSpace, x: Tensor) -> Tensor:
    """Run Dao & Gu 2024, section 7.1 and figure 6, over one sequence ``(T, width)``."""
    inner, size = layer.inner, layer.inner // HEADS
    weight, bias = layer.conv.conv.weight[:, 0], layer.conv.conv.bias
    h = x.new_zeros(HEADS, size, STATES)
    past = [x.new_zeros(inner + 2 * STATES)] * 3
    outputs = []
    for step in x:
        projected = layer.inputs.weight @ step
        z, mixed, dt = projected[:inner], projected[inner:-HEADS], projected[-HEADS:]
        past = [*past[-3:], mixed]
        mixed = F.silu(sum(weight[:, k] * past[k] for k in range(4)) + bias)
        values, b, c = mixed[:inner].view(HEADS, size), mixed[inner:-STATES], mixed[-STATES:]
        y = torch.empty(HEADS, size, dtype=x.dtype)
        for head in range(HEADS):
            delta = torch.log(1 + torch.exp(dt[head] + layer.size[head]))
            a = torch.exp(-torch.exp(layer.rate[head]) * delta)
            h[head] = a * h[head] + delta * torch.outer(values[head], b)
            y[head] = h[head] @ c + layer.skip[head] * values[head]
        gated = y.flatten() * F.silu(z)
        normed = gated / torch.sqrt(gated.square().mean() + 1e-5) * layer.norm.weight
        outputs.append(layer.outputs.weight @ normed)
    return torch.stack(outputs)


@torch.no_grad()
@pytest.mark.parametrize("steps", [1, 3, CHUNK, CHUNK + 1, 3 * CHUNK - 5])
def test_it_is_its_recurrence(steps: int) -> None:
    torch.manual_seed(steps)
    layer = StateSpace(12).double()
    for parameter in layer.parameters():
        parameter += 0.3 * torch.randn_like(parameter)
    x = torch.randn(2, steps, 12, dtype=torch.float64)
    found, _ = layer(x, layer.initial_state(x), None)
    torch.testing.assert_close(found, torch.stack([step_by_step(layer, row) for row in x]))


def test_it_starts_as_the_paper_has_it() -> None:
    torch.manual_seed(0)
    layers = [StateSpace(8) for _ in range(200)]
    rates = torch.stack([layer.rate.detach().exp() for layer in layers])
    sizes = F.softplus(torch.stack([layer.size.detach() for layer in layers]))
    assert 1 <= rates.min() < 1.5 and 15.5 < rates.max() <= 16
    assert rates.mean() == pytest.approx(8.5, abs=0.5)
    assert 1e-3 * 0.999 <= sizes.min() < 1.1e-3 and 0.09 < sizes.max() <= 0.1 * 1.001
    assert sizes.log().mean() == pytest.approx(math.log(0.01), abs=0.15)


def test_states_that_are_forgotten_at_once_are_no_division_by_zero() -> None:
    """Products of decays within a chunk are e^-3200, and each has a gradient."""
    torch.manual_seed(0)
    x, b, c = (torch.randn(1, CHUNK, *size) for size in ((2, 3), (4,), (4,)))
    decays = torch.full((1, CHUNK, 2), -100.0).requires_grad_()
    found, last = chunked(x, decays, b, c, torch.ones(1, 2, 3, 4))
    wanted = (b * c).sum(-1)[..., None, None] * x  # each step sees itself alone
    torch.testing.assert_close(found, wanted)
    (found.sum() + last.sum()).backward()
    assert decays.grad is not None and decays.grad.isfinite().all()
