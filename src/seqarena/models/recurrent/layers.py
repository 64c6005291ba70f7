"""Whole sequences through a recurrence; called with T = 1 they are the decode step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from seqarena.errors import unknown
from seqarena.models import initialization
from seqarena.models.precision import in_float32
from seqarena.models.recurrent.cells import CELLS, Cell, LSTMCell, State
from seqarena.models.recurrent.cpu_bptt import run_layer
from seqarena.models.recurrent.state_dropout import NOTHING, MaskedCell, StateDropout
from seqarena.models.regularisation.dropout import MASKS, STEP, Dropout, LockedDropout

FUSED: dict[str, type[nn.RNN] | type[nn.GRU] | type[nn.LSTM]] = {
    "rnn": nn.RNN,
    "gru": nn.GRU,
    "lstm": nn.LSTM,
}


class Recurrent(nn.Module, ABC):
    """A layer over ``(B, T, *)``; padding comes last and never changes an output before it."""

    output_shape: tuple[int, ...]  # of one step

    @abstractmethod
    def forward(
        self, x: Tensor, state: Any = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, Any]:
        """Run all steps: ``(B, T, *)`` -> outputs ``(B, T, *output_shape)`` and the last state.

        With `lengths` ``(B,)``, where they differ, the state is that after each sequence's own last
        step, or None where a fused kernel does not return it (LSTM).
        """

    def final(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """Pick the output that has seen the whole sequence, ``(B, *output_shape)``."""
        return outputs[torch.arange(len(outputs), device=outputs.device), lengths - 1]


class Fused(Recurrent):
    """One layer of ``torch.nn``'s RNN, GRU or LSTM kernel: the hot path."""

    def __init__(self, kind: str, inputs: int, width: int) -> None:
        super().__init__()
        if kind not in FUSED:
            raise unknown("models.recurrent", "fused cell", kind, FUSED)
        self.kernel = FUSED[kind](inputs, width, batch_first=True)
        initialization.recurrent(self.kernel, CELLS[kind].gates)
        self.output_shape = (width,)

    def forward(
        self, x: Tensor, state: Any = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, Any]:
        outputs, last = in_float32(self._run, x, self._to_kernel(state))
        if lengths is None:
            tensors = last if isinstance(last, tuple) else (last,)
            return outputs, tuple(tensor.squeeze(0) for tensor in tensors)
        if isinstance(self.kernel, nn.LSTM):
            return outputs, None
        return outputs, (self.final(outputs, lengths),)

    def _run(self, x: Tensor, before: Any) -> tuple[Tensor, Any]:
        if isinstance(self.kernel, nn.LSTM):
            outputs, last = self.kernel(x, before)
            return outputs, last
        return run_layer(self.kernel, x, before)

    def _to_kernel(self, state: State | None) -> Any:
        if state is None:
            return None
        tensors = tuple(tensor.unsqueeze(0) for tensor in state)
        return tensors if isinstance(self.kernel, nn.LSTM) else tensors[0]


class Unrolled(Recurrent):
    """Any cell, step by step; the products that need no state are done for all steps at once."""

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        self.cell = cell
        self.output_shape = cell.output_shape

    def forward(
        self, x: Tensor, state: Any = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, Any]:
        return in_float32(partial(self._run, lengths=lengths), x, state)

    def _run(self, x: Tensor, state: Any, lengths: Tensor | None) -> tuple[Tensor, Any]:
        batch, steps = x.shape[:2]
        state = self.cell.initial_state(x[:, 0]) if state is None else state
        projected = self.cell.project(x.flatten(0, 1)).unflatten(0, (batch, steps))
        shortest = steps if lengths is None else int(lengths.min())
        outputs = []
        for t, step in enumerate(projected.unbind(1)):
            output, new = self.cell.advance(step, state)
            if lengths is not None and t >= shortest:
                new = _keep_past_end(lengths > t, new, state)
            state = new
            outputs.append(output)
        return torch.stack(outputs, dim=1), state


class WeightDrop(Recurrent):
    """A layer some of whose weights from state to state are left out of each batch or window.

    DropConnect (Wan et al. 2013) as in Merity et al. (2018), section 2: one mask for all steps and
    sequences, so that a kernel serves as before.
    """

    def __init__(self, layer: Recurrent, dropout: float) -> None:
        super().__init__()
        self.layer, self.dropout = layer, Dropout(dropout)
        self.output_shape = layer.output_shape

    def forward(
        self, x: Tensor, state: Any = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, Any]:
        found: tuple[Tensor, Any]
        if not self.training:
            found = self.layer(x, state, lengths)
            return found
        left = {
            name: self.dropout(weight)
            for name, weight in self.layer.named_parameters()
            if name.rpartition(".")[2].startswith("weight_hh")
        }
        found = functional_call(self.layer, left, (x, state, lengths))
        return found


