"""Kneser-Ney against the published formula, written out one n-gram at a time."""

from __future__ import annotations

from collections import Counter
from math import log

import numpy as np
import pytest

from seqarena.baselines.kneser_ney import KneserNey, kneser_ney_trigram, unigram
from seqarena.data.store import Array, DataSpec, Prepared, write_spec
from seqarena.data.tokens import END, TARGET_SPECIALS, ids, learn_vocabulary, words
from seqarena.data.writing import write_sequences
from seqarena.datasets.hutto import sentences

SIZE = 12


def corpus(count: int, seed: int, size: int = SIZE) -> list[Array]:
    """Sentences of a chain that prefers some successors; the last two tokens never occur."""
    random = np.random.default_rng(seed)
    chances = np.random.default_rng(9).dirichlet(np.full(size - 5, 0.2), size)
    made = []
    for _ in range(count):
        tokens = [END]
        for _ in range(random.integers(1, 9)):
            tokens.append(int(random.choice(size - 5, p=chances[tokens[-1]])) + 3)
        made.append(np.array([*tokens[1:], END], np.int32))
    return made


class Written:
    """Interpolated modified Kneser-Ney as in section 3 of Chen and Goodman (1998), TR-10-98."""

    def __init__(self, train: list[Array], order: int) -> None:
        self.counts: dict[int, Counter[tuple[int, ...]]] = {order: Counter()}
        for tokens in train:
            padded = [END] * (order - 1) + tokens.tolist()
            for end in range(order, len(padded) + 1):
                self.counts[order][tuple(padded[end - order : end])] += 1
        for length in range(order - 1, 0, -1):
            # N1+(. w): how many different tokens stand before an n-gram
            self.counts[length] = Counter(ngram[1:] for ngram in self.counts[length + 1])
        self.discounts = {n: self.discount(counts) for n, counts in self.counts.items()}

    def discount(self, counts: Counter[tuple[int, ...]]) -> list[float]:
        n = Counter(counts.values())
        if 0 in (n[1], n[2], n[3]):
            return [0, 0.5, 1, 1.5]
        y = n[1] / (n[1] + 2 * n[2])
        found = [0] + [k - (k + 1) * y * n[k + 1] / n[k] for k in (1, 2, 3)]  # equation 26
        return found if min(found[1:]) > 0 else [0, 0.5, 1, 1.5]

    def probability(self, ngram: tuple[int, ...]) -> float:
        if not ngram:
            return 1 / (SIZE - 1)
        counts, d = self.counts[len(ngram)], self.discounts[len(ngram)]
        after = [c for known, c in counts.items() if known[:-1] == ngram[:-1]]
        lower = self.probability(ngram[1:])
        if not after:
            return lower
        one, two = after.count(1), after.count(2)
        gamma = (d[1] * one + d[2] * two + d[3] * (len(after) - one - two)) / sum(after)
        kept = counts[ngram] - d[min(counts[ngram], 3)]
        return kept / sum(after) + gamma * lower


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("count", [1, 40, 400])
def test_it_is_the_published_formula(count: int, order: int) -> None:
    train, test = corpus(count, seed=0), corpus(30, seed=1)
    test.append(np.array([SIZE - 1, 3, SIZE - 2, 1, END]))  # unseen histories, unseen tokens
    slow = Written(train, order)
    found = KneserNey(train, SIZE, order).log_probabilities(test)
    assert [len(logs) for logs in found] == [len(tokens) for tokens in test]
    for tokens, logs in zip(test, found, strict=True):
        padded = [END] * (order - 1) + tokens.tolist()
        ngrams = [tuple(padded[end - order : end]) for end in range(order, len(padded) + 1)]
        expected = [log(slow.probability(ngram)) for ngram in ngrams]
        np.testing.assert_allclose(logs, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("train", "kept", "freed"),
    [
        # Counts 1, 2, 3, 4 and the end's 1: Y = 2 / 4, D = 0.5, 0.5, 1.
        ([3, *[4] * 2, *[5] * 3, *[6] * 4], [0.5, 1.5, 2, 3], 2 * 0.5 + 0.5 + 2 * 1),
        # Five counts of 3 make D2 = 2 - 3 * 0.5 * 5, below nothing.
        ([3, *[4] * 2, *[5, 6, 7, 8, 9] * 3], [0.5, 1, 1.5, 1.5], 2 * 0.5 + 1 + 5 * 1.5),
    ],
)
def test_discounts_by_hand(train: list[int], kept: list[float], freed: float) -> None:
    model = KneserNey([np.array([*train, END])], SIZE, order=1)
    (logs,) = model.log_probabilities([np.array([3, 4, 5, 6, 10])])
    expected = np.array([*kept, 0]) + freed / (SIZE - 1)
    np.testing.assert_allclose(np.exp(logs) * (len(train) + 1), expected)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("history", [[], [4], [5, 3], [3, 4, 5], [SIZE - 1], [3, SIZE - 2], [1, 1]])
