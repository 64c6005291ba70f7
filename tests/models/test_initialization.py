"""First weights: their spread and what they do to a signal."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from seqarena.models import initialization
from seqarena.models.recurrent.cells import CELLS, ConvLSTMCell
from seqarena.models.recurrent.layers import FUSED, Fused

WIDTH = 32


@pytest.mark.parametrize("kind", CELLS)
def test_each_gate_has_an_orthogonal_recurrence_in_both_forms(kind: str) -> None:
    layers: list[nn.Module] = [CELLS[kind](5, WIDTH)]
    if kind in FUSED:
        layers.append(Fused(kind, 5, WIDTH).kernel)
    for layer in layers:
        weights = dict(layer.named_parameters())
        (recurrence,) = (w for name, w in weights.items() if name.startswith("weight_hh"))
        gates = recurrence.detach().chunk(CELLS[kind].gates)
        assert all(len(gate) == WIDTH for gate in gates)
        for gate in gates:
            torch.testing.assert_close(gate @ gate.T, torch.eye(WIDTH), atol=1e-5, rtol=0)


def test_only_the_forget_gate_of_an_lstm_starts_open() -> None:
    lstms = [CELLS[kind](5, WIDTH) for kind in CELLS if kind.endswith("lstm")]
    for layer in (Fused("lstm", 5, WIDTH).kernel, *lstms):
        total = sum(b.detach() for name, b in layer.named_parameters() if name.startswith("bias"))
        assert isinstance(total, torch.Tensor)
        assert total.view(4, WIDTH).tolist() == [[float(gate == 1)] * WIDTH for gate in range(4)]
    image = ConvLSTMCell((1, 4, 4), WIDTH).convolution.bias
    assert image is not None and bool((image.detach().view(4, WIDTH)[1] == 1).all())
    assert all(
        not p.detach().any()
        for kind in set(FUSED) - {"lstm"}
        for name, p in Fused(kind, 5, WIDTH).named_parameters()
        if "bias" in name
    )


def test_a_signal_keeps_its_size_through_many_relu_layers() -> None:
    torch.manual_seed(0)
    x = torch.randn(256, 128)
    for _ in range(10):
        x = torch.relu(initialization.before_relu(nn.Linear(128, 128))(x))
    assert 0.5 < x.square().mean().item() < 2  # of the 1 it had; torch's own leaves 1e-8
