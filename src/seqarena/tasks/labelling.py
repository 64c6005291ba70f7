"""A class for each step: many to many, as many labels as steps."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from seqarena.data.batches import Batch
from seqarena.data.store import DataSpec
from seqarena.data.targets import NO_LABEL
from seqarena.decode import Decoding
from seqarena.models.crf import CRFHead, CRFLogits
from seqarena.models.heads import StepHead
from seqarena.models.model import SequenceModel
from seqarena.models.outputs import Logits
from seqarena.models.variant import Variant
from seqarena.tasks.base import StepTask, cross_entropies, padded, run, trimmed
from seqarena.tasks.class_metrics import UNLABELLED, BalancedAccuracy, MacroF1, accuracy
from seqarena.tasks.outputs import StepLabels
from seqarena.tasks.spans import SpanF1

FEWER = {"coarse": "several", "pooled": "all"}  # states than steps, by `Variant.context`


def _truth(batch: Batch) -> Tensor:
    """Return the class of each step ``(B, T)``, stored from 1 with 0 for none."""
    return batch.targets.long() - 1


def _said(output: Logits) -> Tensor:
    """Return the class ``(B, T)`` that is answered at each step."""
    return output.likeliest if isinstance(output, CRFLogits) else output.logits.argmax(2)


def _classes(output: Logits, batch: Batch) -> tuple[Tensor, Tensor]:
    return _said(output), _truth(batch)


class Labelling(StepTask[StepLabels, Logits]):
    """One of K classes per step; cross-entropy over the steps that have a label.

    The metrics are over such steps. A CRF has the cross-entropy of all labels together.
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
        if variant.context in FEWER:
            return f"has one state for {FEWER[variant.context]} steps"
        return super().incompatibility(replace(variant, crf=False))

    def head_type(self, variant: Variant) -> type[StepHead]:
        return CRFHead if variant.crf else StepHead

    def outputs(self, spec: DataSpec) -> int:
        return len(spec.classes)

    def forward(
        self, model: SequenceModel, batch: Batch, spec: DataSpec, decoding: Decoding | None = None
    ) -> StepLabels:
        output, mask = run(model, batch, decoding), None
        if spec.labelled_tokens:
            mask = torch.isin(batch.inputs, batch.inputs.new_tensor(spec.labelled_tokens))
        logits = output.log_marginals() if isinstance(output, CRFLogits) else output.logits
        return StepLabels(
            logits=logits,
            labels=_said(output),
            lengths=output.lengths,
            weights=output.weights,
            label_mask=mask,
        )

    def forward_with_targets(
        self, model: SequenceModel, batch: Batch, spec: DataSpec, metrics: Collection[str]
    ) -> Logits:
        return run(model, batch)

    def predictions(self, output: Logits) -> list[Any]:
        """Return a number for each class at each step ``(T, K)``, the greatest of what is said.

        Of a CRF 1 for that, 0 for others: what is likeliest together may not be step by step.
        """
        scores = output.logits
        if isinstance(output, CRFLogits):
            scores = F.one_hot(output.likeliest, scores.shape[2])
        return list(trimmed(scores, output.lengths))

    def output_from_predictions(self, predictions: list[Any], batch: Batch) -> Logits:
        return Logits(logits=padded(predictions), lengths=batch.lengths)

    def loss(self, output: Logits, batch: Batch) -> tuple[Tensor, int]:
        truth = _truth(batch)
        if isinstance(output, CRFLogits):
            losses = output.nll(truth)
        else:
            losses = cross_entropies(output.logits, truth, UNLABELLED)
        return losses.sum(), int((truth != UNLABELLED).sum())

    def predict(self, output: StepLabels, batch: Batch, spec: DataSpec) -> list[dict[str, Any]]:
        """Return a label per step; where only some need one, all classes for those steps.

        ``alternatives`` are by step, the first is 1: the label, the others by falling probability.
        """
        predictions: list[dict[str, Any]] = []
        for place, length in enumerate(output.lengths.tolist()):
            chances = torch.softmax(output.logits[place, :length].double(), dim=1)
            said = output.labels[place, :length]
            values = chances.gather(1, said[:, None]).squeeze(1).tolist()
            labels = [spec.classes[label] for label in said.tolist()]
            if output.label_mask is None:
                predictions.append({"labels": labels, "probabilities": values})
                continue
            mask = output.label_mask[place, :length].tolist()
            predictions.append(
                {
                    "labels": [s if a else NO_LABEL for s, a in zip(labels, mask, strict=True)],
                    "probabilities": [p if a else None for p, a in zip(values, mask, strict=True)],
                    "alternatives": {
                        step: _ranked(chances[step - 1], said[step - 1], spec.classes)
                        for step, asked in enumerate(mask, start=1)
                        if asked
                    },
                }
            )
        return predictions


def _ranked(chances: Tensor, said: Tensor, classes: tuple[str, ...]) -> dict[str, float]:
    order = chances.index_fill(0, said, 2.0).argsort(descending=True, stable=True)
    return {classes[label]: float(chances[label]) for label in order.tolist()}
