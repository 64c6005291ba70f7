"""Recurrent cells: one step of the recurrence, ``cell(x, state) -> (output, state)``.

A cell splits its step in two so that `Unrolled` can do the part that does not depend on the
recurrence for all steps at once: `project` (inputs only) and `advance` (inputs and state).
State is a tuple of tensors with the batch on dim 0.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqarena.models import initialization

State = tuple[Tensor, ...]
FIRST_GAIN = 0.1  # of the products' layer norms


class Cell(nn.Module, ABC):
    """One step of a recurrence."""

    output_shape: tuple[int, ...]  # of one step of one sequence

    @abstractmethod
    def initial_state(self, x: Tensor) -> State:
        """Return the state before the first step; `x` is one step ``(B, *)``, for its B, H, W."""

    def project(self, x: Tensor) -> Tensor:
        """Apply the part of the step that needs no state to ``(N, *)`` steps at once."""
        return x

    @abstractmethod
    def advance(
        self, projected: Tensor, state: State, mask: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Finish one step: ``(B, *)`` projected inputs and the state before it.

        The products of a step read the last output times `mask`, if any, ``(B, *output_shape)``.
        """

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Take one whole step, ``(B, *)`` -> output ``(B, *output_shape)``."""
        return self.advance(self.project(x), state)


class GatedCell(Cell):
    """Cells of vectors: gates are ``W x + b + U h + b``, in the weight layout of ``torch.nn``."""

    gates: int
    states = 1

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.output_shape = (width,)
        self.weight_ih = nn.Parameter(torch.empty(self.gates * width, inputs))
        self.weight_hh = nn.Parameter(torch.empty(self.gates * width, width))
        self.bias_ih = nn.Parameter(torch.empty(self.gates * width))
        self.bias_hh = nn.Parameter(torch.empty(self.gates * width))
        initialization.recurrent(self, self.gates)

    def initial_state(self, x: Tensor) -> State:
        zeros = x.new_zeros(x.shape[0], *self.output_shape)
        return (zeros,) * self.states

    def project(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight_ih, self.bias_ih)


class RNNCell(GatedCell):
    """``h = tanh(W x + U h)`` (Elman 1990)."""

    gates = 1

    def advance(
        self, projected: Tensor, state: State, mask: Tensor | None = None
    ) -> tuple[Tensor, State]:
        (h,) = state
        h = torch.tanh(projected + F.linear(seen(h, mask), self.weight_hh, self.bias_hh))
        return h, (h,)


class GRUCell(GatedCell):
    """Gated recurrent unit (Cho et al. 2014), reset gate applied after ``U h`` as cuDNN does."""

    gates = 3

    def advance(
        self, projected: Tensor, state: State, mask: Tensor | None = None
    ) -> tuple[Tensor, State]:
        (h,) = state
        x_reset, x_update, x_new = projected.chunk(3, -1)
        h_reset, h_update, h_new = F.linear(seen(h, mask), self.weight_hh, self.bias_hh).chunk(
            3, -1
        )
        reset, update = torch.sigmoid(x_reset + h_reset), torch.sigmoid(x_update + h_update)
        new = torch.tanh(x_new + reset * h_new)
        h = new + update * (h - new)
        return h, (h,)


class LSTMCell(GatedCell):
    """Long short-term memory (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000)."""

    gates = 4
    states = 2

    def advance(
        self, projected: Tensor, state: State, mask: Tensor | None = None
    ) -> tuple[Tensor, State]:
        h, c = state
        gates = projected + F.linear(seen(h, mask), self.weight_hh, self.bias_hh)
        return _lstm(gates, c, dim=-1)


class PeepholeLSTMCell(GatedCell):
    """LSTM whose gates see the cell through diagonal weights (Gers et al. 2002, section 3).

    Input and forget gate see the cell before the step, the output gate the cell after it. The
    weights start at zero, so that it starts as an LSTM without.
    """

    gates = 4
    states = 2

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__(inputs, width)
        self.peepholes = nn.Parameter(torch.zeros(3, width))  # of the input, forget, output gate

    def advance(
        self, projected: Tensor, state: State, mask: Tensor | None = None
    ) -> tuple[Tensor, State]:
        h, c = state
        i, f, g, o = (projected + F.linear(seen(h, mask), self.weight_hh, self.bias_hh)).chunk(
            4, -1
        )
        to_input, to_forget, to_output = self.peepholes
        kept = torch.sigmoid(f + to_forget * c) * c
        c = kept + torch.sigmoid(i + to_input * c) * torch.tanh(g)
        h = torch.sigmoid(o + to_output * c) * torch.tanh(c)
        return h, (h, c)


class LayerNormLSTMCell(GatedCell):
    """LSTM with layer norm of both products and of the new cell (Ba et al. 2016, eq. 20-22).

    The shifts of the products' norms would only be added to the biases, so there are none. Their
    gains start small (Cooijmans et al. 2017, section 4): at 1 the gates of an embedded text start
    saturated (sentiment, 128 steps: validation accuracy 0.57, 0.70 with 0.1).
    """

    gates = 4
    states = 2

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__(inputs, width)
        self.norm_ih = nn.LayerNorm(4 * width, bias=False)
        self.norm_hh = nn.LayerNorm(4 * width, bias=False)
        self.norm_cell = nn.LayerNorm(width)
        for norm in (self.norm_ih, self.norm_hh):
            nn.init.constant_(norm.weight, FIRST_GAIN)

    def project(self, x: Tensor) -> Tensor:
        product: Tensor = self.norm_ih(F.linear(x, self.weight_ih))
        return product + self.bias_ih

    def advance(
        self, projected: Tensor, state: State, mask: Tensor | None = None
    ) -> tuple[Tensor, State]:
        h, c = state
        gates = projected + self.norm_hh(F.linear(seen(h, mask), self.weight_hh)) + self.bias_hh
        i, f, g, o = gates.chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(self.norm_cell(c))
        return h, (h, c)


class ConvCell(Cell):
    """Cells whose products are convolutions, so that the state keeps the shape of the image.

    Inputs ``(B, C, H, W)``, outputs ``(B, width, H, W)``. Input and state are convolved in one
    call: on CPU the input convolutions of all steps at once were slower (benchmarks/conv_lstm.py).
    """

    gates: int
    states = 1

    def __init__(self, inputs: tuple[int, ...], width: int, kernel: int = 3) -> None:
        super().__init__()
        channels, height, columns = inputs
        self.output_shape = (width, height, columns)
        self.convolution = nn.Conv2d(
            channels + width, self.gates * width, kernel, padding=kernel // 2
        )

    def initial_state(self, x: Tensor) -> State:
        zeros = x.new_zeros(x.shape[0], self.output_shape[0], *x.shape[-2:])
        return (zeros,) * self.states


class ConvRNNCell(ConvCell):
    """``h = tanh(W * x + U * h)``."""

    gates = 1

    def advance(
        self, projected: Tensor, state: State, mask: Tensor | None = None
    ) -> tuple[Tensor, State]:
        (h,) = state
        h = torch.tanh(self.convolution(torch.cat([projected, seen(h, mask)], dim=1)))
        return h, (h,)


class ConvGRUCell(ConvCell):
    """GRU with convolutions (Ballas et al. 2016): the reset gate is applied before ``U * h``."""

    gates = 2

    def __init__(self, inputs: tuple[int, ...], width: int, kernel: int = 3) -> None:
        super().__init__(inputs, width, kernel)
        self.candidate = nn.Conv2d(inputs[0] + width, width, kernel, padding=kernel // 2)

    def advance(
        self, projected: Tensor, state: State, mask: Tensor | None = None
    ) -> tuple[Tensor, State]:
        (h,) = state
        read = seen(h, mask)
        gates = torch.sigmoid(self.convolution(torch.cat([projected, read], dim=1)))
        reset, update = gates.chunk(2, dim=1)
        new = torch.tanh(self.candidate(torch.cat([projected, reset * read], dim=1)))
        h = new + update * (h - new)
        return h, (h,)


class ConvLSTMCell(ConvCell):
    """LSTM with convolutions (Shi et al. 2015)."""

    gates = 4
    states = 2

    def __init__(self, inputs: tuple[int, ...], width: int, kernel: int = 3) -> None:
        super().__init__(inputs, width, kernel)
        assert self.convolution.bias is not None
        initialization.open_forget_gate(self.convolution.bias)

    def advance(
        self, projected: Tensor, state: State, mask: Tensor | None = None
    ) -> tuple[Tensor, State]:
        h, c = state
        gates: Tensor = self.convolution(torch.cat([projected, seen(h, mask)], dim=1))
        return _lstm(gates, c, dim=1)


def seen(h: Tensor, mask: Tensor | None) -> Tensor:
    """Return what the products of a step read of the state before it."""
    return h if mask is None else h * mask


def _lstm(gates: Tensor, c: Tensor, dim: int) -> tuple[Tensor, State]:
    """Apply the four gates, in the order input, forget, cell, output."""
    i, f, g, o = gates.chunk(4, dim)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    h = torch.sigmoid(o) * torch.tanh(c)
    return h, (h, c)


CELLS: dict[str, type[GatedCell]] = {
    "rnn": RNNCell,
    "gru": GRUCell,
    "lstm": LSTMCell,
    "peephole_lstm": PeepholeLSTMCell,
    "layer_norm_lstm": LayerNormLSTMCell,
}
