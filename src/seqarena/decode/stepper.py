"""A model as a search sees it: a state, and logits of the next token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor


class State(NamedTuple):
    """What a stepper carries: nested tuples of tensors, or None."""

    memory: Any  # each (B, *): one per sequence
    hypotheses: Any  # each (B, W, *): one per hypothesis
    lengths: Tensor  # (B,), steps of each memory


class Step(NamedTuple):
    """The logits of the next token of every hypothesis, and the state after the step."""

    logits: Tensor  # (B, W, V)
    state: State
    weights: Tensor | None  # (B, W, heads, S), the attention of each


class Stepper(Protocol):
    """A model, token by token."""

    end: int  # the token that ends a sequence

    def start(self) -> tuple[Tensor, State]:
        """Return the tokens before the first ones, ``(B, 1)``, and a state of W = 1."""

    def step(self, tokens: Tensor, state: State) -> Step:
        """Predict the token after the last ones ``(B, W)``."""


class Hypothesis(NamedTuple):
    """One finished sequence."""

    tokens: list[int]  # without the end
    log_probability: float  # of all tokens and the end
    score: float  # by which it was ranked
    weights: Tensor | None  # (heads, U, S), a row per token and one for the end


def retire(state: State, going: Tensor) -> State:
    """Keep only the sequences whose places ``(N,)`` are given."""
    return State(*index(state, going))


def index(tree: Any, places: Tensor) -> Any:
    """Index dim 0 of every tensor of nested tuples."""
    return change_all(tree, lambda tensor: tensor.index_select(0, places))


def pick(tree: Any, chosen: Tensor) -> Any:
    """Choose hypotheses ``(B, K)`` along dim 1 of every tensor ``(B, W, *)`` of nested tuples."""
    base = torch.arange(len(chosen), device=chosen.device)[:, None]

    def chosen_of(tensor: Tensor) -> Tensor:
        places = (base * tensor.shape[1] + chosen).flatten()
        return tensor.flatten(0, 1).index_select(0, places).view(*chosen.shape, *tensor.shape[2:])

    return change_all(tree, chosen_of)


def change_all(tree: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Change every tensor of nested tuples; leave what else is there."""
    if isinstance(tree, Tensor):
        return change(tree)
    if not isinstance(tree, tuple):
        return tree
    parts = [change_all(part, change) for part in tree]
    return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)
