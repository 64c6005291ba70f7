"""The loss, the metrics and the predictions of each kind of task.

A loss is a sum and a count, and metrics are made of a row per sequence (`seqarena.tasks.metric`),
so that ragged batches and shards come to the same figures as one large batch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from seqarena.data.batches import Batch
from seqarena.data.store import Array, DataSpec
from seqarena.decode import Decoding
from seqarena.errors import InputError
from seqarena.models.attention.memory import Attention
from seqarena.models.attention.steps import AttentionOverAll, AttentionOverPast, StepAttention
from seqarena.models.heads import Head, PooledHead, StepHead
from seqarena.models.hyperparameters import MIXTURE, Space
from seqarena.models.model import SequenceModel
from seqarena.models.outputs import Logits, Output
from seqarena.models.regularisation.dropout import MASKS, STEP
from seqarena.models.variant import Variant
from seqarena.models.variants import build_model
from seqarena.tasks.metric import Metric, Scored
from seqarena.tasks.mixup import MIXUP, mixed

NO_STEPS = "labels steps by a CRF, and no steps are labelled here"
NO_NEXT = "takes in what a trigram says comes next, and nothing does here"
WRITES = {  # what a decoder is named for, and nothing else is compared by
    "ctc": "writes by CTC",
    "ctc_lstm": "writes by CTC too",
    "pointer": "copies what it reads",
}
Predicted = TypeVar("Predicted", bound=Output)


class Task(ABC, Generic[Predicted, Scored]):
    """One kind of question about a sequence.

    It predicts from one kind of output, and is scored by another that has seen the targets.
    """

    metrics: ClassVar[Mapping[str, Metric[Any]]]
    modalities: ClassVar[frozenset[str]]
    targets: ClassVar[frozenset[str]]  # what the items of data may be labelled with
    of_one_class: ClassVar[bool] = False  # each sequence: then `balance` lets classes count alike
    space: ClassVar[Space] = {}  # the hyperparameters that it adds

    def model(
        self, variant: str, spec: DataSpec, hyperparameters: Mapping[str, Any]
    ) -> SequenceModel:
        """Build a variant with the head of this task."""

        def head(variant: Variant, width: int, attention: Attention | None) -> Head:
            return self.head(variant, width, attention, spec, hyperparameters)

        return build_model(variant, spec, hyperparameters, head)

    @abstractmethod
    def head(
        self,
        variant: Variant,
        width: int,
        attention: Attention | None,
        spec: DataSpec,
        hyperparameters: Mapping[str, Any],
    ) -> Head:
        """Build the head of this task over encoder states ``(B, S, width)``."""

    def added_space(self, variant: Variant, modality: str) -> Space:
        """Return the dimensions that it adds for a variant over a modality."""
        return self.space

    def incompatibility(self, variant: Variant) -> str | None:
        """Return why a variant does not fit this task, or None if it does."""
        if variant.crf:
            return NO_STEPS
        if MIXTURE in variant.space:
            return NO_NEXT
        writes = "feeds on what it writes" if variant.input_feeding else WRITES.get(variant.decoder)
        return f"{writes}, and nothing is written here" if writes else None

    @abstractmethod
    def outputs(self, spec: DataSpec) -> int:
        """Return how many numbers the head gives per prediction."""

    @abstractmethod
    def forward(
        self, model: SequenceModel, batch: Batch, spec: DataSpec, decoding: Decoding | None = None
    ) -> Predicted:
        """Run a batch without its targets.

        Raises `InputError` for a decoding method where the task writes no tokens.
        """

    def generate(
        self,
        model: SequenceModel,
        steps: Array,
        spec: DataSpec,
        decoding: Decoding,
        max_length: int,
    ) -> list[dict[str, Any]]:
        """Continue one sequence ``(T, *)`` by at most `max_length` steps; best first.

        Raises `InputError` where models do not predict the next step.
        """
        raise InputError("generate: this experiment's models do not tell what comes next")

    def score(self, model: SequenceModel, steps: Array, spec: DataSpec) -> list[tuple[str, float]]:
        """Return each step after the first of ``(T, *)``, and the end if any, with its ``log P``.

        Raises `InputError` where models do not predict the next step.
        """
        raise InputError("score: this experiment's models do not tell what comes next")

    @abstractmethod
    def forward_with_targets(
        self, model: SequenceModel, batch: Batch, spec: DataSpec, metrics: Collection[str]
    ) -> Scored:
        """Run a batch with its targets, so that `loss` and `metrics` can be computed.

        Only what these take is computed.
        """

    @abstractmethod
    def predictions(self, output: Scored) -> list[Any]:
        """Return the prediction for each sequence of a batch."""

    def attention_of(self, output: Predicted | Scored, place: int) -> Array | None:
        """Return the attention ``(heads, U, S)`` of one sequence of a batch over its real steps."""
        if output.weights is None:
            return None
        length = int(output.lengths[place])
        return output.weights[place, ..., :length].float().cpu().numpy()

    @abstractmethod
    def output_from_predictions(self, predictions: list[Any], batch: Batch) -> Output:
        """Turn predictions, of a baseline for example, into one that metrics take."""

    @abstractmethod
    def loss(self, output: Logits | Scored, batch: Batch) -> tuple[Tensor, int]:
        """Return the summed loss of the batch and how many terms it sums."""

    def training_loss(
        self, output: Logits, batch: Batch, hyperparameters: Mapping[str, Any]
    ) -> tuple[Tensor, int]:
        """Return the loss that training minimises, in the form of `loss`."""
        return self.loss(output, batch)

    def learn(
        self, model: SequenceModel, batch: Batch, state: Any, hyperparameters: Mapping[str, Any]
    ) -> tuple[Logits, Tensor, int]:
        """Run a batch in training, from a state if any: the output, and its `training_loss`."""
        output: Logits = model(batch, state)
        return output, *self.training_loss(output, batch, hyperparameters)

    @abstractmethod
    def predict(self, output: Predicted, batch: Batch, spec: DataSpec) -> list[dict[str, Any]]:
        """Turn an output into predictions with names and units, one per sequence."""


AnyTask = Task[Any, Any]


class PooledTask(Task[Logits, Logits]):
    """One prediction for a whole sequence."""

    def added_space(self, variant: Variant, modality: str) -> Space:
        """Frames may be mixed: between two pictures of a clip lies another."""
        return {**self.space, **({MIXUP: 0.0} if modality == "video" else {})}

    def learn(
        self, model: SequenceModel, batch: Batch, state: Any, hyperparameters: Mapping[str, Any]
    ) -> tuple[Logits, Tensor, int]:
        alpha = hyperparameters.get(MIXUP, 0.0)
        if not alpha:
            return super().learn(model, batch, state, hyperparameters)
        mixture = mixed(batch, alpha)
        output, loss, count = super().learn(model, mixture.batch, state, hyperparameters)
        of_other, _ = self.training_loss(output, mixture.other, hyperparameters)
        return output, mixture.share * loss + (1 - mixture.share) * of_other, count

    def head_type(self, variant: Variant) -> type[PooledHead]:
        """Return what tells the answers of a variant from its states."""
        return PooledHead

    def head(
        self,
        variant: Variant,
        width: int,
        attention: Attention | None,
        spec: DataSpec,
        hyperparameters: Mapping[str, Any],
    ) -> Head:
        kind = self.head_type(variant)
        return kind(width, attention, self.outputs(spec), hyperparameters["dropout"])

    def forward(
        self, model: SequenceModel, batch: Batch, spec: DataSpec, decoding: Decoding | None = None
    ) -> Logits:
        return run(model, batch, decoding)

    def forward_with_targets(
        self, model: SequenceModel, batch: Batch, spec: DataSpec, metrics: Collection[str]
    ) -> Logits:
        return run(model, batch)

    def predictions(self, output: Logits) -> list[Any]:
        return list(output.logits.cpu().numpy())

    def output_from_predictions(self, predictions: list[Any], batch: Batch) -> Logits:
        return Logits(logits=torch.from_numpy(np.stack(predictions)), lengths=batch.lengths)


class StepTask(Task[Predicted, Scored]):
    """A prediction at every step: targets are as long as the sequence.

    Attention sees what a state of the variant may depend on.
    """

    def head_type(self, variant: Variant) -> type[StepHead]:
        """Return what tells the answers of a variant from its states."""
        return StepHead

    def head(
        self,
        variant: Variant,
        width: int,
        attention: Attention | None,
        spec: DataSpec,
        hyperparameters: Mapping[str, Any],
    ) -> Head:
        over, dropout = looking_at(variant), hyperparameters["dropout"]
        looks = None if attention is None else over(attention)
        head = self.head_type(variant)(width, looks, self.outputs(spec), dropout)
        head.output[0] = MASKS[hyperparameters.get("dropout_mask", STEP)](dropout)
        return head

    def attention_of(self, output: Predicted | Scored, place: int) -> Array | None:
        weights = super().attention_of(output, place)
        return None if weights is None else weights[:, : int(output.lengths[place])]


def looking_at(variant: Variant) -> type[StepAttention]:
    """Return how far attention sees where each step has an answer of its own."""
    return AttentionOverPast if variant.context == "causal" else AttentionOverAll


def run(model: SequenceModel, batch: Batch, decoding: Decoding | None = None) -> Logits:
    """Run a model that writes no tokens.

    Raises `InputError` for a decoding method.
    """
    if decoding is not None:
        raise InputError("--decoding: this experiment's models write nothing")
    output: Logits = model(batch)
    return replace(output, logits=output.logits.float())


def cross_entropies(
    logits: Tensor, targets: Tensor, ignored: int, smoothing: float = 0.0
) -> Tensor:
    """Return ``-log P`` of each target ``(B, T)`` under logits ``(B, T, K)``, 0 where ignored.

    With `smoothing` that share of a target is spread over all K (Szegedy et al. 2016, section 7).
    Steps are laid end to end: over classes on dim 1 of three the kernel takes twice as long.
    """
    flat = F.cross_entropy(
        logits.flatten(0, 1),
        targets.long().flatten(),
        ignore_index=ignored,
        reduction="none",
        label_smoothing=smoothing,
    )
    return flat.view(targets.shape)


def trimmed(steps: Tensor, lengths: Tensor) -> list[Array]:
    """Cut the padding off ``(B, T, *)``."""
    predictions = steps.float().cpu().numpy()
    return [row[:length] for row, length in zip(predictions, lengths.tolist(), strict=True)]


def padded(predictions: list[Array]) -> Tensor:
    """Pad rows ``(T, *)`` with zeros to ``(B, T, *)``."""
    return pad_sequence([torch.from_numpy(row) for row in predictions], batch_first=True).float()
