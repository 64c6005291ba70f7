"""What long sequences take of a worker's memory, told before a search instead of amid it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqarena.config import Dimension, Experiment
from seqarena.data.batches import Batch, Batches, windows
from seqarena.data.folds import learned_from
from seqarena.data.store import Prepared
from seqarena.errors import InputError, InputWarning, in_one_line
from seqarena.models.model import SequenceModel
from seqarena.models.variant import frontend_of
from seqarena.models.variants import VARIANTS
from seqarena.search.matching import with_matched_size
from seqarena.spaces import largest, smallest
from seqarena.tasks import StepTask, task_for

STEPS = (128, 256, 512)  # lengths at which memory is measured; no more is spent on shorter data
LARGE = 20_000_000  # weights of an embedding, all of which every step of AdamW goes over
SECONDS = 3e-9  # that it takes for each, measured with a million rows of 64 on two cores

Space = Mapping[str, Dimension]


def check_memory(
    experiment: Experiment,
    prepared: Prepared,
    spaces: Mapping[str, Space],
    room: float,
    where: str,
) -> None:
    """See that a batch of the longest sequences fits into `room`, the bytes a training has.

    What is kept for going back is measured at three lengths, and is at most quadratic in them.
    Raises `InputError` at `where` for a variant that does not fit. Warns of an embedding so large
    that its optimiser's steps take longer than its model's.
    """
    steps = int(learned_from(prepared).lengths.max())
    steps = min(steps, experiment.protocol.truncate or steps)
    for variant, space in spaces.items():
        hyperparameters = _costliest(experiment, variant, dict(space))
        chosen = with_matched_size(experiment, prepared.spec, variant, hyperparameters)
        build = partial(task_for(experiment.task).model, variant, prepared.spec, chosen)
        # Shapes alone; a model beyond all sizes is what its trials tell of.
        with torch.device("meta"), suppress(RuntimeError):
            _warn_of_large_tables(build(), f"{where}.variants: {variant}")
        if steps <= STEPS[-1]:
            continue
        try:
            with torch.random.fork_rng(devices=[]):
                needed = _bytes_of(experiment, prepared, build(), chosen)
        except RuntimeError as error:  # of torch, which finds no memory for so little
            raise InputError(f"{where}.variants: {variant}: {in_one_line(error)}") from error
        batch = experiment.protocol.batch_size
        if batch * needed(steps) > room:
            reason = _told(needed, batch, steps, room)
            raise InputError(f"{where}.variants: {variant}: {reason}")


def _costliest(experiment: Experiment, variant: str, space: dict[str, Dimension]) -> dict[str, Any]:
    """Return the high end of a space, but for the frontend's, which decides how few steps stay."""
    low, high = smallest(space), largest(space)
    frontend = frontend_of(VARIANTS[variant], experiment.modality).space
    return {**high, **{name: low[name] for name in frontend}}


def _bytes_of(
    experiment: Experiment, prepared: Prepared, model: SequenceModel, chosen: dict[str, Any]
) -> Callable[[int], float]:
    """Return what one sequence of so many steps takes, a parabola through what was measured."""
    train = learned_from(prepared)
    longest = Batches(train, 1).gather(np.array([train.lengths.argmax()]))
    measured = [_kept(experiment, model, chosen, longest, steps) for steps in STEPS]
    coefficients = np.polyfit(STEPS, measured, 2)
    return lambda steps: float(np.polyval(coefficients, steps))


def _kept(
    experiment: Experiment,
    model: SequenceModel,
    chosen: dict[str, Any],
    batch: Batch,
    steps: int,
) -> int:
    """Go forward over the first steps of a sequence; count the bytes that going back needs."""
    task = task_for(experiment.task)
    if isinstance(task, StepTask):
        batch, _ = next(windows(batch, steps))
    else:
        cut = batch.lengths.clamp(max=steps)
        batch = batch._replace(inputs=batch.inputs[:, :steps], lengths=cut)
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        _, loss, _ = task.learn(model, batch, None, chosen)
    del loss  # until here, so that no address is given twice
    return sum(size for address, size in kept.items() if address not in weights)


def _told(needed: Callable[[int], float], batch: int, steps: int, room: float) -> str:
    total, one = batch * needed(steps), needed(steps)
    found = f"a batch of {batch} sequences of {steps:,} steps takes {_gib(total)} to learn from"
    shorter = _largest(lambda count: batch * needed(count) <= room, steps)
    fixes = [f"cut sequences to about {shorter:,} steps in `prepare`"]
    if fits := math.floor(room / one):
        fixes.insert(0, f"set protocol.batch_size to {fits} at most")
    return f"{found}, and a training has {_gib(room)}; {', or '.join(fixes)}"


def _largest(fits: Callable[[int], bool], most: int) -> int:
    low, high = 1, most
    while low < high - 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _gib(count: float) -> str:
    return f"{count / 2**30:,.1f} GiB"


def _warn_of_large_tables(model: SequenceModel, who: str) -> None:
    sizes = [m.weight.numel() for m in model.modules() if isinstance(m, torch.nn.Embedding)]
    if sum(sizes) > LARGE:
        cost = f"every step learns all {sum(sizes):,} of its embedding, about"
        took = f"{sum(sizes) * SECONDS * 1e3:.0f} ms of it on two cores"
        fix = "a smaller `prepare.max_vocabulary` or `space.embedding` is faster"
        warnings.warn(f"{who}: {cost} {took}; {fix}", InputWarning, stacklevel=2)
