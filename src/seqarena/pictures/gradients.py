"""How far back gradients reach, before training and after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seqarena.compare.plots.diagnostics import Reach, reaches
from seqarena.data.batches import Batch, Batches
from seqarena.data.store import Array, DataSpec, Split
from seqarena.models.model import Output, SequenceModel
from seqarena.predict import Predictor
from seqarena.tasks import StepTask, Task

EXAMPLES = 32
LONG = 30  # steps; in shorter sequences nothing vanishes


def draw_gradients(
    path: Path, test: Split, spec: DataSpec, finals: Mapping[str, Path], seed: int
) -> None:
    """Draw, a panel per variant, the gradient at each step before what the loss is about.

    `finals` are the model folders of one final each; what it began with is drawn anew from its
    seed. A line that falls vanishes and one that rises explodes on its way back (Bengio et al.
    1994; Pascanu et al. 2013). Clipping during training scales all steps of a batch alike, so it
    moves a line up or down and leaves its slope. Draws nothing where sequences are short.
    """
    if test.lengths.max() < LONG:
        return
    batch = Batches(test, EXAMPLES).gather(long_ones(test, seed))
    lines = {}
    for variant, folder in finals.items():
        trained = Predictor(folder)
        first = first_weights(trained)
        models = (first, trained.model)
        start, end = (distances(*feature_gradients(m, trained.task, batch)) for m in models)
        span = int(batch.lengths.max()) // len(end)  # steps that a patch holds
        lines[variant] = Reach(np.arange(len(end)) * span, start, end)
    reaches(lines, f"{spec.step}s before the end", path)


def long_ones(test: Split, seed: int) -> Array:
    """Choose examples among the longest quarter of a split, at random, by length."""
    order = np.argsort(test.lengths, kind="stable")
    longest = order[-max(EXAMPLES, len(order) // 4) :]
    count = min(EXAMPLES, len(longest))
    return np.sort(np.random.default_rng(seed).choice(longest, count, replace=False))


def first_weights(trained: Predictor) -> SequenceModel:
    """Return a final's model as its training began."""
    about = trained.about
    torch.manual_seed(about["seed"])
    model = trained.task.model(about["variant"], trained.spec, about["hyperparameters"])
    return model.eval()
