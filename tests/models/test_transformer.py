"""The transformer encoder against the formulas of its papers, and what it does with padding."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from seqarena.errors import InputError
from seqarena.models.attention.transformer import InputProjection, Transformer, positions

LENGTHS = torch.tensor([2, 7, 4, 1])


def build(dropout: float = 0.0) -> tuple[Transformer, Tensor]:
    torch.manual_seed(0)
    encoder = Transformer(3, 8, layers=2, heads=2, dropout=dropout).double()
    for parameter in encoder.parameters():
        nn.init.normal_(parameter, std=0.5)
    return encoder, torch.randn(4, 7, 3, dtype=torch.float64)


def normed(x: Tensor, norm: nn.LayerNorm) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    scaled = centred / (centred.square().mean(-1, keepdim=True) + norm.eps).sqrt()
    return scaled * norm.weight + norm.bias


def attended(x: Tensor, layer: nn.TransformerEncoderLayer) -> Tensor:
    """Vaswani et al. 2017, equation 1 and section 3.2.2, head by head over ``(T, 8)``."""
    weights, biases = layer.self_attn.in_proj_weight.split(8), layer.self_attn.in_proj_bias.split(8)
    query, key, value = (x @ w.T + b for w, b in zip(weights, biases, strict=True))
    heads = [
        torch.softmax(query[:, part] @ key[:, part].T / math.sqrt(4), dim=1) @ value[:, part]
        for part in (slice(0, 4), slice(4, 8))
    ]
    output = layer.self_attn.out_proj
    return torch.cat(heads, dim=1) @ output.weight.T + output.bias


@pytest.mark.parametrize("training", [True, False])
def test_it_is_the_encoder_of_the_papers(training: bool) -> None:
    encoder, features = build()
    with torch.set_grad_enabled(training):
        states, _ = encoder.train(training)(features, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        projected = features[row, :length] @ encoder.input_projection.project.weight.T
        x = normed(projected, encoder.input_projection.norm) + positions(length, 8)
        for layer in encoder.layers:
            x = x + attended(normed(x, layer.norm1), layer)
            first, second = layer.linear1, layer.linear2
            inner = torch.relu(normed(x, layer.norm2) @ first.weight.T + first.bias)
            x = x + inner @ second.weight.T + second.bias
        torch.testing.assert_close(states[row, :length], normed(x, encoder.norm))


def test_positions_are_those_of_the_paper() -> None:
    for width in (6, 7):
        for step, row in enumerate(positions(50, width).tolist()):
            for i, value in enumerate(row):
                angle = step / 10_000 ** ((i - i % 2) / width)
                assert value == pytest.approx((math.cos if i % 2 else math.sin)(angle), abs=1e-5)


@pytest.mark.parametrize("size", [0.1, 1.0, 100.0])
def test_neither_what_is_read_nor_its_place_drowns_the_other(size: float) -> None:
    torch.manual_seed(0)
    input_projection = InputProjection(16, 64, dropout=0.0)
    read = input_projection(size * torch.randn(1, 50, 16), torch.zeros(64)).detach()
    assert float((read - read.mean(1)).square().mean().sqrt()) == pytest.approx(1, abs=0.1)
    assert float(positions(50, 64).square().mean().sqrt()) == pytest.approx(0.5**0.5)


def test_the_summary_is_the_last_real_step() -> None:
    encoder, features = build()
    states, _ = encoder(features, LENGTHS)
    wanted = [states[row, length - 1] for row, length in enumerate(LENGTHS.tolist())]
    torch.testing.assert_close(encoder.summary(states, LENGTHS), torch.stack(wanted))


def test_its_layers_start_apart() -> None:
    first, second = Transformer(3, 8, layers=2, heads=2, dropout=0.0).layers
    assert not torch.equal(first.linear1.weight, second.linear1.weight)


def test_dropout_is_of_training_alone() -> None:
    encoder, features = build(dropout=0.5)
    kept, other = (encoder(features, LENGTHS)[0] for _ in range(2))
    assert not torch.allclose(kept, other)
    encoder.eval()
    assert torch.equal(encoder(features, LENGTHS)[0], encoder(features, LENGTHS)[0])


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(InputError, match="3 heads need a width that 3 divides, found 8"):
        Transformer(3, 8, layers=1, heads=3, dropout=0.0)
