"""AdamW with clipping and a schedule: one pass of torch's fused kernel over the parameters.

``torch.optim.AdamW`` computes the same, but it imports torch._dynamo when it is first made, which
costs every worker more than all else it does before its first step, and clipping for it goes over
all gradients once more. Here the kernel divides them as it reads them, and is called without the
sorting by device and type, which takes as long as itself where a model is small.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

WARM_UP = 0.1  # of all steps, linear; then the rate falls to zero along a cosine


class Moments(NamedTuple):
    """What AdamW remembers of one parameter."""

    parameter: nn.Parameter
    mean: Tensor  # of its gradients
    square: Tensor  # of their squares
    steps: Tensor  # how many it has taken, a scalar: its place in the vector of all


class AdamW:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019).

    `schedule` maps the number of batches learned to the learning rate of the next one; gradients
    whose norm over all parameters exceeds `clip` are scaled down to it (Pascanu et al. 2013).
    Biases and the gains of norms do not decay: they are few, and no smaller for being simpler.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        schedule: Callable[[float], float],
        *,
        weight_decay: float,
        clip: float,
    ) -> None:
        self.schedule, self.weight_decay, self.clip = schedule, weight_decay, clip
        self.taken = 0.0  # batches, in parts where a batch is learned in parts
        self.updates = 0
        self.learning_rate = 0.0  # of the last step
        # Weights first, then vectors, which do not decay.
        learned = sorted((p for p in parameters if p.requires_grad), key=lambda p: p.ndim < 2)
        self.steps = torch.zeros(len(learned), device=learned[0].device)
        self.moments = [
            Moments(p, torch.zeros_like(p), torch.zeros_like(p), steps)
            for p, steps in zip(learned, self.steps, strict=True)
        ]

    @property
    def parameters(self) -> list[nn.Parameter]:
        """What is learned."""
        return [moments.parameter for moments in self.moments]

    def state_dict(self) -> dict[str, Any]:
        """Return what an optimiser over the same parameters needs to go on from here."""
        return {
            "taken": self.taken,
            "updates": self.updates,
            "learning_rate": self.learning_rate,
            "steps": self.steps,
            "means": [moments.mean for moments in self.moments],
            "squares": [moments.square for moments in self.moments],
        }

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.taken, self.updates = state["taken"], state["updates"]
        self.learning_rate = state["learning_rate"]
        self.steps.copy_(state["steps"])
        means, squares = state["means"], state["squares"]
        for moments, mean, square in zip(self.moments, means, squares, strict=True):
            moments.mean.copy_(mean)
            moments.square.copy_(square)

    def zero_grad(self) -> None:
        """Drop all gradients."""
        for moments in self.moments:
            moments.parameter.grad = None

    @torch.no_grad()
    def step(self, terms: Tensor | float = 1.0, share: float = 1.0) -> Tensor:
        """Update the parameters that have a gradient; return the norm of all before clipping.

        Gradients are those of a loss summed over so many `terms`. `share` is how far the schedule
        moves on: below 1 where a batch is learned in parts.
        """
        live = [moments for moments in self.moments if moments.parameter.grad is not None]
        gradients = [g for moments in live if (g := moments.parameter.grad) is not None]
        norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients))) / terms
        self.learning_rate = self.schedule(self.taken)
        self.taken, self.updates = self.taken + share, self.updates + 1
        if len(live) == len(self.moments):  # nearly always: one addition for all
            self.steps += 1
        else:
            torch._foreach_add_([moments.steps for moments in live], 1)
        scale = (norm / self.clip).clamp(min=1.0) * terms  # divides the gradients
        vectors = next((n for n, m in enumerate(live) if m.parameter.ndim < 2), len(live))
        self._update(live[:vectors], self.weight_decay, scale)
        self._update(live[vectors:], 0.0, scale)
        return norm

    def _update(self, live: list[Moments], weight_decay: float, scale: Tensor) -> None:
        if not live:
            return
        parameters, means, squares, steps = (list(each) for each in zip(*live, strict=True))
        torch._fused_adamw_(
            parameters,
            [parameter.grad for parameter in parameters],
            means,
            squares,
            [],
            steps,
            grad_scale=scale,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self.learning_rate,
            weight_decay=weight_decay,
            eps=1e-8,
            maximize=False,
        )


class Average:
    """A moving average of weights (Polyak & Juditsky 1992), over some ``1 / (1 - decay)`` updates.

    While fewer were made the decay is ``(1 + n) / (10 + n)``, so that the first weights, which
    nothing was learned for, are soon forgotten. A decay of 0 keeps nothing.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], decay: float) -> None:
        self.decay, self.updates = decay, 0
        self.parameters: list[Tensor] = [p for p in parameters if p.requires_grad and decay]
        self.weights = [parameter.detach().clone() for parameter in self.parameters]

    @torch.no_grad()
    def update(self) -> None:
        """Take the weights after an update of theirs in."""
        if self.weights:
            decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
            torch._foreach_lerp_(self.weights, self.parameters, 1 - decay)
            self.updates += 1

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Have the model work by the averages, within the block."""
        last = [parameter.detach().clone() for parameter in self.parameters]
        self._put(self.weights)
        try:
            yield
        finally:
            self._put(last)

    @torch.no_grad()
    def _put(self, weights: list[Tensor]) -> None:
        for parameter, weight in zip(self.parameters, weights, strict=True):
            parameter.copy_(weight)

    def state_dict(self) -> dict[str, Any]:
        """Return what an average of the same parameters needs to go on from here."""
        return {"updates": self.updates, "weights": self.weights}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.updates = state["updates"]
        for weight, kept in zip(self.weights, state["weights"], strict=True):
            weight.copy_(kept)


def warm_up_and_decay(step: float, *, peak: float, steps: int) -> float:
    """Return a rate that rises linearly, then falls along a cosine (Loshchilov & Hutter 2017)."""
    warm_up = max(1, round(WARM_UP * steps))
    if step < warm_up:
        return peak * (step + 1) / warm_up
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))
