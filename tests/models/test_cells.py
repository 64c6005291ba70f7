"""Cells: one step against the formula of the paper, and their state."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from seqarena.models.cells import CELLS, Cell, ConvLSTMCell

STEPS = {"rnn": nn.RNNCell, "gru": nn.GRUCell, "lstm": nn.LSTMCell}


@pytest.mark.parametrize("kind", CELLS)
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
