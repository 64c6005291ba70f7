"""Spectrograms are masked and made noisy in training alone, within what is real of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from seqarena.data.store import DataSpec
from seqarena.models.frontends import DEFAULT_FRONTENDS, FRONTENDS
from seqarena.models.regularisation.augmentation import SPACE, Distortion, stretches

LENGTHS = torch.tensor([20, 12, 1])
REAL = torch.arange(20) < LENGTHS[:, None]


def frames() -> Tensor:
    return (1 + torch.rand(3, 20, 10)) * REAL[..., None]


def test_a_stretch_is_at_most_its_share_and_lies_within_a_row() -> None:
    torch.manual_seed(0)
    sizes = torch.tensor([20, 12, 1]).repeat(400)
    hidden = stretches(sizes, 0.5, 20)
    counts = hidden.sum(1)
    assert not (hidden & (torch.arange(20) >= sizes[:, None])).any()
    assert (hidden[:, 1:] & ~hidden[:, :-1]).sum(1).max() <= 1, "one piece"
    for size in (20, 12):
        mine = counts[sizes == size]
        assert sorted(mine.unique().tolist()) == list(range(size // 2 + 1))
        shares = torch.bincount(mine) / len(mine)
        assert float(shares.min()) > 0.4 / (size // 2 + 1), "each length is as likely"
        assert hidden[sizes == size].any(0)[:size].all(), "each place may be hidden"
    assert not counts[sizes == 1].any(), "half a step is none"


@pytest.mark.parametrize(("name", "dim"), [("time_mask", 1), ("band_mask", 2)])
def test_masks_hide_whole_steps_or_bands_and_leave_the_rest(name: str, dim: int) -> None:
    torch.manual_seed(0)
    layer, hidden = Distortion.of({name: 0.4}), 0
    for _ in range(20):
        x = frames()
        found = layer(x, LENGTHS)
        unread = (found == 0) | ~REAL[..., None]
        gone = unread.all(3 - dim)  # (B, T) of steps, (B, D) of bands
        kept = ~gone.unsqueeze(3 - dim)
        assert torch.equal(found, x * kept), "whole steps or bands, and nothing else"
        gone = gone & REAL if dim == 1 else gone
        share = gone.sum(1) / (LENGTHS if dim == 1 else 10)
        assert float(share.max()) <= 0.8, "two masks of at most 0.4"
        hidden += int(gone.sum())
    assert hidden > 0


def test_noise_is_of_that_deviation_and_never_in_padding() -> None:
    torch.manual_seed(0)
    x = frames().repeat(40, 1, 1)
    lengths, real = LENGTHS.repeat(40), REAL.repeat(40, 1)
    added = Distortion.of({"noise": 0.3})(x, lengths) - x
    assert float(added[real].std()) == pytest.approx(0.3, rel=0.05)
    assert float(added[real].mean()) == pytest.approx(0.0, abs=0.02)
    assert not added[~real].any()


def test_nothing_is_distorted_in_evaluation_or_unless_it_is_asked_for() -> None:
    x = frames()
    every = Distortion(0.5, 0.5, 0.5)
    assert not torch.equal(every(x, LENGTHS), x)
    assert every.eval()(x, LENGTHS) is x
    assert Distortion.of({})(x, LENGTHS) is x


def test_only_recordings_are_distorted(
    specs: dict[str, DataSpec], hyperparameters: Callable[..., dict[str, Any]]
) -> None:
    having = {m for m, name in DEFAULT_FRONTENDS.items() if SPACE.keys() & FRONTENDS[name].space}
    assert having == {"audio"}
    frontend = FRONTENDS["spectrogram"].build(specs["audio"], {"patch": 1, "noise": 1.0})
    inputs = torch.zeros(1, 4, 5)
    assert frontend(inputs, torch.tensor([4]))[0].all()
