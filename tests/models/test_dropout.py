"""Dropout is what torch.nn.Dropout is, whatever its mask is drawn from."""

from __future__ import annotations

import pytest
import torch

from seqarena.data.tokens import PAD, UNKNOWN
from seqarena.models.regularisation.dropout import Dropout, LockedDropout, TokenDropout


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9])
def test_so_many_are_dropped_and_the_rest_make_up_for_it(p: float) -> None:
    torch.manual_seed(0)
    dropped = Dropout(p)(torch.ones(1001, 999))
    share = float((dropped == 0).double().mean())
    assert share == pytest.approx(p, abs=2e-3)  # four standard deviations of a million draws
    torch.testing.assert_close(dropped[dropped != 0].unique(), torch.tensor([1 / (1 - p)]))


def test_neighbours_and_calls_are_independent() -> None:
    torch.manual_seed(0)
    layer, ones = Dropout(0.5), torch.ones(400_000)
    kept = layer(ones) > 0
    for other in (kept.roll(1), kept.roll(2), kept.roll(4), layer(ones) > 0):
        assert float((kept == other).double().mean()) == pytest.approx(0.5, abs=4e-3)


def test_the_gradient_takes_the_same_way() -> None:
    x = torch.randn(40, 50, requires_grad=True)
    dropped = Dropout(0.3)(x)
    dropped.sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(dropped, x * x.grad)


def test_the_seed_settles_the_mask() -> None:
    masks = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        masks.append(Dropout(0.5)(torch.ones(64)).tolist())
    assert masks[0] == masks[1] != masks[2]


def test_nothing_is_dropped_in_evaluation() -> None:
    x = torch.randn(8, 8)
    assert Dropout(0.9).eval()(x) is x


def test_a_locked_mask_is_one_for_all_steps_of_a_sequence() -> None:
    torch.manual_seed(0)
    layer, steps = LockedDropout(0.5), torch.ones(40, 7, 50)
    masks = layer(steps)
    assert torch.equal(masks, masks[:, :1].expand_as(masks))
    assert len(masks[:, 0].unique(dim=0)) == 40
    assert masks.unique().tolist() == [0.0, 2.0]
    assert not torch.equal(layer(steps), masks)
    assert layer.eval()(steps) is steps


def test_a_share_of_the_tokens_is_read_as_unknown_and_padding_never() -> None:
    torch.manual_seed(0)
    tokens = torch.randint(3, 9, (200, 50))
    tokens[:, 40:] = PAD
    layer = TokenDropout(0.25)
    read = layer(tokens)
    unread = read == UNKNOWN
    assert float(unread[:, :40].double().mean()) == pytest.approx(0.25, abs=0.02)
    assert torch.equal(read[~unread], tokens[~unread])
    assert not read[:, 40:].any()
    assert not torch.equal(layer(tokens), read)
    assert torch.equal(layer.eval()(tokens), tokens)
