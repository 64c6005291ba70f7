"""Scores of a written text against the true one, made of additive statistics."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from seqarena.data.batches import Batch
from seqarena.data.store import Array, DataSpec
from seqarena.data.tokens import END, JOINED, UNKNOWN, words
from seqarena.tasks.metric import ERROR, PERCENT, SHARE, Additive
from seqarena.tasks.outputs import Written

UNKNOWN_TEXT = "\N{REPLACEMENT CHARACTER}"  # of a true token that no model can write
STEP = 1e-5  # of a sum, to either side, when a score is differentiated
FINE = 2**52  # parts of a word: a length of 1 or more is a whole number of them
Texts = Sequence[str]


class TextScore(Additive[Written]):
    """One score; by default the first of two sums over the second.

    Those of words take them as `words` splits a text, whatever the unit in which it was written.
    """

    of_words = False

    @abstractmethod
    def compare(self, hypotheses: Texts, truth: Texts) -> Array:
        """Return the statistics of each text, ``(N, K)``."""

    def statistics(self, output: Written, batch: Batch, spec: DataSpec) -> Tensor:
        hypotheses: Texts = [written(one.tokens, spec) for one in output.hypotheses]
        truth = _truth(batch, spec)
        if self.of_words and spec.target_unit != "words":
            hypotheses, truth = _in_words(hypotheses), _in_words(truth)
        return torch.from_numpy(self.compare(hypotheses, truth)).double()

    def score(self, sums: Tensor) -> Tensor:
        return sums[0] / sums[1]


def written(tokens: Sequence[int], spec: DataSpec) -> str:
    """Write tokens of the target vocabulary as a text."""
    return JOINED[spec.target_unit](spec.target_vocabulary[token] for token in tokens)


def _in_words(texts: Texts) -> Texts:
    return [" ".join(words(text)) for text in texts]


def _truth(batch: Batch, spec: DataSpec) -> Texts:
    unknown = spec.target_vocabulary[UNKNOWN]
    texts = (written(row[: row.index(END)], spec) for row in batch.targets.tolist())
    return [text.replace(unknown, UNKNOWN_TEXT) for text in texts]


class SacreBLEU(TextScore):
    """A score as sacrebleu computes it (Post 2018)."""

    def __init__(self) -> None:
        super().__init__(PERCENT)

    @cached_property
    @abstractmethod
    def metric(self) -> Any:
        """The metric of sacrebleu; imported here, for other metrics need none of it."""

    @abstractmethod
    def value(self, sums: list[float]) -> float:
        """Score summed statistics; they need not be whole numbers."""

    def compare(self, hypotheses: Texts, truth: Texts) -> Array:
        return np.array(self.metric._extract_corpus_statistics(hypotheses, [truth]))

    def score(self, sums: Tensor) -> Tensor:
        return cast(Tensor, Numerical.apply(sums, self.value))  # type: ignore[no-untyped-call]


class BLEU(SacreBLEU):
    """BLEU of a corpus (Papineni et al. 2002)."""

    of_words = True

    @cached_property
    def metric(self) -> Any:
        from sacrebleu.metrics import bleu

        return bleu.BLEU()

    def value(self, sums: list[float]) -> float:
        # sacrebleu wants whole lengths, but only their ratio matters to it.
        lengths = [int(length * FINE) for length in sums[:2]]
        order, counts = self.metric.max_ngram_order, sums[2:]
        found = self.metric.compute_bleu(
            counts[:order], counts[order:], *lengths, self.metric.smooth_method
        )
        return float(found.score)


class ChrF(SacreBLEU):
    """chrF of a corpus (Popović 2015)."""

    @cached_property
    def metric(self) -> Any:
        from sacrebleu.metrics import chrf

        return chrf.CHRF()

    def value(self, sums: list[float]) -> float:
        return float(self.metric._compute_score_from_stats(sums).score)


class Numerical(torch.autograd.Function):
    """A function of a kept library, differentiated by central differences."""

    @staticmethod
    def forward(ctx: Any, sums: Tensor, function: Callable[[list[float]], float]) -> Tensor:
        """Apply `function` to sums ``(K,)``."""
        ctx.sums, ctx.function = sums.tolist(), function
        return sums.new_tensor(function(sums.tolist()))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Go a little up and down each sum; one of 0 has only terms of 0, and is left out."""
        slopes = [0.0] * len(ctx.sums)
        for place, value in enumerate(ctx.sums):
            if value != 0:
                up, down = list(ctx.sums), list(ctx.sums)
                up[place], down[place] = value * (1 + STEP), value * (1 - STEP)
                run = up[place] - down[place]
                slopes[place] = (ctx.function(up) - ctx.function(down)) / run
        return gradients[0] * gradients[0].new_tensor(slopes), None


class ExactMatch(TextScore):
    """The share of texts in which every token is right."""

    def compare(self, hypotheses: Texts, truth: Texts) -> Array:
        return np.array([(one == other, 1) for one, other in zip(hypotheses, truth, strict=True)])


class WordF1(TextScore):
    """F1 of the words of a text, whatever their order (Rajpurkar et al. 2016); mean over texts."""

    of_words = True

    def compare(self, hypotheses: Texts, truth: Texts) -> Array:
        return np.array(
            [(_f1(a.split(), b.split()), 1) for a, b in zip(hypotheses, truth, strict=True)]
        )


class ErrorRate(TextScore):
    """Edits from the hypothesis to the truth, over the length of the truth (jiwer)."""

    def __init__(self, unit: str) -> None:
        super().__init__(ERROR)
        self.unit = unit  # "words" or "characters"
        self.of_words = unit == "words"

    def compare(self, hypotheses: Texts, truth: Texts) -> Array:
        import jiwer

        process = jiwer.process_words if self.unit == "words" else jiwer.process_characters
        rows = []
        for one, other in zip(hypotheses, truth, strict=True):
            found = process(other, one)
            right = found.hits + found.substitutions + found.deletions
            rows.append((found.substitutions + found.deletions + found.insertions, right))
        return np.array(rows)


def _f1(hypotheses: list[str], truth: list[str]) -> float:
    shared = sum((Counter(hypotheses) & Counter(truth)).values())
    return 2 * shared / (len(hypotheses) + len(truth))


TEXT_SCORES: dict[str, TextScore] = {
    "bleu": BLEU(),
    "chrf": ChrF(),
    "exact_match": ExactMatch(SHARE),
    "word_f1": WordF1(SHARE),
    "wer": ErrorRate("words"),
    "cer": ErrorRate("characters"),
}