def test_probabilities_of_all_tokens_sum_to_1(history: list[int], order: int) -> None:
    model = KneserNey(corpus(200, seed=0), SIZE, order)
    nexts = [np.array([*history, token]) for token in range(1, SIZE)]
    chances = np.exp([logs[-1] for logs in model.log_probabilities(nexts)])
    assert chances.sum() == pytest.approx(1, abs=1e-9)
    assert chances.min() > 0
    assert chances[-1] == chances[-2], "the two that never occur have the same share"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """A fourth of the archive, as a language model reads it; every tenth sentence is for test."""
    texts = [words(sentence.text.lower()) for sentence in sentences()[::4]]
    test = texts[::10]
    parts = {"train": [tokens for tokens in texts if tokens not in test], "test": test}
    vocabulary = learn_vocabulary(parts["train"], TARGET_SPECIALS, min_count=2, most=None)
    index = {token: number for number, token in enumerate(vocabulary)}
    folder = tmp_path_factory.mktemp("language")
    for split, part in parts.items():
        targets = [np.append(ids(tokens, index), np.int32(END)) for tokens in part]
        inputs = [np.append(np.int32(END), tokens[:-1]) for tokens in targets]
        write_sequences(folder / split, inputs, targets, ({} for _ in part))
    spec = DataSpec(
        modality="text",
        feature_shape=(),
        max_length=max(map(len, texts)) + 1,
        step="token",
        step_size=1.0,
        vocabulary=vocabulary,
    )
    write_spec(folder / "spec.json", spec)
    return Prepared(folder)


def test_a_trigram_beats_the_unigram_on_held_out_text(prepared: Prepared) -> None:
    test = prepared.split("test")
    predictions = [baseline(prepared) for baseline in (unigram, kneser_ney_trigram)]
    for nlls in predictions:
        assert [len(nats) for nats in nlls] == test.target_lengths.tolist()
    alone, trigram = (np.exp(np.concatenate(nlls).mean()) for nlls in predictions)
    assert trigram < 0.6 * alone < 0.1 * len(prepared.spec.vocabulary)


def test_the_unigram_is_the_share_in_train(prepared: Prepared) -> None:
    train, test = (np.asarray(prepared.split(name).targets) for name in ("train", "test"))
    share = np.bincount(train, minlength=len(prepared.spec.vocabulary)) / len(train)
    common = np.flatnonzero(share > 1e-3)
    nats = np.concatenate(unigram(prepared))
    for token in common:
        assert np.exp(-nats[test == token]) == pytest.approx(share[token], rel=0.05)


def test_a_sequence_is_scored_alike_alone_and_among_others(prepared: Prepared) -> None:
    train, test = (prepared.split(name) for name in ("train", "test"))
    model = KneserNey([train.target(i) for i in range(len(train))], len(prepared.spec.vocabulary))
    one_by_one = [model.log_probabilities([test.target(i)])[0] for i in range(20)]
    for nats, alone in zip(kneser_ney_trigram(prepared), one_by_one, strict=False):
        np.testing.assert_array_equal(-nats, alone)
