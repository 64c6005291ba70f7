"""The scan against its recurrence, and the layers over it against their formulas, step by step."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from seqarena.models.causal.linear_recurrence import LRU, MinGRU, MinLSTM
from seqarena.models.causal.scan import scan


def step_by_step(a: Tensor, b: Tensor, state: Tensor) -> Tensor:
    states = []
    for t in range(b.shape[1]):
        state = a[:, t] * state + b[:, t]
        states.append(state)
    return torch.stack(states, dim=1)


def drawn(steps: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(steps)
    a, b = (torch.randn(2, steps, 3, dtype=dtype).requires_grad_() for _ in range(2))
    return a, b, torch.randn(2, 3, dtype=dtype).requires_grad_()


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5, 16, 17, 50])
def test_states_and_gradients_are_those_of_the_loop(steps: int, dtype: torch.dtype) -> None:
    inputs = drawn(steps, dtype)
    weights = torch.randn(2, steps, 3, dtype=torch.float64)
    found, wanted = scan(*inputs), step_by_step(*inputs)
    torch.testing.assert_close(found, wanted)
    for one, other in zip(
        torch.autograd.grad((found * weights).abs().square().sum(), inputs),
        torch.autograd.grad((wanted * weights).abs().square().sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(one, other)
    assert torch.autograd.gradcheck(scan, inputs)


def test_a_gate_for_all_steps_is_broadcast_and_gets_the_sum_of_its_gradients() -> None:
    _, b, state = drawn(6, torch.float64)
    gate = torch.rand(3, dtype=torch.float64).requires_grad_()
    wanted = step_by_step(gate.expand_as(b), b, state)
    torch.testing.assert_close(scan(gate, b, state), wanted)
    assert torch.autograd.gradcheck(scan, (gate, b, state))


def test_gates_near_zero_over_ten_thousand_steps_stay_finite() -> None:
    """Where a product of gates is divided by it is 0 / 0 after a few hundred steps."""
    torch.manual_seed(0)
    a, b = torch.rand(1, 10_000, 2) * 1e-3, torch.randn(1, 10_000, 2)
    a.requires_grad_()
    states = scan(a, b, torch.zeros(1, 2))
    states.square().mean().backward()
    assert states.isfinite().all() and a.grad is not None and a.grad.isfinite().all()
    torch.testing.assert_close(states, step_by_step(a, b, torch.zeros(1, 2)))


def inputs_of(width: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return 3 * torch.randn(2, 9, width), torch.rand(2, width)


def g(x: Tensor) -> Tensor:
    """Equation of appendix B.2.1 of Feng et al., written as a choice by element."""
    flat = [v + 0.5 if v >= 0 else 1 / (1 + math.exp(-v)) for v in x.flatten().tolist()]
    return torch.tensor(flat).view_as(x)


def test_min_gru_is_its_formula() -> None:
    layer = MinGRU(4)
    x, h = inputs_of(4)
    weight, bias = layer.gates.weight, layer.gates.bias
    wanted, state = [], h
    for step in x.unbind(1):
        z = torch.sigmoid(step @ weight[:4].T + bias[:4])
        state = (1 - z) * state + z * g(step @ weight[4:].T + bias[4:])
        wanted.append(state)
    torch.testing.assert_close(layer(x, h)[0], torch.stack(wanted, dim=1))


def test_min_lstm_is_its_formula() -> None:
    layer = MinLSTM(4)
    x, h = inputs_of(4)
    weight, bias = layer.gates.weight, layer.gates.bias
    wanted, state = [], h
    for step in x.unbind(1):
        f, i, candidate = (F.linear(step, weight, bias)).chunk(3, dim=-1)
        f, i = torch.sigmoid(f), torch.sigmoid(i)
        state = f / (f + i) * state + i / (f + i) * g(candidate)
        wanted.append(state)
    torch.testing.assert_close(layer(x, h)[0], torch.stack(wanted, dim=1))


def test_gates_that_are_both_shut_are_no_division_by_zero() -> None:
    layer = MinLSTM(2)
    with torch.no_grad():
        layer.gates.weight.zero_()
        layer.gates.bias.copy_(torch.tensor([-200.0, -200, -200, -200, 1, 1]))
    states, _ = layer(torch.zeros(1, 3, 2), torch.zeros(1, 2))
    torch.testing.assert_close(states[0, :, 0], 1.5 * (1 - 0.5 ** torch.arange(1.0, 4.0)))


def test_the_linear_recurrent_unit_is_its_formula() -> None:
    torch.manual_seed(0)
    layer = LRU(4)
    x, _ = inputs_of(4)
    eigenvalues = torch.exp(-layer.nu.exp() + 1j * layer.theta.exp())
    assert (eigenvalues.abs() <= 0.999).all() and (eigenvalues.abs() >= 0.5).all()
    torch.testing.assert_close(layer.scale.exp(), torch.sqrt(1 - eigenvalues.abs() ** 2))
    into = torch.complex(*layer.inputs.weight.chunk(2))
    out = torch.complex(*layer.outputs.weight.chunk(2, dim=1))
    state, wanted = torch.zeros(2, 4, dtype=torch.complex64), []
    for step in x.unbind(1):
        state = eigenvalues * state + layer.scale.exp() * (step.to(into) @ into.T)
        wanted.append((state @ out.T).real + layer.skip * step)
    found, states = layer(x, layer.initial_state(x))
    torch.testing.assert_close(found, torch.stack(wanted, dim=1), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(torch.view_as_complex(states[:, -1].contiguous()), state)
