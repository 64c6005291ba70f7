"""Scores of a written text against the true one, made of additive statistics."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from seqarena.data.store import Array
from seqarena.tasks.metric import ERROR, PERCENT, SHARE

Texts = Sequence[str]


class TextScore(ABC):
    """One score; sentences have statistics, their sum has a score."""

    metric = SHARE

    @abstractmethod
    def statistics(self, hypotheses: Texts, truth: Texts) -> Array:
        """Return the statistics of each sentence, ``(N, K)``."""

    def score(self, statistics: Array) -> float:
        """Score summed statistics ``(K,)``: the first over the second."""
        return float(statistics[0] / statistics[1])

    def alone(self, statistics: Array) -> float:
        """Score the statistics ``(K,)`` of a single sentence."""
        return self.score(statistics)


class SacreBLEU(TextScore):
    """BLEU or chrF as sacrebleu computes them (Papineni et al. 2002; Popović 2015; Post 2018).

    A sentence alone has the BLEU of those orders of n-grams that it has.
    """

    metric = PERCENT

    def __init__(self, name: str) -> None:
        self.name = name

    @cached_property
    def metrics(self) -> tuple[Any, Any]:
        """The metric of a corpus and that of a sentence."""
        from sacrebleu.metrics.bleu import BLEU  # here: training needs none of it
        from sacrebleu.metrics.chrf import CHRF

        return (BLEU(), BLEU(effective_order=True)) if self.name == "BLEU" else (CHRF(), CHRF())

    def statistics(self, hypotheses: Texts, truth: Texts) -> Array:
        return np.array(self.metrics[0]._extract_corpus_statistics(hypotheses, [truth]))

    def score(self, statistics: Array) -> float:
        return float(self.metrics[0]._compute_score_from_stats(statistics.tolist()).score)

    def alone(self, statistics: Array) -> float:
        return float(self.metrics[1]._compute_score_from_stats(statistics.tolist()).score)


class ExactMatch(TextScore):
    """The share of texts in which every token is right."""

    def statistics(self, hypotheses: Texts, truth: Texts) -> Array:
        return np.array([(one == other, 1) for one, other in zip(hypotheses, truth, strict=True)])


class WordF1(TextScore):
    """F1 of the words of a text, whatever their order (Rajpurkar et al. 2016); mean over texts."""

    def statistics(self, hypotheses: Texts, truth: Texts) -> Array:
        return np.array(
            [(_f1(a.split(), b.split()), 1) for a, b in zip(hypotheses, truth, strict=True)]
        )


class ErrorRate(TextScore):
    """Edits from the hypothesis to the truth, over the length of the truth (jiwer)."""

    metric = ERROR

    def __init__(self, unit: str) -> None:
        self.unit = unit  # "words" or "characters"

    def statistics(self, hypotheses: Texts, truth: Texts) -> Array:
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
    "bleu": SacreBLEU("BLEU"),
    "chrf": SacreBLEU("chrF"),
    "exact_match": ExactMatch(),
    "word_f1": WordF1(),
    "wer": ErrorRate("words"),
    "cer": ErrorRate("characters"),
}
