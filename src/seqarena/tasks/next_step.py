"""What comes next, at every step: language models and models of music."""

from __future__ import annotations

import zlib
from abc import abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from seqarena.data.batches import Batch, mask_of
from seqarena.data.pitches import key_name
from seqarena.data.store import Array, DataSpec
from seqarena.data.tokens import END, JOINED, PAD, UNKNOWN
from seqarena.decode import Decoding
from seqarena.models.hyperparameters import MIXTURE, Space
from seqarena.models.interpolated import KNESER_NEY, NONE, Interpolated
from seqarena.models.model import SequenceModel
from seqarena.models.outputs import Logits
from seqarena.models.regularisation import activation_penalty
from seqarena.models.regularisation.activation_penalty import penalty
from seqarena.models.tied import OWN, TIED, tie
from seqarena.models.variant import Variant
from seqarena.models.writing.lm_stepper import LMStepper, continue_roll
from seqarena.tasks.base import StepTask, cross_entropies, padded, run, trimmed
from seqarena.tasks.metric import ERROR, PERPLEXITY, SHARE, Mean
from seqarena.tasks.outputs import Likelihood, RivalLikelihood

LIKELY = 10  # next tokens that a prediction names


def nats(output: Likelihood, batch: Batch, spec: DataSpec) -> tuple[Tensor, Tensor]:
    """Return each sequence's summed ``-log P`` and its number of steps, ``(B,)`` each."""
    assert batch.target_lengths is not None
    return output.nll.double().sum(1), batch.target_lengths


def preferred(output: RivalLikelihood, batch: Batch, spec: DataSpec) -> tuple[Tensor, Tensor]:
    """Return whether each text is likelier than its rival, of one, ``(B,)`` each."""
    return output.preferred, torch.ones_like(output.preferred)


class NextStep(StepTask[Logits, Likelihood]):
    """The next step from all before it; the nll of a step is its ``-log P``, in nats."""

    targets = frozenset({"next"})
    space: ClassVar[Space] = activation_penalty.SPACE

    def incompatibility(self, variant: Variant) -> str | None:
        if variant.context != "causal":
            return "looks ahead, and what comes next must not be seen"
        return super().incompatibility(variant)

    @abstractmethod
    def nll(self, output: Logits, batch: Batch) -> Tensor:
        """Return ``-log P`` of each true step ``(B, T)``, 0 in padding."""

    def forward(
        self, model: SequenceModel, batch: Batch, spec: DataSpec, decoding: Decoding | None = None
    ) -> Logits:
        return run(model, batch, decoding)

    def forward_with_targets(
        self, model: SequenceModel, batch: Batch, spec: DataSpec, metrics: Collection[str]
    ) -> Likelihood:
        """Run a batch; the logits are not kept."""
        output = run(model, batch)
        nll = self.nll(output, batch)
        return Likelihood(lengths=output.lengths, weights=output.weights, nll=nll)

    def loss(self, output: Logits | Likelihood, batch: Batch) -> tuple[Tensor, int]:
        assert batch.target_lengths is not None
        nll = output.nll if isinstance(output, Likelihood) else self.nll(output, batch)
        return nll.sum(), int(batch.target_lengths.sum())

    def training_loss(
        self, output: Logits, batch: Batch, hyperparameters: Mapping[str, Any]
    ) -> tuple[Tensor, int]:
        """Add what the states cost, see `activation_penalty`."""
        loss, count = self.loss(output, batch)
        assert output.states is not None
        assert batch.target_lengths is not None
        return loss + penalty(output.states, batch.target_lengths, hyperparameters), count

    def predictions(self, output: Likelihood) -> list[Any]:
        """Return the nll ``(T,)`` of each sequence's true steps."""
        return list(trimmed(output.nll, output.lengths))

    def output_from_predictions(self, predictions: list[Any], batch: Batch) -> Likelihood:
        return Likelihood(lengths=batch.lengths, nll=padded(predictions))


