"""A class for each step: many to many, in step with the sequence."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from seqarena.data.batches import Batch
from seqarena.data.store import DataSpec
from seqarena.models.model import Output
from seqarena.models.variants import Variant
from seqarena.tasks.base import Counts, StepTask, cross_entropies, padded, trimmed
from seqarena.tasks.classification import confusion_scores

UNLABELLED = -1  # a step of which no label is asked


class Labelling(StepTask):
    """One of K classes per step; cross-entropy over the steps that have a label.

    ``accuracy`` and ``macro_f1`` are over such steps, see `Classification`.
    """

    metrics: ClassVar = {"accuracy": True, "macro_f1": True}
    modalities = frozenset({"text", "audio", "signal", "video"})
    targets = frozenset({"labels"})

    def objection(self, variant: Variant) -> str | None:
        if variant.reads == "once":
            return "has one state for all steps"
        return super().objection(variant)

    def outputs(self, spec: DataSpec) -> int:
        return len(spec.classes)

    def rows(self, output: Output) -> list[Any]:
        return list(trimmed(output.logits, output.lengths))

    def claim(self, rows: list[Any], batch: Batch) -> Output:
        return Output(padded(rows), batch.lengths, None)

    def loss(self, output: Output, batch: Batch) -> tuple[Tensor, int]:
        truth = _truth(batch)
        loss = cross_entropies(output.logits, truth, UNLABELLED).sum()
        return loss, int((truth != UNLABELLED).sum())

    def counts(self, output: Output, batch: Batch, spec: DataSpec) -> Counts:
        k, truth = len(spec.classes), _truth(batch)
        labelled = truth != UNLABELLED
        pairs = (truth * k + output.logits.argmax(2))[labelled]
        return {"confusion": torch.bincount(pairs, minlength=k * k).view(k, k)}

    def scores(self, counts: Counts, spec: DataSpec) -> dict[str, float]:
        return confusion_scores(counts["confusion"])

    def per_example(self, metric: str, output: Output, batch: Batch, spec: DataSpec) -> Tensor:
        truth = _truth(batch)
        labelled = truth != UNLABELLED
        right = (output.logits.argmax(2) == truth) & labelled
        return right.sum(1).float() / labelled.sum(1).clamp(min=1)

    def predict(self, output: Output, spec: DataSpec) -> list[dict[str, Any]]:
        answers = []
        for row, length in zip(output.logits, output.lengths.tolist(), strict=True):
            probability, best = torch.softmax(row[:length].double(), dim=1).max(1)
            answers.append(
                {
                    "labels": [spec.classes[label] for label in best.tolist()],
                    "probabilities": probability.tolist(),
                }
            )
        return answers


def _truth(batch: Batch) -> Tensor:
    """Return the class of each step ``(B, T)``, stored from 1 with 0 for none."""
    return batch.targets.long() - 1
