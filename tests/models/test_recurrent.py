"""Contracts of recurrent layers: stepped equals whole, padding is inert, kernels agree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqarena.errors import InputError
from seqarena.models.recurrent.cells import CELLS, ConvLSTMCell
from seqarena.models.recurrent.layers import (
    FUSED,
    Bidirectional,
    Fused,
    Recurrent,
    Reorder,
    Stack,
    Unrolled,
    VariationalLSTM,
    WeightDrop,
    reordered,
    reversal,
)
from seqarena.models.recurrent.state_dropout import MaskedCell, ZoneoutCell

VECTORS: dict[str, Callable[[], Recurrent]] = {
    **{f"fused {kind}": (lambda kind=kind: Fused(kind, 3, 5)) for kind in FUSED},
    **{f"unrolled {kind}": (lambda kind=kind: Unrolled(CELLS[kind](3, 5))) for kind in CELLS},
    "stack": lambda: Stack([Fused("lstm", 3, 4), Unrolled(CELLS["gru"](4, 5))]),
    "residual": lambda: Stack([Fused("lstm", 3, 4), Fused("lstm", 4, 4)], residual=True),
    "variational": lambda: VariationalLSTM(3, 5, 0.0),
    "weight drop": lambda: WeightDrop(Fused("gru", 3, 5), 0.0),
    "masked": lambda: Unrolled(MaskedCell(CELLS["gru"](3, 5), 0.0)),
    "zoneout": lambda: Unrolled(ZoneoutCell(CELLS["lstm"](3, 5), 0.3)).eval(),
}
IMAGES = {"unrolled conv_lstm": lambda: Unrolled(ConvLSTMCell((2, 6, 6), 3))}
SHAPES = dict.fromkeys(VECTORS, (3,)) | dict.fromkeys(IMAGES, (2, 6, 6))
BOTH_WAYS = {
    "bidirectional": lambda: Bidirectional(Fused("lstm", 3, 5), Fused("lstm", 3, 5)),
    "bidirectional unrolled": lambda: Bidirectional(
        Unrolled(CELLS["gru"](3, 5)), Unrolled(CELLS["gru"](3, 5))
    ),
}
LENGTHS = torch.tensor([2, 7, 4, 1])


class Echo(Recurrent):
    """Shows what it is given."""

    output_shape = (50,)

    def forward(
        self, x: Tensor, state: Any = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, Any]:
        return x, state


def inputs(*shape: int) -> Tensor:
    return torch.randn(4, 7, *shape, dtype=torch.float64)


def weights_of(layer: Recurrent) -> dict[str, Tensor]:
    """The weights of one layer, under the names that the cells and the kernels share."""
    return {
        name.split(".")[-1].removesuffix("_l0"): tensor
        for name, tensor in layer.state_dict().items()
    }


@pytest.mark.parametrize("name", SHAPES)
def test_stepped_equals_the_whole_sequence(name: str) -> None:
    layer, x = ({**VECTORS, **IMAGES}[name])().double(), inputs(*SHAPES[name])
    whole, last = layer(x)
    state, outputs = None, []
    for t in range(x.shape[1]):
        output, state = layer(x[:, t : t + 1], state)
        outputs.append(output)
    torch.testing.assert_close(torch.cat(outputs, 1), whole)
    torch.testing.assert_close(state, last)
    assert whole.shape[2:] == layer.output_shape


@pytest.mark.parametrize("name", [*SHAPES, *BOTH_WAYS])
def test_padding_never_changes_an_output(name: str) -> None:
    layer = {**VECTORS, **IMAGES, **BOTH_WAYS}[name]().double()
    x = inputs(*SHAPES.get(name, (3,)))
    outputs, _ = layer(x, lengths=LENGTHS)
    final = layer.final(outputs, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        alone, _ = layer(x[row : row + 1, :length])
        torch.testing.assert_close(outputs[row : row + 1, :length], alone)
        last = layer.final(alone, torch.tensor([length]))
        torch.testing.assert_close(final[row : row + 1], last)


@pytest.mark.parametrize("kind", FUSED)
def test_unrolled_equals_the_kernel_with_the_same_weights(kind: str) -> None:
    kernel, layer = Fused(kind, 3, 5).double(), Unrolled(CELLS[kind](3, 5)).double()
    layer.cell.load_state_dict(weights_of(kernel))
    x = inputs(3)
    wanted, last = kernel(x)
    outputs, state = layer(x)
    torch.testing.assert_close(outputs, wanted)
    torch.testing.assert_close(state, last)


@pytest.mark.parametrize("kind", FUSED)
def test_ragged_state_is_that_of_each_last_step(kind: str) -> None:
    kernel, layer = Fused(kind, 3, 5).double(), Unrolled(CELLS[kind](3, 5)).double()
    layer.cell.load_state_dict(weights_of(kernel))
    x = inputs(3)
    packed = pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)
    _, wanted = kernel.kernel(packed)
    wanted = tuple(part.squeeze(0) for part in (wanted if kind == "lstm" else (wanted,)))
    torch.testing.assert_close(layer(x, lengths=LENGTHS)[1], wanted)
    cell_state = kernel(x, lengths=LENGTHS)[1]
    if kind == "lstm":
        assert cell_state is None, "the kernel does not tell the cell state of ragged sequences"
    else:
        torch.testing.assert_close(cell_state, wanted)


def test_ragged_images_keep_their_state() -> None:
    layer, x = IMAGES["unrolled conv_lstm"]().double(), inputs(2, 6, 6)
    _, state = layer(x, lengths=LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        _, alone = layer(x[row : row + 1, :length])
        torch.testing.assert_close(tuple(part[row : row + 1] for part in state), alone)


@pytest.mark.parametrize("lengths", [LENGTHS, torch.full_like(LENGTHS, 7)], ids=["ragged", "alike"])
def test_bidirectional_equals_packed_sequences_with_the_same_weights(lengths: torch.Tensor) -> None:
    layer = BOTH_WAYS["bidirectional"]().double()
    reference = nn.LSTM(3, 5, batch_first=True, bidirectional=True).double()
    reference.load_state_dict(
        {f"{name}_l0": tensor for name, tensor in weights_of(layer.forwards).items()}
        | {f"{name}_l0_reverse": tensor for name, tensor in weights_of(layer.backwards).items()}
    )
    mine, theirs = inputs(3).requires_grad_(), None
    theirs = mine.detach().clone().requires_grad_()
    outputs, _ = layer(mine, lengths=lengths)
    packed = pack_padded_sequence(theirs, lengths, batch_first=True, enforce_sorted=False)
    wanted, _ = pad_packed_sequence(reference(packed)[0], batch_first=True)
    real = (torch.arange(7) < lengths[:, None])[..., None]
    torch.testing.assert_close(outputs * real, wanted)

    random = torch.randn_like(wanted) * real
    (outputs * random).sum().backward()
    (wanted * random).sum().backward()
    torch.testing.assert_close(mine.grad, theirs.grad)
    for name, parameter in reference.named_parameters():
        half = layer.backwards if name.endswith("_reverse") else layer.forwards
        gradient = dict(half.kernel.named_parameters())[name.removesuffix("_reverse")].grad
        torch.testing.assert_close(gradient, parameter.grad)


def test_reversal_is_within_each_length_and_its_own_inverse() -> None:
    x = torch.arange(1, 9).view(2, 4, 1)
    order = reversal(torch.tensor([3, 4]), 4)
    assert reordered(x, order).squeeze(-1).tolist() == [[3, 2, 1, 4], [8, 7, 6, 5]]
    assert torch.equal(reordered(reordered(x, order), order), x)


def test_gradients_of_reorder() -> None:
    x = inputs(3).requires_grad_()
    order = reversal(LENGTHS, 7)
    assert torch.autograd.gradcheck(lambda steps: Reorder.apply(steps, order), (x,))


def test_a_stack_is_its_layers_in_turn() -> None:
    layers = [Fused("gru", 3, 4).double(), Fused("gru", 4, 5).double()]
    x = inputs(3)
    outputs, states = Stack(layers, dropout=0.5).eval()(x)
    first, state = layers[0](x)
    second, last = layers[1](first)
    torch.testing.assert_close(outputs, second)
    torch.testing.assert_close(states, (state, last))


def test_a_residual_stack_of_silent_layers_is_the_identity() -> None:
    stack, x = Stack([Fused("lstm", 3, 3), Fused("lstm", 3, 3)], residual=True).double(), inputs(3)
    for parameter in stack.parameters():
        nn.init.zeros_(parameter)
    outputs, _ = stack(x)
    assert torch.equal(outputs, x)


def test_a_residual_goes_around_layers_that_keep_the_width() -> None:
    first, second = Fused("gru", 3, 4).double(), Fused("gru", 4, 4).double()
    x = inputs(3)
    widened, _ = first(x)
    outputs, _ = Stack([first, second], residual=True)(x)
    torch.testing.assert_close(outputs, widened + second(widened)[0])


def test_dropout_leaves_the_residual_whole() -> None:
    outputs, _ = Stack([Echo(), Echo()], dropout=0.5, residual=True)(torch.ones(8, 9, 50))
    assert outputs.unique().tolist() == [2.0, 6.0]  # 2 from below, and of it 0 or 4


def test_dropout_lies_between_layers_only() -> None:
    stack = Stack([Fused("rnn", 3, 50), Echo()], dropout=0.9)
    x = torch.randn(2, 4, 3)
    given, _ = stack(x)
    assert float((given == 0).float().mean()) == pytest.approx(0.9, abs=0.1)
    assert not (stack.layers[0](x)[0] == 0).any()


def test_a_variational_lstm_reads_through_the_same_masks_at_every_step() -> None:
    torch.manual_seed(0)
    layer, x = VariationalLSTM(3, 5, 0.5).double(), inputs(3)
    given: list[Tensor] = []
    layer.dropout.register_forward_hook(lambda _, args, result: given.append(result))
    outputs, (h, c, mask) = layer(x)
    kernel = nn.LSTMCell(3, 5).double()
    kernel.load_state_dict(layer.cell.cell.state_dict())
    wanted = (torch.zeros_like(h), torch.zeros_like(c))
    for t, step in enumerate(given[0].unbind(1)):
        wanted = kernel(step, (wanted[0] * mask, wanted[1]))
        torch.testing.assert_close(outputs[:, t], wanted[0])
    torch.testing.assert_close((h, c), wanted)
    assert mask.unique().tolist() == [0.0, 2.0] and len(mask.unique(dim=0)) > 1


def test_a_variational_lstm_goes_on_with_the_mask_it_had() -> None:
    layer, x = VariationalLSTM(3, 50, 0.5), torch.randn(4, 7, 3)
    _, state = layer(x[:, :3])
    assert torch.equal(layer(x[:, 3:], state)[1][2], state[2])


def test_a_variational_lstm_is_an_lstm_in_evaluation() -> None:
    layer, kernel = VariationalLSTM(3, 5, 0.5).double().eval(), Fused("lstm", 3, 5).double()
    layer.cell.cell.load_state_dict(weights_of(kernel))
    x = inputs(3)
    torch.testing.assert_close(layer(x)[0], kernel(x)[0])


def test_an_unknown_kernel_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'lstm'"):
        Fused("lsmt", 3, 5)
