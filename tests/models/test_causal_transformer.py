"""The Transformer over the past against the formulas of its papers."""

from __future__ import annotations

import cmath

import pytest
import torch
from torch import Tensor, nn

from seqarena.errors import InputError
from seqarena.models.attention import steps as self_attention
from seqarena.models.attention.causal_transformer import (
    CausalTransformer,
    PastLayer,
    rotations,
    turned,
)

LENGTHS = torch.tensor([9, 2, 5])
WIDTH, HEADS, MEMORY = 8, 2, 4


def build(dropout: float = 0.0) -> tuple[CausalTransformer, Tensor]:
    torch.manual_seed(0)
    encoder = CausalTransformer(3, WIDTH, layers=2, heads=HEADS, dropout=dropout).double()
    for parameter in encoder.parameters():
        nn.init.normal_(parameter, std=0.5)
    return encoder, torch.randn(3, 9, 3, dtype=torch.float64)


def normed(x: Tensor, norm: nn.Module) -> Tensor:
    assert isinstance(norm, nn.LayerNorm)
    centred = x - x.mean(-1, keepdim=True)
    scaled = centred / (centred.square().mean(-1, keepdim=True) + norm.eps).sqrt()
    return scaled * norm.weight + norm.bias


def rotated(channels: Tensor, step: int) -> Tensor:
    """Su et al. 2021, section 3.2.2, in complex numbers: pair i turns by ``step 10000^(-2i/K)``."""
    half = len(channels) // 2
    pairs = [complex(channels[i], channels[i + half]) for i in range(half)]
    pairs = [
        pair * cmath.exp(1j * step * 10_000 ** (-2 * i / len(channels)))
        for i, pair in enumerate(pairs)
    ]
    return torch.tensor([p.real for p in pairs] + [p.imag for p in pairs], dtype=torch.float64)


def attended(x: Tensor, layer: PastLayer) -> tuple[Tensor, Tensor]:
    """Attend head by head and step by step over ``(T, 8)``; also the weights ``(heads, T, T)``."""
    query, key, value = layer.inputs(x).chunk(3, dim=1)
    size, contexts = WIDTH // HEADS, torch.zeros_like(x)
    weights = torch.zeros(HEADS, len(x), len(x), dtype=torch.float64)
    for head in range(HEADS):
        part = slice(head * size, (head + 1) * size)
        for step in range(len(x)):
            asked = rotated(query[step, part], step)
            places = range(max(0, step - MEMORY), step + 1)
            scores = [float(asked @ rotated(key[s, part], s)) / size**0.5 for s in places]
            shares = torch.softmax(torch.tensor(scores, dtype=torch.float64), dim=0)
            weights[head, step, list(places)] = shares
            contexts[step, part] = shares @ value[list(places)][:, part]
    return layer.output(contexts), weights


@pytest.mark.parametrize("training", [True, False])
def test_it_is_the_encoder_of_the_papers(training: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_attention, "MEMORY", MEMORY)
    encoder, features = build()
    with torch.no_grad():
        states, _, told = encoder.train(training).attend(features, LENGTHS)
        for row, length in enumerate(LENGTHS.tolist()):
            projected = features[row, :length] @ encoder.input_projection.project.weight.T
            x, weights = normed(projected, encoder.input_projection.norm), None
            for layer in encoder.layers:
                assert isinstance(layer, PastLayer)
                looked, weights = attended(normed(x, layer.norms[0]), layer)
                x = x + looked
                x = x + layer.dense(normed(x, layer.norms[1]))
            torch.testing.assert_close(states[row, :length], normed(x, encoder.norm))
            if told is not None:
                torch.testing.assert_close(told[row, :, :length, :length], weights)
    assert (told is None) == training


def test_only_the_distance_of_steps_counts() -> None:
    query, key = torch.randn(2, 6, dtype=torch.float64)
    turns = rotations(400, 6).double()

    def score(asked: int, read: int) -> float:
        one, other = (
            turned(x[None, None, None], turns[:, step : step + 1])
            for x, step in ((query, asked), (key, read))
        )
        return float((one * other).sum())

    assert score(7, 3) == pytest.approx(score(399, 395), rel=1e-4)
    assert score(7, 3) != pytest.approx(score(7, 4), rel=1e-2)


def test_a_step_is_computed_once() -> None:
    """What is cached is not projected again: of each step all layers see one."""
    encoder, features = build()
    encoder.eval()
    seen: list[int] = []
    for layer in encoder.layers:
        assert isinstance(layer, PastLayer)
        layer.inputs.register_forward_hook(lambda _m, given, _o: seen.append(given[0].shape[1]))
    state, found = None, []
    with torch.no_grad():
        whole, _ = encoder(features, torch.full((3,), 9))
        seen.clear()
        for step in features.split(1, dim=1):
            states, state = encoder(step, torch.ones(3, dtype=torch.long), state)
            found.append(states)
    assert seen == [1] * 2 * 9
    torch.testing.assert_close(torch.cat(found, dim=1), whole)


def test_its_layers_are_dropped_from_in_training_alone() -> None:
    encoder, features = build(dropout=0.5)
    kept, other = (encoder(features, LENGTHS)[0] for _ in range(2))
    assert not torch.allclose(kept, other)
    encoder.eval()
    assert torch.equal(encoder(features, LENGTHS)[0], encoder(features, LENGTHS)[0])


def test_heads_must_divide_the_width_evenly() -> None:
    with pytest.raises(InputError, match="3 heads need a width that 3 divides, found 8"):
        CausalTransformer(3, 8, layers=1, heads=3, dropout=0.0)
    with pytest.raises(InputError, match="heads of an even width, found 6 for 2 heads"):
        CausalTransformer(3, 6, layers=1, heads=2, dropout=0.0)
