"""A model over a whole split, without training: its outputs, its loss and its scores."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from seqarena.data.batches import Batch, Batches, moved
from seqarena.data.store import Array, DataSpec, Split
from seqarena.device import autocast
from seqarena.models.model import SequenceModel
from seqarena.parallel import ALONE, Group
from seqarena.tasks import AnyTask, Task
from seqarena.tasks.metric import Scored

if TYPE_CHECKING:  # so that a GPU machine with only torch can train
    from seqarena.config import Protocol


class Part(NamedTuple):
    """What one batch of a split adds to its loss and its scores."""

    loss: float  # summed
    terms: int
    rows: list[Tensor]  # statistics by each metric


def evaluate(
    model: SequenceModel,
    task: AnyTask,
    split: Split,
    spec: DataSpec,
    protocol: Protocol,
    metrics: Collection[str] | None = None,
    group: Group = ALONE,
) -> tuple[float, dict[str, float]]:
    """Run a split without training: mean loss and the scores by `metrics`, by default by all.

    The processes of a group share its batches, and all come to the same numbers.
    """
    wanted = list(task.metrics if metrics is None else metrics)
    parts: list[Part] = []
    for _, batch, output in predict_split(model, task, split, spec, protocol, wanted, group):
        loss, count = task.loss(output, batch)
        rows = []
        for name in wanted:
            metric = task.metrics[name]
            rows.append(metric.condensed(metric.statistics(output, batch, spec)).cpu())
        parts.append(Part(float(loss), count, rows))
    # In the order of one process, so that sums are the same to the last digit.
    whole = [part for turn in zip_longest(*group.collect(parts)) for part in turn if part]
    scores = {
        name: task.metrics[name].of(torch.cat([part.rows[place] for part in whole]))
        for place, name in enumerate(wanted)
    }
    return sum(part.loss for part in whole) / sum(part.terms for part in whole), scores


def predict_split(
    model: SequenceModel,
    task: Task[Any, Scored],
    split: Split,
    spec: DataSpec,
    protocol: Protocol,
    metrics: Collection[str] | None = None,
    group: Group = ALONE,
) -> Iterator[tuple[Array, Batch, Scored]]:
    """Run a whole split, batch by batch: the indices, the batch and the output.

    An output serves for `metrics`, by default for all. The processes of a group share the batches.
    """
    wanted = task.metrics if metrics is None else metrics
    model.eval()
    device = next(model.parameters()).device
    batches = Batches(split, 4 * protocol.batch_size)
    for indices, batch in moved(batches.in_order(group.rank, group.size), device):
        with torch.inference_mode(), autocast(device, protocol):
            output = task.forward_with_targets(model, batch, spec, wanted)
        yield indices, batch, output
