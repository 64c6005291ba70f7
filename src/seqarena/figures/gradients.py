"""How far back gradients reach, before training and after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seqarena.data.batches import Batch, Batches
from seqarena.data.store import Array, Prepared, Split
from seqarena.models.frontends import Patches
from seqarena.models.model import SequenceModel
from seqarena.models.outputs import Logits
from seqarena.plots.diagnostics import Reach, reaches
from seqarena.predict import Predictor
from seqarena.tasks import AnyTask, StepTask

EXAMPLES = 32
LONG = 30  # steps; in shorter sequences nothing vanishes


def draw_gradients(
    path: Path,
    prepared: Prepared,
    finals: Mapping[str, Predictor],
    seed: int,
    plot_pool: Callable[..., None],
) -> None:
    """Have drawn, a panel per variant, the gradient at each step before what the loss is about.

    `finals` holds one of each variant; what it began with is drawn anew from its seed. A line that
    falls vanishes and one that rises explodes on its way back (Bengio et al. 1994; Pascanu et al.
    2013). Clipping during training scales all steps of a batch alike, so it moves a line up or down
    and leaves its slope. Nothing is drawn where sequences are short.
    """
    test, step = prepared.split("test"), prepared.spec.step
    if test.lengths.max() < LONG:
        return
    batch = Batches(test, EXAMPLES).gather(long_ones(test, seed))
    lines, about = {}, "the end"
    for variant, trained in finals.items():
        models = first_model(trained), trained.model
        start, end = (by_distance(*feature_gradients(m, trained.task, batch)) for m in models)
        frontend = trained.model.frontend
        span = prepared.spec.step_size * (frontend.patch if isinstance(frontend, Patches) else 1)
        lines[variant] = Reach(np.arange(len(end)) * span, start, end)
        about = "the answer in question" if isinstance(trained.task, StepTask) else about
    plot_pool(reaches, lines, f"{step}s before {about}", path)


def long_ones(test: Split, seed: int) -> Array:
    """Choose examples among the longest quarter of a split, at random, by length."""
    order = np.argsort(test.lengths, kind="stable")
    longest = order[-max(EXAMPLES, len(order) // 4) :]
    count = min(EXAMPLES, len(longest))
    return np.sort(np.random.default_rng(seed).choice(longest, count, replace=False))


def first_model(trained: Predictor) -> SequenceModel:
    """Return a final's model as its training began."""
    about = trained.about
    torch.manual_seed(about["seed"])
    model = trained.task.model(about["variant"], trained.spec, about["hyperparameters"])
    return model.eval()


def feature_gradients(model: SequenceModel, task: AnyTask, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the norm of each sequence's own loss gradient by the features of each step ``(B, S)``.

    Beside it the step ``(B,)`` where each sequence ends, from which to count back. Where every step
    has an output, that is the last one with a target, and its loss alone counts: else each step
    would show the loss at itself, and nothing of what comes from afar. The model must be in eval
    mode, and on the CPU: cuDNN goes back through a recurrence in training alone.
    """
    begun: list[Tensor] = []

    def leaf(_frontend: nn.Module, _inputs: Any, made: tuple[Tensor, Tensor]) -> Any:
        begun.append(made[0].detach().requires_grad_())
        return begun[0], made[1]

    with model.frontend.register_forward_hook(leaf):
        output: Logits = model(batch)
    ends = output.lengths - 1
    if isinstance(task, StepTask):
        ends = _last_target(batch)
        output, batch = _at(ends, output, batch)
    loss, _ = task.loss(output, batch)
    (gradient,) = torch.autograd.grad(loss, begun)
    return gradient.flatten(2).norm(dim=2), ends


def _last_target(batch: Batch) -> Tensor:
    last = batch.lengths - 1
    if batch.targets.dim() > 2:  # keys of music: a rest has none
        return last
    steps = torch.arange(batch.targets.shape[1])
    return torch.where(batch.targets != 0, steps, 0).amax(1)


def _at(ends: Tensor, output: Logits, batch: Batch) -> tuple[Logits, Batch]:
    """Keep the output and the target at ``ends (B,)``, as sequences of one step."""
    rows, one = torch.arange(len(ends)), torch.ones_like(ends)
    at_ends = replace(output, logits=output.logits[rows, ends][:, None], lengths=one)
    targets = batch.targets[rows, ends][:, None]
    return at_ends, batch._replace(targets=targets, target_lengths=one)


def by_distance(norms: Tensor, ends: Tensor) -> Array:
    """Average ``(B, S)`` over sequences by the steps before ``ends (B,)``: ``(K,)``.

    It ends where fewer than three in four reach so far: the mean would be that of a few.
    """
    farthest = int(ends.sort().values[len(ends) // 4])
    places = ends[:, None] - torch.arange(farthest + 1)
    real = places >= 0
    found = norms.gather(1, places.clamp(min=0)) * real
    mean: Array = (found.sum(0) / real.sum(0)).numpy()
    return mean
