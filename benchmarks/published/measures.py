"""What was measured, as those who published it did, of a trained model on a test split."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from seqarena.data.batches import Batch, Batches
from seqarena.data.store import Split
from seqarena.predict import BATCH, Predictor
from seqarena.tasks.labelling import UNLABELLED
from seqarena.tasks.next_step import MusicModelling


def _outputs(predictor: Predictor, split: Split) -> Iterator[tuple[Batch, Any]]:
    for _, batch in Batches(split, BATCH).in_order():
        with torch.inference_mode():
            yield batch, predictor.task.forward(predictor.model, batch, predictor.spec)


def later_frames(predictor: Predictor, split: Split) -> float:
    """Return the nats per frame of music, of all frames but the first of each piece."""
    assert isinstance(predictor.task, MusicModelling)
    total, frames = 0.0, 0
    for batch, output in _outputs(predictor, split):
        total += float(predictor.task.nll(output, batch)[:, 1:].double().sum())
        frames += int((batch.lengths - 1).sum())
    return total / frames


def squares(predictor: Predictor, split: Split) -> float:
    """Return the mean squared error in the unit of the data."""
    (_, deviation, _) = predictor.spec.scale[0]
    return scaled_squares(predictor, split) * float(deviation) ** 2


def scaled_squares(predictor: Predictor, split: Split) -> float:
    """Return the mean squared error of standardised targets."""
    errors: list[Tensor] = []
    for batch, output in _outputs(predictor, split):
        errors.append((output.logits.double() - batch.targets).square().flatten())
    return float(torch.cat(errors).mean())


def copy_loss(predictor: Predictor, split: Split) -> float:
    """Return the cross-entropy of the label of a step, in the mean of all steps."""
    losses: list[Tensor] = []
    for batch, output in _outputs(predictor, split):
        truth = batch.targets.long() - 1  # 0 is padding
        loss = F.cross_entropy(
            output.logits.double().flatten(0, 1),
            truth.flatten(),
            ignore_index=UNLABELLED,
            reduction="none",
        )
        losses.append(loss[truth.flatten() >= 0])
    return float(torch.cat(losses).mean())


def wrong_share(predictor: Predictor, split: Split) -> float:
    """Return how many classes are wrong, in per cent."""
    wrong = total = 0
    for batch, output in _outputs(predictor, split):
        wrong += int((output.logits.argmax(1) != batch.targets).sum())
        total += len(batch.targets)
    return 100 * wrong / total
