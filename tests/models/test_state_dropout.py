"""What is left out of a recurrence is what the papers say, in training alone, and told apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqarena.data.store import DataSpec
from seqarena.models.heads import PooledHead
from seqarena.models.recurrent.cells import CELLS, Cell, ConvGRUCell, ConvLSTMCell, ConvRNNCell
from seqarena.models.recurrent.layers import FUSED, Fused, Unrolled, WeightDrop, layer_of
from seqarena.models.recurrent.state_dropout import MaskedCell, StateDropout, ZoneoutCell
from seqarena.models.variants import STATE, VARIANTS, added_space, build_model

VECTORS: dict[str, Callable[[], Cell]] = {
    kind: (lambda cls=cls: cls(3, 5)) for kind, cls in CELLS.items()
}
IMAGES: dict[str, Callable[[], Cell]] = {
    cls.__name__: (lambda cls=cls: cls((3, 4, 4), 5))
    for cls in (ConvRNNCell, ConvGRUCell, ConvLSTMCell)
}
EVERY = pytest.mark.parametrize("make", [*VECTORS.values(), *IMAGES.values()])


def step_of(cell: Cell) -> tuple[Tensor, tuple[Tensor, ...]]:
    """An input and a state of four sequences."""
    x = torch.randn(4, 3, *cell.output_shape[1:], dtype=torch.float64)
    state = cell.initial_state(x)
    return x, tuple(torch.randn_like(part) for part in state)


def reading(cell: Cell, channel: int, factor: float) -> None:
    """Have the products of a cell read one unit of the state, or one of its channels, so much."""
    with torch.no_grad():
        for name, weight in cell.named_parameters():
            if name == "weight_hh":
                weight[:, channel] *= factor
            elif name.endswith(("convolution.weight", "candidate.weight")):
                weight[:, 3 + channel] *= factor


@EVERY
def test_a_mask_is_upon_what_the_products_read_and_nothing_else(make: Callable[[], Cell]) -> None:
    torch.manual_seed(0)
    cell = make().double()
    x, state = step_of(cell)
    mask = torch.ones_like(state[0])
    mask[:, 1], mask[:, 3] = 0.0, 2.0
    output, after = cell.advance(cell.project(x), state, mask)
    reading(cell, 1, 0.0)
    reading(cell, 3, 2.0)
    wanted, state_wanted = cell(x, state)
    torch.testing.assert_close(output, wanted)
    torch.testing.assert_close(after, state_wanted)


def test_one_mask_serves_all_steps_of_a_sequence_over_windows_too() -> None:
    torch.manual_seed(0)
    layer, x = Unrolled(MaskedCell(CELLS["lstm"](3, 50), 0.5)), torch.randn(4, 7, 3)
    _, state = layer(x[:, :3])
    assert state[2].unique().tolist() == [0.0, 2.0] and len(state[2].unique(dim=0)) == 4
    _, after = layer(x[:, 3:], state)
    assert torch.equal(after[2], state[2])
    assert not torch.equal(layer(x)[1][2], state[2])
    assert layer.eval()(x)[1][2].unique().tolist() == [1.0]


def test_zoneout_in_evaluation_is_the_formula_of_the_paper() -> None:
    torch.manual_seed(0)
    layer = Unrolled(ZoneoutCell(CELLS["lstm"](3, 5), 0.3)).double().eval()
    kernel = nn.LSTMCell(3, 5).double()
    kernel.load_state_dict(layer.cell.cell.state_dict())
    x = torch.randn(4, 7, 3, dtype=torch.float64)
    h, c = (torch.zeros(4, 5, dtype=torch.float64) for _ in range(2))
    outputs, last = layer(x)
    for t in range(7):  # Krueger et al. 2017, section 3.2: E[d] = 0.3 keeps what was before
        gates = F.linear(x[:, t], kernel.weight_ih, kernel.bias_ih) + F.linear(
            h, kernel.weight_hh, kernel.bias_hh
        )
        i, f, g, o = gates.chunk(4, 1)
        new = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = 0.3 * h + 0.7 * o.sigmoid() * new.tanh()
        c = 0.3 * c + 0.7 * new
        torch.testing.assert_close(outputs[:, t], h)
    torch.testing.assert_close(last, (h, c))


@EVERY
def test_zoneout_in_training_leaves_a_share_of_the_units_as_they_were(
    make: Callable[[], Cell],
) -> None:
    torch.manual_seed(0)
    cell = make().double()
    x, state = step_of(cell)
    _, new = cell(x, state)
    kept, steps = [torch.zeros_like(part) for part in state], 300
    for _ in range(steps):
        output, after = ZoneoutCell(cell, 0.3)(x, state)
        assert torch.equal(output, after[0])
        for count, part, old, other in zip(kept, after, state, new, strict=True):
            stays = part == old
            assert bool((stays | (part == other)).all())
            count += stays
    for count in kept:
        assert float(count.mean()) / steps == pytest.approx(0.3, abs=0.03)
        assert float(count.max()) / steps < 0.45, "no unit is left more than others"


@pytest.mark.parametrize("kind", CELLS)
def test_dropped_weights_are_as_if_they_were_not_there(kind: str) -> None:
    torch.manual_seed(0)
    layer = layer_of(kind, 3, 5, StateDropout(weight_dropout=0.5)).double()
    assert isinstance(layer, WeightDrop) and isinstance(layer.layer, Fused) == (kind in FUSED)
    dropped: list[Tensor] = []
    layer.dropout.register_forward_hook(lambda _, args, result: dropped.append(result))
    x = torch.randn(4, 7, 3, dtype=torch.float64)
    outputs, last = layer(x)
    (mask,) = dropped
    assert 0.2 < float((mask == 0).double().mean()) < 0.8
    (weight,) = (p for n, p in layer.named_parameters() if "weight_hh" in n)
    outputs.square().sum().backward()
    assert weight.grad is not None and not weight.grad[mask == 0].any()
    assert weight.grad[mask != 0].all()
    with torch.no_grad():
        weight.copy_(mask)
    wanted, wanted_last = layer.eval()(x)
    torch.testing.assert_close(outputs, wanted)
    torch.testing.assert_close(last, wanted_last)


RECURRENT = [name for name, variant in VARIANTS.items() if "recurrent_dropout" in variant.space]


@pytest.mark.parametrize("variant", RECURRENT)
def test_every_recurrent_variant_takes_each_that_it_names(
    variant: str, specs: dict[str, DataSpec], hyperparameters: Callable[..., dict[str, Any]]
) -> None:
    modality = min(VARIANTS[variant].modalities)
    spec = specs[modality]
    frames = torch.randn(4, 7, *spec.feature_shape)
    if modality == "text":
        frames = torch.randint(3, 9, (4, 7))
    lengths = torch.tensor([2, 7, 4, 1])
    for name in STATE.keys() & added_space(variant, modality).keys():
        chosen = hyperparameters(variant, modality, **{name: 0.5})
        model = build_model(
            variant, spec, chosen, lambda _, width, attention: PooledHead(width, attention, 2, 0.0)
        )
        features, ends = model.frontend(frames, lengths)
        one, other = (model.encoder(features, ends)[0][1] for _ in range(2))
        assert not torch.equal(one, other), name
        model.eval()
        one, other = (model.encoder(features, ends)[0][1] for _ in range(2))
        assert torch.equal(one, other), name


def test_none_of_it_is_there_unless_it_is_asked_for() -> None:
    assert set(STATE.values()) == {0.0}
    for kind in CELLS:
        layer = layer_of(kind, 3, 5, StateDropout.of({"width": 5}))
        assert type(layer) is (Fused if kind in FUSED else Unrolled)
