"""Causal layers of every kind: stepped as scanned, over ten thousand steps, in float32."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor, nn

from seqarena.errors import InputError
from seqarena.models.causal.layers import CausalLayer, CausalLayers
from seqarena.models.causal.linear_recurrence import KINDS, GatedRecurrence
from seqarena.models.causal.matrix_lstm import MatrixLSTM
from seqarena.models.causal.state_space import StateSpace
from seqarena.models.causal.tcn import TCN, tcn
from seqarena.models.variants import VARIANTS

WIDTH = 16
LAYERS: dict[str, Callable[[], CausalLayer]] = {
    "mlstm": lambda: MatrixLSTM(WIDTH),
    "mamba2": lambda: StateSpace(WIDTH),
    **{name: lambda kind=kind: GatedRecurrence(WIDTH, kind(WIDTH)) for name, kind in KINDS.items()},
}  # fmt: skip
FAMILIES = [*LAYERS, "tcn"]
every_layer = pytest.mark.parametrize("name", LAYERS)
every_family = pytest.mark.parametrize("name", FAMILIES)


def encoder_of(name: str, inputs: int, steps: int) -> CausalLayers:
    torch.manual_seed(0)
    chosen = {"width": WIDTH, "dropout": 0.0, "layers": 2, "kernel": 3}
    encoder = VARIANTS[name].encoder((inputs,), steps, chosen)
    assert isinstance(encoder, CausalLayers)
    return encoder


@every_family
@torch.no_grad()
def test_steps_one_by_one_come_to_all_at_once(name: str) -> None:
    encoder, x = encoder_of(name, 3, 300), torch.randn(2, 300, 3)
    whole, last = encoder(x, torch.tensor([300, 300]))
    state, found = None, []
    for step in x.split(1, dim=1):
        states, state = encoder(step, torch.tensor([1, 1]), state)
        found.append(states)
    torch.testing.assert_close(torch.cat(found, dim=1), whole, rtol=0, atol=1e-5)
    torch.testing.assert_close(state, last, rtol=1e-4, atol=1e-5)


@every_family
@torch.no_grad()
def test_the_state_is_that_after_each_sequences_own_last_step(name: str) -> None:
    encoder, x, lengths = encoder_of(name, 3, 90), torch.randn(3, 90, 3), torch.tensor([90, 1, 70])
    _, state = encoder(x, lengths)
    for row, length in enumerate(lengths.tolist()):
        _, alone = encoder(x[row : row + 1, :length], lengths[row : row + 1])
        for layer, own in zip(state, alone, strict=True):
            for tensor, wanted in zip(layer, own, strict=True):
                torch.testing.assert_close(tensor[row : row + 1], wanted, rtol=1e-4, atol=1e-5)


@contextmanager
def saved() -> Iterator[list[int]]:
    """Count the bytes that are kept for the way back, each storage once."""
    kept: dict[int, int] = {}
    total = [0]

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        total[0] = sum(kept.values())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield total


def bytes_of(name: str, steps: int) -> int:
    encoder, x = encoder_of(name, 1, 10_000), torch.randn(1, steps, 1)
    with saved() as total:
        states, _ = encoder(x, torch.tensor([steps]))
    states[:, -1].sum().backward()
    gradients = [parameter.grad for parameter in encoder.parameters()]
    assert all(g is not None and g.isfinite().all() for g in gradients)
    return total[0]


@every_family
def test_ten_thousand_steps_are_learned_from_in_memory_linear_in_length(name: str) -> None:
    half, whole = bytes_of(name, 5_000), bytes_of(name, 10_000)
    assert whole < 2.2 * half
    assert whole < 200e6  # one matrix of all steps by all would be 400


@every_layer
def test_half_precision_does_not_reach_a_recurrence(name: str) -> None:
    """A state is the same in float32 where all else is bfloat16, and is gone on from."""
    torch.manual_seed(0)
    layer, x = LAYERS[name](), torch.randn(2, 9, WIDTH)
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.5)
    _, wanted = layer(x, layer.initial_state(x), None)
    with torch.autocast("cpu", torch.bfloat16):
        _, state = layer(x[:, :5].bfloat16(), layer.initial_state(x.bfloat16()), None)
        _, state = layer(x[:, 5:], state, None)
    for tensor, exact in zip(state, wanted, strict=True):
        assert tensor.dtype == torch.float32
        torch.testing.assert_close(tensor, exact, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("width", [1, 5, 12, 67])
@every_family
def test_any_width_is_one(name: str, width: int) -> None:
    """Where the width is solved for a number of parameters, it is whatever comes out."""
    chosen = {"width": width, "dropout": 0.0, "layers": 1, "kernel": 3}
    encoder = VARIANTS[name].encoder((3,), 9, chosen)
    states, _ = encoder(torch.randn(2, 9, 3), torch.tensor([9, 4]))
    assert states.shape == (2, 9, width)


def test_a_lone_channel_is_more_than_its_sign() -> None:
    encoder = encoder_of("min_gru", 1, 5)
    small, large = (encoder(torch.full((1, 5, 1), v), torch.tensor([5]))[0] for v in (0.2, 2.0))
    assert not torch.allclose(small, large, atol=1e-2)


def test_a_kernel_that_sees_no_other_step_is_refused() -> None:
    with pytest.raises(InputError, match=r"models\.tcn: a kernel of 1 sees.*expected 3 or more"):
        tcn((3,), 9, {"width": 4, "dropout": 0.0, "kernel": 1})


def test_signals_keep_their_size_through_blocks() -> None:
    torch.manual_seed(0)
    model, x = TCN(8, 32, 3, 8, 0.0), torch.randn(4, 600, 8)
    states, _ = model(x, torch.tensor([600] * 4))
    assert 0.3 < states.square().mean().sqrt() < 3