def layer_of(kind: str, inputs: int, width: int, left_out: StateDropout = NOTHING) -> Recurrent:
    """Return a layer of one kind of cell: its kernel where there is one, and it serves."""
    if kind in FUSED and not left_out.of_steps:
        layer: Recurrent = Fused(kind, inputs, width)
    else:
        layer = Unrolled(left_out.around(CELLS[kind](inputs, width)))
    return WeightDrop(layer, left_out.weight_dropout) if left_out.weight_dropout else layer


class VariationalLSTM(Unrolled):
    """LSTM with a dropout mask per sequence on its inputs, another on its recurrence.

    Gal & Ghahramani (2016), masks tied over the gates; no kernel masks its recurrence.
    """

    def __init__(self, inputs: int, width: int, dropout: float) -> None:
        super().__init__(MaskedCell(LSTMCell(inputs, width), dropout))
        self.dropout = LockedDropout(dropout)

    def forward(
        self, x: Tensor, state: Any = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, Any]:
        return super().forward(self.dropout(x), state, lengths)


class Bidirectional(Recurrent):
    """Two layers, one reading backwards: outputs ``(B, T, 2 * width)`` (Schuster & Paliwal 1997).

    Each sequence is reversed within its own length and run through the same kernel: exact, and
    several times faster on CPU than packing.
    """

    def __init__(self, forwards: Recurrent, backwards: Recurrent) -> None:
        super().__init__()
        self.forwards, self.backwards = forwards, backwards
        self.output_shape = (2 * forwards.output_shape[0], *forwards.output_shape[1:])

    def forward(
        self, x: Tensor, state: Any = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, Any]:
        if lengths is None:
            turned = partial(torch.flip, dims=(1,))
        else:
            turned = partial(reordered, order=reversal(lengths, x.shape[1]))
        ahead, behind = (None, None) if state is None else state
        outputs, ahead = self.forwards(x, ahead, lengths)
        mirrored, behind = self.backwards(turned(x), behind, lengths)
        return torch.cat([outputs, turned(mirrored)], dim=2), (ahead, behind)

    def final(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """Pick the last output of the forward half and the first of the backward half."""
        ahead, behind = outputs.chunk(2, dim=2)
        return torch.cat([super().final(ahead, lengths), behind[:, 0]], dim=1)


class Stack(Recurrent):
    """Layers on layers, dropout between them (Graves et al. 2013); a stack is a layer.

    A `residual` one adds the input of a layer to its output wherever their widths agree
    (He et al. 2016; Wu et al. 2016, section 3.1).
    """

    def __init__(
        self,
        layers: Sequence[Recurrent],
        dropout: float = 0.0,
        *,
        residual: bool = False,
        mask: str = STEP,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.residual, self.dropout = residual, MASKS[mask](dropout)
        self.output_shape = layers[-1].output_shape

    def forward(
        self, x: Tensor, state: Any = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, Any]:
        states = (None,) * len(self.layers) if state is None else state
        after = []
        for index, (layer, before) in enumerate(zip(self.layers, states, strict=True)):
            outputs, new = layer(self.dropout(x) if index else x, before, lengths)
            x = x + outputs if self.residual and x.shape == outputs.shape else outputs
            after.append(new)
        return x, tuple(after)

    def final(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        top = self.layers[-1]
        assert isinstance(top, Recurrent)
        return top.final(outputs, lengths)


def _keep_past_end(alive: Tensor, new: State, old: State) -> State:
    """Carry the old state of every sequence that has ended; `alive` is ``(B,)``."""
    return tuple(
        torch.where(alive.view(-1, *(1,) * (n.dim() - 1)), n, o)
        for n, o in zip(new, old, strict=True)
    )


def reversal(lengths: Tensor, steps: int) -> Tensor:
    """Return the order ``(B * T,)`` that reverses each sequence within its length."""
    t = torch.arange(steps, device=lengths.device)
    ends = lengths[:, None].to(t.dtype)
    mirrored = torch.where(t < ends, ends - 1 - t, t)
    rows = torch.arange(len(lengths), device=t.device)[:, None] * steps
    return (rows + mirrored).flatten()


def reordered(x: Tensor, order: Tensor) -> Tensor:
    """Reorder the steps of ``(B, T, *)``."""
    steps: Tensor = Reorder.apply(x, order)  # type: ignore[no-untyped-call]
    return steps


class Reorder(torch.autograd.Function):
    """Reorder steps by an order that is its own inverse, so that backward is the same gather."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, order: Tensor) -> Tensor:
        ctx.save_for_backward(order)
        return _reorder(x, order)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (order,) = ctx.saved_tensors
        return _reorder(gradients[0], order), None


def _reorder(x: Tensor, order: Tensor) -> Tensor:
    return x.flatten(0, 1).index_select(0, order).view_as(x)
