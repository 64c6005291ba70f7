"""A class for each step: many to many, as many labels as steps."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

import torch
from torch import Tensor

from seqarena.data.batches import Batch
from seqarena.data.store import DataSpec
from seqarena.data.targets import NO_LABEL
from seqarena.decode import Decoding
from seqarena.models.model import SequenceModel
from seqarena.models.outputs import Logits
from seqarena.models.variant import Variant
from seqarena.tasks.base import StepTask, cross_entropies, padded, run, trimmed
from seqarena.tasks.class_metrics import UNLABELLED, BalancedAccuracy, MacroF1, accuracy
from seqarena.tasks.outputs import StepLabels
from seqarena.tasks.spans import SpanF1


def _truth(batch: Batch) -> Tensor:
    """Return the class of each step ``(B, T)``, stored from 1 with 0 for none."""
    return batch.targets.long() - 1


def _classes(output: Logits, batch: Batch) -> tuple[Tensor, Tensor]:
    return output.logits.argmax(2), _truth(batch)


class Labelling(StepTask[StepLabels, Logits]):
    """One of K classes per step; cross-entropy over the steps that have a label.

    The metrics are over such steps.
    """

    metrics: ClassVar = {
        "accuracy": accuracy(_classes),
        "balanced_accuracy": BalancedAccuracy(_classes),
        "macro_f1": MacroF1(_classes),
        "span_f1": SpanF1(_classes),
    }
    modalities = frozenset({"text", "audio", "signal", "video"})
    targets = frozenset({"labels"})

    def incompatibility(self, variant: Variant) -> str | None:
        if variant.context == "pooled":
            return "has one state for all steps"
        return super().incompatibility(variant)

    def outputs(self, spec: DataSpec) -> int:
        return len(spec.classes)

    def forward(
        self, model: SequenceModel, batch: Batch, spec: DataSpec, decoding: Decoding | None = None
    ) -> StepLabels:
        output, mask = run(model, batch, decoding), None
        if spec.labelled_tokens:
            mask = torch.isin(batch.inputs, batch.inputs.new_tensor(spec.labelled_tokens))
        return StepLabels(
            logits=output.logits, lengths=output.lengths, weights=output.weights, label_mask=mask
        )

    def forward_with_targets(
        self, model: SequenceModel, batch: Batch, spec: DataSpec, metrics: Collection[str]
    ) -> Logits:
        return run(model, batch)

    def predictions(self, output: Logits) -> list[Any]:
        return list(trimmed(output.logits, output.lengths))

    def output_from_predictions(self, predictions: list[Any], batch: Batch) -> Logits:
        return Logits(logits=padded(predictions), lengths=batch.lengths)

    def loss(self, output: Logits, batch: Batch) -> tuple[Tensor, int]:
        truth = _truth(batch)
        loss = cross_entropies(output.logits, truth, UNLABELLED).sum()
        return loss, int((truth != UNLABELLED).sum())

    def predict(self, output: StepLabels, batch: Batch, spec: DataSpec) -> list[dict[str, Any]]:
        """Return a label per step; where only some need one, all classes for those steps.

        ``alternatives`` are by step, the first is 1, and by falling probability.
        """
        predictions: list[dict[str, Any]] = []
        for place, length in enumerate(output.lengths.tolist()):
            chances = torch.softmax(output.logits[place, :length].double(), dim=1)
            values, best = (part.tolist() for part in chances.max(1))
            labels = [spec.classes[label] for label in best]
            if output.label_mask is None:
                predictions.append({"labels": labels, "probabilities": values})
                continue
            mask = output.label_mask[place, :length].tolist()
            predictions.append(
                {
                    "labels": [s if a else NO_LABEL for s, a in zip(labels, mask, strict=True)],
                    "probabilities": [p if a else None for p, a in zip(values, mask, strict=True)],
                    "alternatives": {
                        step: _ranked(row, spec.classes)
                        for step, (row, a) in enumerate(zip(chances, mask, strict=True), start=1)
                        if a
                    },
                }
            )
        return predictions


def _ranked(chances: Tensor, classes: tuple[str, ...]) -> dict[str, float]:
    values, order = chances.sort(descending=True, stable=True)
    return {classes[label]: p for label, p in zip(order.tolist(), values.tolist(), strict=True)}
