"""First weights, drawn so that signals and gradients keep their size through layers and steps."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

Layer = TypeVar("Layer", nn.Linear, nn.Conv1d, nn.Conv2d)
FORGET_GATE = 1  # its place among the four of an LSTM


def before_relu(layer: Layer) -> Layer:
    """Draw the weights of a layer that a ReLU follows (He et al. 2015), and return it."""
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def recurrent(layer: nn.Module, gates: int) -> None:
    """Draw the weights of a recurrence that has ``weight_ih``, ``weight_hh`` and biases.

    Per gate: inputs after Glorot & Bengio (2010), an orthogonal recurrence (Saxe et al. 2014),
    zero biases; an LSTM's forget gate starts open (Jozefowicz et al. 2015).
    """
    for name, parameter in layer.named_parameters():
        if name.startswith("weight"):
            draw = nn.init.orthogonal_ if name.startswith("weight_hh") else nn.init.xavier_uniform_
            for gate in parameter.detach().chunk(gates):
                draw(gate)
        else:
            nn.init.zeros_(parameter)
            if gates == 4 and name.startswith("bias_ih"):
                open_forget_gate(parameter)


@torch.no_grad()
def open_forget_gate(bias: Tensor) -> None:
    """Let an LSTM, whose four gates share `bias`, remember before it learns to forget."""
    bias.chunk(4)[FORGET_GATE].fill_(1.0)