class LanguageModelling(NextStep):
    """The next token of a text (Mikolov et al. 2010).

    ``perplexity`` is the exponential of the mean nll per token, the end among them;
    ``preference`` the share of texts that are likelier than a copy in which one word is replaced,
    see `one_word_replaced`.
    """

    metrics: ClassVar = {
        "perplexity": Mean(PERPLEXITY, nats, torch.exp),
        "preference": Mean(SHARE, preferred, needs=RivalLikelihood),  # no baseline gives it
    }
    modalities = frozenset({"text"})
    space: ClassVar[Space] = {**activation_penalty.SPACE, "output_table": OWN, MIXTURE: NONE}

    def model(
        self, variant: str, spec: DataSpec, hyperparameters: Mapping[str, Any]
    ) -> SequenceModel:
        model = super().model(variant, spec, hyperparameters)
        if hyperparameters.get("output_table", OWN) == TIED:
            tie(model)
        if hyperparameters.get(MIXTURE, NONE) == KNESER_NEY:
            return Interpolated(model, self.outputs(spec))
        return model

    def added_space(self, variant: Variant, modality: str) -> Space:
        """A variant may be an interpolated one whatever others are."""
        return {name: variant.space.get(name, value) for name, value in self.space.items()}

    def incompatibility(self, variant: Variant) -> str | None:
        space = {name: value for name, value in variant.space.items() if name != MIXTURE}
        return super().incompatibility(replace(variant, space=space))

    def outputs(self, spec: DataSpec) -> int:
        return len(spec.vocabulary)

    def nll(self, output: Logits, batch: Batch) -> Tensor:
        return cross_entropies(output.logits, batch.targets, PAD)

    def forward_with_targets(
        self, model: SequenceModel, batch: Batch, spec: DataSpec, metrics: Collection[str]
    ) -> Likelihood:
        true = super().forward_with_targets(model, batch, spec, metrics)
        if "preference" not in metrics:
            return true
        other = one_word_replaced(batch, len(spec.vocabulary))
        rival = self.nll(run(model, other), other).sum(1)
        return RivalLikelihood(
            lengths=true.lengths,
            weights=true.weights,
            nll=true.nll,
            preferred=true.nll.sum(1) < rival,
        )

    def generate(
        self,
        model: SequenceModel,
        steps: Array,
        spec: DataSpec,
        decoding: Decoding,
        max_length: int,
    ) -> list[dict[str, Any]]:
        (hypotheses,) = decoding(LMStepper(model, torch.from_numpy(steps)[None].long()), max_length)
        before = [spec.vocabulary[int(token)] for token in steps[1:]]
        joined = JOINED[spec.options.get("units", "words")]
        return [
            {
                "text": joined([*before, *(spec.vocabulary[token] for token in one.tokens)]),
                "log_probability": one.log_probability,
                "score": one.score,
            }
            for one in hypotheses
        ]

    def score(self, model: SequenceModel, steps: Array, spec: DataSpec) -> list[tuple[str, float]]:
        inputs, truth = torch.from_numpy(np.stack([steps, np.append(steps[1:], END)]))[:, None]
        lengths = torch.tensor([len(steps)])
        batch = Batch(inputs, lengths, truth, lengths)
        (nll,) = self.nll(run(model, batch), batch).tolist()
        words = [*(spec.vocabulary[int(token)] for token in steps[1:]), "(end)"]
        return [(word, -nats) for word, nats in zip(words, nll, strict=True)]

    def predict(self, output: Logits, batch: Batch, spec: DataSpec) -> list[dict[str, Any]]:
        last = output.lengths - 1
        logits = output.logits[torch.arange(len(last), device=last.device), last].double()
        logits[:, [PAD, UNKNOWN]] = -torch.inf
        probabilities, tokens = torch.softmax(logits, 1).topk(min(LIKELY, logits.shape[1] - 2))
        words = [*spec.vocabulary[:END], "(end)", *spec.vocabulary[END + 1 :]]
        return [
            {"next": {words[token]: p for token, p in zip(*row, strict=True)}}
            for row in zip(tokens.tolist(), probabilities.tolist(), strict=True)
        ]


