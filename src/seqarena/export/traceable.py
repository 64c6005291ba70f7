"""Models in a form that is traced once and then holds for sequences of any length.

Tracing sees no loop: a walk over the steps of an example would be as long as that. Here each is
a node of the graph that walks whatever it is given.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch._higher_order_ops.scan import scan_op
from torch.func import functional_call
from torch.nn import functional as F

from seqarena.models.attention.causal_transformer import CausalTransformer
from seqarena.models.attention.memory import Attention, Memory, Past
from seqarena.models.attention.steps import Attended, AttentionOverPast, nothing, visible
from seqarena.models.causal.layers import CausalLayer, CausalLayers
from seqarena.models.causal.linear_recurrence import LRU, GatedRecurrence
from seqarena.models.causal.matrix_lstm import MatrixLSTM
from seqarena.models.causal.state_space import StateSpace
from seqarena.models.frontends import Patches
from seqarena.models.recurrent.cells import Cell, State
from seqarena.models.recurrent.encoders import ConvRecurrentEncoder, RecurrentEncoder
from seqarena.models.recurrent.layers import Fused, Unrolled
from seqarena.models.recurrent.pyramid import Pyramid

Model = TypeVar("Model", bound=nn.Module)
# Of the gates of torch.nn, by their place there: the order in which ONNX has them.
GATES: dict[type[nn.Module], tuple[str, tuple[int, ...]]] = {
    nn.RNN: ("RNN", (0,)),
    nn.GRU: ("GRU", (1, 0, 2)),
    nn.LSTM: ("LSTM", (0, 3, 1, 2)),
}


def traceable(model: Model) -> Model:
    """Return a copy with the same weights and outputs, whose loops over time can be traced.

    It gives no state to go on from.
    """
    copy = deepcopy(model).eval()
    for module in copy.modules():
        for kind, form in FORMS.items():
            if isinstance(module, kind):
                own = type(module)
                module.__class__ = type(own.__name__, (form, own), {})
    return copy


@contextmanager
def sizes_traced(model: nn.Module) -> Iterator[None]:
    """Have ``len`` of a tensor stay open in the code of a model: Python makes it a number at once.

    To write ``x.shape[0]`` instead would be to change code that trainings are named by.
    """
    modules = {type(module).__module__ for module in model.modules()}
    code = [
        module
        for name, module in list(sys.modules.items())
        if name in modules or name.startswith("seqarena.models.")
    ]
    for module in code:
        vars(module)["len"] = _size
    try:
        yield
    finally:
        for module in code:
            del vars(module)["len"]


def _size(of: Any) -> Any:
    return of.shape[0] if isinstance(of, Tensor) else len(of)


class _Kernel(Fused):
    """The recurrent node that ONNX has itself."""

    def forward(
        self, x: Tensor, state: Any = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, Any]:
        kind, order = GATES[type(self.kernel)]
        weight_ih, weight_hh, *biases = (self._ordered(p, order) for p in self.kernel.parameters())
        width = self.kernel.hidden_size
        (outputs,) = torch.onnx.ops.symbolic_multi_out(
            kind,
            (x.transpose(0, 1), weight_ih[None], weight_hh[None], torch.cat(biases)[None]),
            {"hidden_size": width, **({"linear_before_reset": 1} if kind == "GRU" else {})},
            dtypes=(x.dtype,),
            shapes=((x.shape[1], 1, x.shape[0], width),),
        )
        return outputs.squeeze(1).transpose(0, 1), None

    @staticmethod
    def _ordered(parameter: Tensor, order: tuple[int, ...]) -> Tensor:
        gates: Tensor = parameter.unflatten(0, (len(order), -1))
        return gates[list(order)].flatten(0, 1)


class _Walk(Unrolled):
    """Any cell, step by step."""

    def _run(self, x: Tensor, state: Any, lengths: Tensor | None) -> tuple[Tensor, Any]:
        projected = self.cell.project(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        first, step = self.cell.initial_state(x[:, 0]), _Advance(self.cell)
        (outputs,) = walked(step, first, (projected.transpose(0, 1),))
        return outputs.transpose(0, 1), None


class _Advance(nn.Module):
    """One step of a cell."""

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, now: State, before: State) -> tuple[State, State]:
        output, after = self.cell.advance(now[0], before)
        return after, (output,)


class _Lookback(Attention):
    """Queries that need the weights of the one before."""

    def attend_sequence(
        self, query: Tensor, memory: Memory, past: Past | None = None
    ) -> tuple[Tensor, Tensor]:
        if not self.looks_back:
            return super().attend_sequence(query, memory, past)
        step, weights = _Attend(self), (past or self.before(memory)).weights
        assert weights is not None
        masks = memory.mask.expand(-1, query.shape[1], -1)
        steps = (query.transpose(0, 1), masks.transpose(0, 1))
        contexts, each = walked(step, (weights,), steps, memory[:2])
        return contexts.transpose(0, 1), each.permute(1, 2, 0, 3)


class _Attend(nn.Module):
    """One query of an attention that looks back; how many came before it is of no account."""

    def __init__(self, attention: Attention) -> None:
        super().__init__()
        self.attention = attention

    def forward(
        self, now: State, before: State, keys: Tensor, values: Tensor
    ) -> tuple[State, State]:
        query, mask = (part[:, None] for part in now)
        seen = Memory(keys, values, mask)
        past = Past(torch.zeros_like(query[:, :, 0], dtype=torch.long), *before).within(seen)
        context, weights = self.attention(query, seen, past)
        after = self.attention.after(past, weights).weights
        assert after is not None
        return (after,), (context.squeeze(1), weights.squeeze(2))


def walked(step: nn.Module, state: State, steps: State, fixed: State = ()) -> tuple[Tensor, ...]:
    """Walk over ``(T, B, *)`` each: what ``step(now, state, *fixed)`` gives beside its state."""
    names, weights = zip(*step.named_parameters(), strict=True)

    def combine(*tensors: Tensor) -> list[Tensor]:
        before, now = tensors[: len(state)], tensors[len(state) :][: len(steps)]
        rest = tensors[len(state) + len(steps) :]
        own = dict(zip(names, rest[len(fixed) :], strict=True))
        after, given = functional_call(step, own, (now, before, *rest[: len(fixed)]))
        return _apart((*after, *given))

    found = scan_op(combine, _apart(state), list(steps), (*fixed, *weights))
    return tuple(found[len(state) :])


class _Stepwise(CausalLayer):
    """A layer that is computed for all steps at once, in chunks of them: step by step."""

    def forward(self, x: Tensor, state: State, lengths: Tensor | None) -> tuple[Tensor, State]:
        step = _Step(self, super().forward)  # type: ignore[safe-super]  # of the layer's own class
        (outputs,) = walked(step, tuple(state), (x.transpose(0, 1),))
        return outputs.transpose(0, 1), state


class _Step(nn.Module):
    """One step of a layer."""

    def __init__(self, layer: CausalLayer, run: Callable[..., tuple[Tensor, State]]) -> None:
        super().__init__()
        self.layer, self.run = layer, run

    def forward(self, now: State, before: State) -> tuple[State, State]:
        output, after = self.run(now[0][:, None], before, None)
        return tuple(after), (output.squeeze(1),)


class _RealLRU(LRU):
    """One step in real numbers: ONNX has no complex ones."""

    def _run(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        radii, angles = torch.exp(-self.nu.exp()), self.theta.exp()
        real, imaginary = radii * angles.cos(), radii * angles.sin()
        turned = [
            real * state[..., 0] - imaginary * state[..., 1],
            real * state[..., 1] + imaginary * state[..., 0],
        ]
        added = self.inputs(x[:, 0]).unflatten(-1, (2, -1)).transpose(1, 2)
        states = (torch.stack(turned, dim=-1) + added * self.scale.exp()[:, None])[:, None]
        return self.read(states, x), states


class _Causal(CausalLayers):
    """Layers that take all batches for whole ones: no step reads what stands in padding after."""

    def forward(self, features: Tensor, lengths: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        states, _ = self.run(features, None, None)
        return states, None


class _Recurrence(RecurrentEncoder):
    """An encoder that takes all batches for ragged: which are is known only when it runs."""

    def forward(self, features: Tensor, lengths: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        states, _ = self.layer(features, None, lengths)
        return states, None


class _ImageRecurrence(ConvRecurrentEncoder):
    """The same over images."""

    def forward(self, features: Tensor, lengths: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        images, _ = self.layer(features, None, lengths)
        pooled = F.adaptive_avg_pool2d(images.flatten(0, 1), self.grid)
        return pooled.flatten(1).unflatten(0, images.shape[:2]), None


class _Pyramid(Pyramid):
    """The same of layers that read two states as one."""

    def unequal(self, lengths: Tensor, x: Tensor) -> Tensor | None:
        return lengths


class _OverPast(AttentionOverPast):
    """A sequence as one window, whatever its length."""

    def forward(self, states: Tensor, before: Any, lengths: Tensor) -> Attended:
        mask = visible(nothing(states[:, :0]), states.shape[1])
        memory = self.attention.build_memory(states, mask)
        return Attended(*self.attention.attend_sequence(states, memory), None)


class _PastLayers(CausalTransformer):
    """The same of layers of self-attention."""

    def attend(
        self, features: Tensor, lengths: Tensor, state: Any = None
    ) -> tuple[Tensor, Any, Tensor | None]:
        x = self.input_projection(features, features.new_zeros(()))
        states, _, weights = self._window(x, self._nothing(x), told=True)
        return self.norm(states), None, weights


class _PaddedPatches(Patches):
    """As many patches as the padded steps hold: the longest sequence is as long as these."""

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        inputs = inputs.float()
        if self.patch == 1:
            return inputs, lengths
        patches = (lengths // self.patch).clamp(min=1)
        most = torch.sym_max(inputs.shape[1] // self.patch, 1)
        steps = torch.arange(most * self.patch, device=inputs.device)
        places = (lengths - patches * self.patch)[:, None] + steps
        real = (places >= 0) & (places < lengths[:, None])
        rows = torch.arange(inputs.shape[0], device=inputs.device)[:, None]
        aligned = inputs[rows, places.where(real, 0)] * real.unsqueeze(-1)
        return aligned.unflatten(1, (most, self.patch)).flatten(2), patches


FORMS: dict[type[nn.Module], type[nn.Module]] = {
    Fused: _Kernel,
    Unrolled: _Walk,
    Attention: _Lookback,
    RecurrentEncoder: _Recurrence,
    ConvRecurrentEncoder: _ImageRecurrence,
    Pyramid: _Pyramid,
    CausalLayers: _Causal,
    GatedRecurrence: _Stepwise,
    MatrixLSTM: _Stepwise,
    StateSpace: _Stepwise,
    LRU: _RealLRU,
    AttentionOverPast: _OverPast,
    CausalTransformer: _PastLayers,
    Patches: _PaddedPatches,
}


def _apart(tensors: tuple[Tensor, ...]) -> list[Tensor]:
    """Copy tensors, of which a walk may have none twice."""
    return [tensor.clone() for tensor in tensors]
