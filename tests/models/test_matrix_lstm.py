"""The mLSTM against a slow transcription of its equations, with and without its stabiliser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from seqarena.models.causal.matrix_lstm import CHUNK, MatrixLSTM

Read = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]


def plain(q: Tensor, k: Tensor, v: Tensor, add: Tensor, keep: Tensor) -> Tensor:
    """Beck et al. 2024, equations 19 to 21, of one head over ``(T, K)``; gates before exp."""
    c, n, read = q.new_zeros(len(v[0]), len(k[0])), torch.zeros_like(k[0]), []
    for t in range(len(q)):
        i, f = torch.exp(add[t]), torch.sigmoid(keep[t])
        c = f * c + i * torch.outer(v[t], k[t])
        n = f * n + i * k[t]
        read.append(c @ q[t] / max(abs(float(n @ q[t])), 1.0))
    return torch.stack(read)


def stabilised(q: Tensor, k: Tensor, v: Tensor, add: Tensor, keep: Tensor) -> Tensor:
    """The same by equations 15 to 17: gates over the largest so far, whose logarithm is m."""
    c, n, read = q.new_zeros(len(v[0]), len(k[0])), torch.zeros_like(k[0]), []
    m = torch.tensor(-torch.inf, dtype=q.dtype)
    for t in range(len(q)):
        kept = F.logsigmoid(keep[t]) + m
        m = torch.maximum(kept, add[t])
        i, f = torch.exp(add[t] - m), torch.exp(kept - m)
        c = f * c + i * torch.outer(v[t], k[t])
        n = f * n + i * k[t]
        read.append(c @ q[t] / torch.maximum((n @ q[t]).abs(), torch.exp(-m)))
    return torch.stack(read)


def step_by_step(layer: MatrixLSTM, x: Tensor, read: Read) -> Tensor:
    """Run equations 19 to 27 over one sequence ``(T, width)``."""
    parts = (x @ layer.inputs.weight.T + layer.inputs.bias).chunk(4, dim=1)
    query, key, value, gate = (part.unflatten(1, (layer.heads, -1)) for part in parts)
    gates = x @ layer.gates.weight.T + layer.gates.bias
    size, heads = key.shape[2], []
    for head in range(layer.heads):
        q, k, v = query[:, head], key[:, head] / size**0.5, value[:, head]
        h = read(q, k, v, gates[:, head], gates[:, layer.heads + head])
        heads.append(F.layer_norm(h, (size,)))
    h = torch.cat(heads, dim=1) * layer.norm.weight + layer.norm.bias
    return (torch.sigmoid(gate.flatten(1)) * h) @ layer.outputs.weight.T + layer.outputs.bias


def drawn(steps: int, spread: float = 1.0) -> tuple[MatrixLSTM, Tensor]:
    torch.manual_seed(steps)
    layer = MatrixLSTM(33).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
        layer.gates.weight.normal_(std=spread)
    return layer, torch.randn(2, steps, 33, dtype=torch.float64)


@torch.no_grad()
@pytest.mark.parametrize("read", [plain, stabilised])
@pytest.mark.parametrize("steps", [1, 3, CHUNK, CHUNK + 1, 3 * CHUNK - 5])
def test_it_is_its_equations(steps: int, read: Read) -> None:
    layer, x = drawn(steps)
    found, _ = layer(x, layer.initial_state(x), None)
    torch.testing.assert_close(found, torch.stack([step_by_step(layer, row, read) for row in x]))


@torch.no_grad()
@pytest.mark.parametrize("spread", [20.0, 80.0])
def test_gates_whose_exponentials_overflow_are_stabilised(spread: float) -> None:
    """By float32, of which no exponential beyond 88 is a number, beside equations in float64."""
    layer, x = drawn(100, spread)
    wanted = torch.stack([step_by_step(layer, row, stabilised) for row in x])
    gates = layer.gates(x)[..., : layer.heads]
    assert gates.max() > 88 or spread < 80
    layer, x = layer.float(), x.float()
    found, _ = layer(x, layer.initial_state(x), None)
    assert found.isfinite().all()
    off = (found.double() - wanted).abs().amax(-1)
    assert off.median() < 1e-4  # where two gates are nearly equal, float32 decides otherwise


def test_overflowing_gates_have_finite_gradients() -> None:
    layer, x = drawn(100, 80.0)
    layer, x = layer.float(), x.float().requires_grad_()
    found, _ = layer(x, layer.initial_state(x), None)
    found.square().sum().backward()
    gradients = [x.grad, *(parameter.grad for parameter in layer.parameters())]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)


def test_the_level_is_rightly_no_part_of_the_gradient() -> None:
    layer, x = drawn(5)

    def read(inputs: Tensor) -> Tensor:
        return layer(inputs, layer.initial_state(inputs), None)[0]

    assert torch.autograd.gradcheck(read, x[:1, :, :].clone().requires_grad_(), atol=1e-4)