def one_word_replaced(batch: Batch, vocabulary: int) -> Batch:
    """Replace one word of each text by another of so many, decided by the text alone.

    Prepare lists words by falling frequency; by Zipf's law that of the n-th is about 1 / n, and so
    often it is drawn. The seed is a checksum of the text.
    """
    assert batch.target_lengths is not None
    inputs, targets = batch.inputs.cpu().clone(), batch.targets.cpu().clone()
    shares = 1 / np.arange(1, vocabulary - END)  # of the words, which come after the end token
    below = np.concatenate([[0.0], shares.cumsum()])
    for row, length in enumerate(batch.target_lengths.tolist()):
        text = targets[row, : length - 1].numpy().astype("<i4")
        if len(text) == 0 or len(shares) < 2:
            continue
        generator = np.random.default_rng(zlib.crc32(text.tobytes()))
        place = int(generator.integers(len(text)))
        word = int(text[place]) - END - 1  # below 0 if it is an unknown one
        own = shares[word] if word >= 0 else 0.0
        drawn = generator.random() * (below[-1] - own)
        if word >= 0 and drawn >= below[word]:
            drawn += own  # past the word that is to be replaced
        other = END + int(np.searchsorted(below[:-1], drawn, side="right"))
        targets[row, place] = other
        if place + 1 < length:
            inputs[row, place + 1] = other
    there = batch.inputs.device
    return batch._replace(inputs=inputs.to(there), targets=targets.to(there))


class MusicModelling(NextStep):
    """The keys of the next step, each on or off by itself given all steps before
    (Boulanger-Lewandowski et al. 2012); ``nll`` is ``-log P`` per step, summed over the keys.
    """

    metrics: ClassVar = {"nll": Mean(ERROR, nats)}
    modalities = frozenset({"music"})

    def outputs(self, spec: DataSpec) -> int:
        (keys,) = spec.feature_shape
        return keys

    def nll(self, output: Logits, batch: Batch) -> Tensor:
        assert batch.target_lengths is not None
        truth = batch.targets.to(output.logits.dtype)
        keys = F.binary_cross_entropy_with_logits(output.logits, truth, reduction="none")
        return keys.sum(2) * mask_of(batch.target_lengths, keys.shape[1])

    def generate(
        self,
        model: SequenceModel,
        steps: Array,
        spec: DataSpec,
        decoding: Decoding,
        max_length: int,
    ) -> list[dict[str, Any]]:
        """Return the beginning and its continuations as rolls ``(T, 88)`` of bytes."""
        begun = torch.from_numpy(steps)
        continued, totals = continue_roll(model, begun, decoding, max_length)
        heard = begun[1:].expand(len(continued), *begun[1:].shape)  # without the silence before it
        rolls = torch.cat([heard, continued], dim=1).to(torch.uint8).numpy()
        continuations = [
            {"log_probability": total, "frames": len(roll), "roll": roll}
            for roll, total in zip(rolls, totals.tolist(), strict=True)
        ]
        return sorted(continuations, key=lambda one: -one["log_probability"])

    def score(self, model: SequenceModel, steps: Array, spec: DataSpec) -> list[tuple[str, float]]:
        """Return each step with its ``log P``, named by its beat; a piece has no end token."""
        inputs, truth = torch.from_numpy(np.stack([steps[:-1], steps[1:]]))[:, None]
        lengths = torch.tensor([len(steps) - 1])
        batch = Batch(inputs, lengths, truth, lengths)
        (nll,) = self.nll(run(model, batch), batch).tolist()
        return [(f"{1 + n * spec.step_size:g}", -nats) for n, nats in enumerate(nll)]

    def predict(self, output: Logits, batch: Batch, spec: DataSpec) -> list[dict[str, Any]]:
        last = output.lengths - 1
        logits = output.logits[torch.arange(len(last), device=last.device), last].double()
        chances, keys = torch.sigmoid(logits).sort(dim=1, descending=True, stable=True)
        return [
            {"next": {key_name(key): p for key, p in zip(*row, strict=True)}}
            for row in zip(keys.tolist(), chances.tolist(), strict=True)
        ]
