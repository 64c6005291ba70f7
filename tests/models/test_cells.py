"""Cells: one step against the formula of the paper, and their state."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqarena.models.recurrent.cells import CELLS, Cell, ConvLSTMCell, GatedCell

STEPS = {"rnn": nn.RNNCell, "gru": nn.GRUCell, "lstm": nn.LSTMCell}


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


@pytest.mark.parametrize("kind", STEPS)
def test_one_step_equals_the_cell_of_torch(kind: str) -> None:
    cell, reference = CELLS[kind](3, 5).double(), STEPS[kind](3, 5).double()
    reference.load_state_dict(cell.state_dict())
    x = torch.randn(4, 3, dtype=torch.float64)
    state = tuple(torch.randn(4, 5, dtype=torch.float64) for _ in range(cell.states))
    output, new = cell(x, state)
    wanted = reference(x, state if kind == "lstm" else state[0])
    for mine, theirs in zip(new, wanted if kind == "lstm" else (wanted,), strict=True):
        torch.testing.assert_close(mine, theirs)
    torch.testing.assert_close(output, new[0])


def drawn(kind: str) -> tuple[GatedCell, tuple[Tensor, ...]]:
    """A cell with nothing at zero, an input and a state."""
    torch.manual_seed(0)
    cell = CELLS[kind](3, 5).double()
    for parameter in cell.parameters():
        nn.init.normal_(parameter)
    return cell, tuple(torch.randn(4, n, dtype=torch.float64) for n in (3, 5, 5))


def test_peepholes_equal_the_formulas_of_the_paper() -> None:
    cell, (x, h, c) = drawn("peephole_lstm")
    h_wanted, c_wanted, p = torch.empty_like(h), torch.empty_like(c), cell.peepholes.tolist()
    # Gers et al. 2002, section 3, unit by unit: the output gate alone sees the new cell state.
    net = x @ cell.weight_ih.T + cell.bias_ih + h @ cell.weight_hh.T + cell.bias_hh
    for row, unit in product(range(4), range(5)):
        i, f, g, o = net[row, unit::5].tolist()
        before = float(c[row, unit])
        after = sigmoid(f + p[1][unit] * before) * before
        after += sigmoid(i + p[0][unit] * before) * math.tanh(g)
        c_wanted[row, unit] = after
        h_wanted[row, unit] = sigmoid(o + p[2][unit] * after) * math.tanh(after)
    output, (h_new, c_new) = cell(x, (h, c))
    torch.testing.assert_close(h_new, h_wanted)
    torch.testing.assert_close(c_new, c_wanted)
    assert output is h_new


def test_layer_norm_equals_the_formulas_of_the_paper() -> None:
    cell, (x, h, c) = drawn("layer_norm_lstm")

    def normed(z: Tensor, norm: nn.LayerNorm) -> Tensor:  # Ba et al. 2016, equations 15-19
        deviation = (z - z.mean(1, keepdim=True)).square().mean(1, keepdim=True) + norm.eps
        return (z - z.mean(1, keepdim=True)) / deviation.sqrt() * norm.weight

    products = normed(h @ cell.weight_hh.T, cell.norm_hh) + normed(
        x @ cell.weight_ih.T, cell.norm_ih
    )
    i, f, g, o = (products + cell.bias_ih + cell.bias_hh).split(5, dim=1)  # eq. 20
    c_wanted = f.sigmoid() * c + i.sigmoid() * g.tanh()  # eq. 21
    shifted = normed(c_wanted, cell.norm_cell) + cell.norm_cell.bias
    output, (h_new, c_new) = cell(x, (h, c))
    torch.testing.assert_close(c_new, c_wanted)
    torch.testing.assert_close(h_new, o.sigmoid() * shifted.tanh())  # eq. 22
    assert output is h_new


@pytest.mark.parametrize("gate", [0, 1, 2])
def test_each_peephole_is_looked_through(gate: int) -> None:
    cell, (x, h, c) = drawn("peephole_lstm")
    seen = cell(x, (h, c))[1]
    with torch.no_grad():
        cell.peepholes[gate] = 0
    h_new, c_new = cell(x, (h, c))[1]
    assert not torch.allclose(h_new, seen[0])
    assert torch.equal(c_new, seen[1]) == (gate == 2), "the output gate does not touch the cell"


def test_closed_peepholes_leave_an_lstm() -> None:
    cell, plain = CELLS["peephole_lstm"](3, 5), CELLS["lstm"](3, 5)
    plain.load_state_dict(cell.state_dict(), strict=False)
    x, h, c = (torch.randn(4, n) for n in (3, 5, 5))
    torch.testing.assert_close(cell(x, (h, c)), plain(x, (h, c)))


@pytest.mark.parametrize("kernel", [3, 5])
def test_conv_lstm_equals_the_formula_of_the_paper(kernel: int) -> None:
    cell = ConvLSTMCell((2, 6, 7), 3, kernel).double()
    x = torch.randn(4, 2, 6, 7, dtype=torch.float64)
    h, c = (torch.randn(4, 3, 6, 7, dtype=torch.float64) for _ in range(2))

    # Shi et al. 2015, equation 3, without peepholes: W_x * X + W_h * H + b for each gate.
    weight, bias = cell.convolution.weight, cell.convolution.bias
    i, f, g, o = (
        F.conv2d(x, w[:, :2], padding=kernel // 2)
        + F.conv2d(h, w[:, 2:], padding=kernel // 2)
        + b[:, None, None]
        for w, b in zip(weight.split(3), bias.split(3), strict=True)
    )
    c_wanted = f.sigmoid() * c + i.sigmoid() * g.tanh()
    h_wanted = o.sigmoid() * c_wanted.tanh()

    output, (h_new, c_new) = cell(x, (h, c))
    torch.testing.assert_close(h_new, h_wanted)
    torch.testing.assert_close(c_new, c_wanted)
    torch.testing.assert_close(output, h_wanted)


@pytest.mark.parametrize("cell", [*(cls(3, 5) for cls in CELLS.values())], ids=list(CELLS))
def test_state_starts_at_zero_with_the_batch_first(cell: Cell) -> None:
    state = cell.initial_state(torch.randn(4, 3))
    assert all(part.shape == (4, 5) and not part.any() for part in state)
    output, new = cell(torch.randn(4, 3), state)
    assert output.shape == (4, *cell.output_shape)
    assert [part.shape for part in new] == [part.shape for part in state]


def test_an_image_cell_takes_images_of_any_size() -> None:
    cell = ConvLSTMCell((1, 8, 8), 3)
    x = torch.randn(2, 1, 5, 9)
    output, state = cell(x, cell.initial_state(x))
    assert output.shape == state[0].shape == (2, 3, 5, 9)


def test_a_cell_divides_its_step_without_changing_it() -> None:
    for cls in CELLS.values():
        cell = cls(3, 5).double()
        x = torch.randn(4, 3, dtype=torch.float64)
        state = cell.initial_state(x)
        whole, _ = cell(x, state)
        divided, _ = cell.advance(cell.project(x), state)
        assert torch.equal(whole, divided)
