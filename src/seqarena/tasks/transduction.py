"""One sequence into another: translation, recognition, and other tasks that write tokens."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from seqarena.data.batches import Batch
from seqarena.data.store import Array, DataSpec
from seqarena.data.tokens import PAD
from seqarena.decode import Decoding, Hypothesis, ctc_alignment
from seqarena.models.attention.memory import Attention
from seqarena.models.heads import Head, Writer
from seqarena.models.hyperparameters import MIXTURE, Space
from seqarena.models.model import SequenceModel
from seqarena.models.outputs import CTCLogits, Logits
from seqarena.models.variant import Variant
from seqarena.models.writing.ctc import ctc_nll
from seqarena.models.writing.decoders import decoder_for
from seqarena.models.writing.joint import CTC_WEIGHT, JointLogits
from seqarena.tasks.base import NO_NEXT, NO_STEPS, Task, cross_entropies
from seqarena.tasks.metric import PERPLEXITY, Mean
from seqarena.tasks.outputs import Taught, Written
from seqarena.tasks.text_scores import TEXT_SCORES, written

LONGER = 1.5  # a hypothesis may be this many times as long as the longest target of train


def _nll(output: Logits, batch: Batch) -> Tensor:
    """Return ``-log P`` of each true text, ``(B,)``."""
    if isinstance(output, CTCLogits):
        return ctc_nll(output.logits, output.lengths, batch)
    return cross_entropies(output.logits, batch.targets, PAD).sum(1)


def nats(output: Taught, batch: Batch, spec: DataSpec) -> tuple[Tensor, Tensor]:
    """Return each true text's ``-log P`` and its number of tokens, ``(B,)`` each.

    Of a text that CTC cannot spell it is infinite, as in `loss`: only what trains is spared that.
    """
    assert batch.target_lengths is not None
    return _nll(output.truth, batch), batch.target_lengths


class Transduction(Task[Written, Taught]):
    """A text is written for each sequence (Graves 2012; Sutskever et al. 2014).

    Cross-entropy of the next token, or CTC. ``perplexity`` is of the true texts, per token; the
    others compare what is written, see `seqarena.tasks.text_scores`.
    """

    metrics: ClassVar = {
        **TEXT_SCORES,
        "perplexity": Mean(PERPLEXITY, nats, torch.exp, needs=Taught),  # no baseline gives it
    }
    modalities = frozenset({"text", "audio", "signal", "video", "image"})
    targets = frozenset({"words", "characters", "subwords"})
    space: ClassVar = {
        "embedding": 64,
        "embedding_std": 1.0,
        "label_smoothing": 0.0,  # the share of a true token that the training loss spreads
        "scheduled_sampling": 0.0,  # the share of its own tokens read at the end of training
    }

    def added_space(self, variant: Variant, modality: str) -> Space:
        """CTC reads no tokens, and its loss is over alignments, not over tokens one by one."""
        return {} if variant.decoder == "ctc" else self.space

    def incompatibility(self, variant: Variant) -> str | None:
        return NO_NEXT if MIXTURE in variant.space else NO_STEPS if variant.crf else None

    def outputs(self, spec: DataSpec) -> int:
        return len(spec.target_vocabulary)

    def head(
        self,
        variant: Variant,
        width: int,
        attention: Attention | None,
        spec: DataSpec,
        hyperparameters: Mapping[str, Any],
    ) -> Head:
        return decoder_for(variant, width, attention, spec, hyperparameters)

    def loss(self, output: Logits | Taught, batch: Batch) -> tuple[Tensor, int]:
        assert batch.target_lengths is not None
        logits = output.truth if isinstance(output, Taught) else output
        return _nll(logits, batch).sum(), int(batch.target_lengths.sum())

    def training_loss(
        self, output: Logits, batch: Batch, hyperparameters: Mapping[str, Any]
    ) -> tuple[Tensor, int]:
        """Smooth the labels if `label_smoothing` is set (Vaswani et al. 2017, section 5.4).

        Where CTC learns beside a decoder, both count by `ctc_weight`.
        """
        assert batch.target_lengths is not None
        if isinstance(output, CTCLogits):
            losses = ctc_nll(output.logits, output.lengths, batch, learning=True)
            return losses.sum(), int(batch.target_lengths.sum())
        smoothing = hyperparameters.get("label_smoothing", 0.0)
        losses = cross_entropies(output.logits, batch.targets, PAD, smoothing).sum(1)
        if isinstance(output, JointLogits):
            aligned = ctc_nll(output.ctc, output.lengths, batch, learning=True)
            losses = torch.lerp(losses, aligned, hyperparameters[CTC_WEIGHT])
        return losses.sum(), int(batch.target_lengths.sum())

    def forward(
        self, model: SequenceModel, batch: Batch, spec: DataSpec, decoding: Decoding | None = None
    ) -> Written:
        """Write for a batch, greedily by default."""
        assert isinstance(model.head, Writer)
        encoded = model.encode(batch)
        max_length = math.ceil(LONGER * spec.max_target_length)
        written = model.head.write(encoded, decoding or Decoding(), max_length)
        return Written(
            lengths=encoded.lengths,
            hypotheses=[best for best, *_ in written],
            n_best=[rest for _, *rest in written],
        )

    def forward_with_targets(
        self, model: SequenceModel, batch: Batch, spec: DataSpec, metrics: Collection[str]
    ) -> Taught:
        assert isinstance(model.head, Writer)
        encoded = model.encode(batch)
        truth: Logits = model.head(encoded, batch)
        truth = replace(truth, logits=truth.logits.float())
        max_length = math.ceil(LONGER * spec.max_target_length)
        hypotheses = [best for (best,) in model.head.write(encoded, Decoding(), max_length)]
        return Taught(lengths=encoded.lengths, hypotheses=hypotheses, truth=truth)

    def predictions(self, output: Written) -> list[Any]:
        # Without the attention: torch moves the tensors that go to another process, and what
        # `attention_of` gave is a view of them.
        return [hypothesis._replace(weights=None) for hypothesis in output.hypotheses]

    def attention_of(self, output: Written, place: int) -> Array | None:
        best, length = output.hypotheses[place], int(output.lengths[place])
        if isinstance(output, Taught) and isinstance(output.truth, CTCLogits) and best.tokens:
            return ctc_alignment(output.truth.logits[place, :length].cpu(), best.tokens)[None]
        if best.weights is None:
            return None
        return best.weights[..., :length].numpy()  # of the hypothesis, not of the true text

    def output_from_predictions(self, predictions: list[Any], batch: Batch) -> Written:
        return Written(lengths=batch.lengths, hypotheses=predictions)

    def predict(self, output: Written, batch: Batch, spec: DataSpec) -> list[dict[str, Any]]:
        predictions = [_plain(hypothesis, spec) for hypothesis in output.hypotheses]
        for prediction, n_best in zip(predictions, output.n_best or (), strict=False):
            if n_best:
                prediction["n_best"] = [_plain(hypothesis, spec) for hypothesis in n_best]
        return predictions


def _plain(hypothesis: Hypothesis, spec: DataSpec) -> dict[str, Any]:
    return {
        "text": written(hypothesis.tokens, spec),
        "log_probability": hypothesis.log_probability,
        "score": hypothesis.score,
        "tokens": [spec.target_vocabulary[token] for token in hypothesis.tokens],
    }
