"""Searches over a small random language, against every sequence that it has."""

from __future__ import annotations

import itertools
import math
from copy import copy

import pytest
import torch
from torch import Tensor

from seqarena.decode import Hypothesis, State, Step, beam_search, greedy, nucleus, sample

END = 0
VOCABULARY, LONGEST, COUNT = 3, 4, 5


class Bigrams:
    """The next token depends on the last one, on the source and on how many came before."""

    end = END

    def __init__(self, count: int = COUNT, vocabulary: int = VOCABULARY) -> None:
        generator = torch.Generator().manual_seed(1)
        shape = (count, LONGEST + 2, vocabulary, vocabulary)
        self.logits = torch.randn(shape, generator=generator, dtype=torch.float64) * 1.5
        shape = (count, vocabulary, 2, 4)  # two heads over four steps
        self.looks = torch.rand(shape, generator=generator, dtype=torch.float64)
        self.looks /= self.looks.sum(3, keepdim=True)
        self.rows = torch.arange(count)
        self.calls = 0

    def only(self, rows: Tensor) -> Bigrams:
        """The same language, for these sources."""
        other = copy(self)
        other.rows = rows
        return other

    def start(self) -> tuple[Tensor, State]:
        count = len(self.rows)
        step, last = torch.zeros(2, count, 1, dtype=torch.long)
        return last + END, State((self.rows,), (step,), torch.full((count,), 4))

    def step(self, tokens: Tensor, state: State) -> Step:
        self.calls += 1
        (rows,), (step,) = state.memory, state.hypotheses
        assert rows.shape[0] == tokens.shape[0] and step.shape == tokens.shape
        logits = self.logits[rows[:, None], step, tokens]
        return Step(
            logits, state._replace(hypotheses=(step + 1,)), self.looks[rows[:, None], tokens]
        )


def log_probability(model: Bigrams, row: int, tokens: tuple[int, ...]) -> float:
    """The chain rule."""
    total, last = 0.0, END
    for step, token in enumerate(tokens):
        total += float(torch.log_softmax(model.logits[row, step, last], 0)[token])
        last = token
    return total


def every_sequence(vocabulary: int = VOCABULARY) -> list[tuple[int, ...]]:
    """All that end within the longest, and all that are cut there."""
    words = [token for token in range(vocabulary) if token != END]
    ended = [
        (*tokens, END) for n in range(LONGEST) for tokens in itertools.product(words, repeat=n)
    ]
    return ended + list(itertools.product(words, repeat=LONGEST))


def coverage(model: Bigrams, row: int, tokens: tuple[int, ...]) -> float:
    before = (END, *tokens[:-1])
    seen = sum(model.looks[row, last].mean(0) for last in before)
    assert isinstance(seen, Tensor)
    return float(seen.clamp(max=1.0).log().sum())


@pytest.mark.parametrize("length_penalty", [0.0, 0.7, 1.5])
@pytest.mark.parametrize("coverage_penalty", [0.0, 0.3])
def test_a_wide_beam_finds_what_brute_force_finds(
    length_penalty: float, coverage_penalty: float
) -> None:
    model = Bigrams()
    found = beam_search(
        model,
        LONGEST,
        width=64,  # wider than the vocabulary, and than all beginnings
        length_penalty=length_penalty,
        coverage_penalty=coverage_penalty,
        best=4,
    )
    for row, hypotheses in enumerate(found):

        def score(tokens: tuple[int, ...], row: int = row) -> float:
            divisor = ((5 + len(tokens)) / 6) ** length_penalty  # Wu et al. 2016, eq. 14
            ranked = log_probability(model, row, tokens) / divisor
            return ranked + coverage_penalty * coverage(model, row, tokens)

        wanted = sorted(every_sequence(), key=score, reverse=True)[:4]
        assert [h.tokens for h in hypotheses] == [
            [token for token in tokens if token != END] for tokens in wanted
        ]
        for hypothesis, tokens in zip(hypotheses, wanted, strict=True):
            assert hypothesis.score == pytest.approx(score(tokens), abs=1e-5)
            assert hypothesis.log_probability == pytest.approx(
                log_probability(model, row, tokens), abs=1e-5
            )


def tokens_of(hypotheses: list[Hypothesis]) -> list[list[int]]:
    return [h.tokens for h in hypotheses]


@pytest.mark.parametrize("vocabulary", [2, 3, 7])
def test_a_beam_of_one_is_greedy(vocabulary: int) -> None:
    model = Bigrams(40, vocabulary)
    narrow = [best for (best,) in beam_search(model, LONGEST, width=1)]
    straight = greedy(model, LONGEST)
    assert tokens_of(narrow) == tokens_of(straight)
    for one, other in zip(narrow, straight, strict=True):
        assert one.log_probability == pytest.approx(other.log_probability, abs=1e-5)
        assert one.weights is not None and other.weights is not None
        torch.testing.assert_close(one.weights, other.weights)


def test_greedy_takes_the_likeliest_at_every_step() -> None:
    model = Bigrams()
    for row, hypothesis in enumerate(greedy(model, LONGEST)):
        tokens, last = [], END
        for step in range(LONGEST):
            last = int(model.logits[row, step, last].argmax())
            if last == END:
                break
            tokens.append(last)
        assert hypothesis.tokens == tokens
        whole = (*tokens, END)[:LONGEST]
        assert hypothesis.log_probability == pytest.approx(
            log_probability(model, row, whole), abs=1e-5
        )
        assert hypothesis.weights is not None and hypothesis.weights.shape == (2, len(whole), 4)


@pytest.mark.parametrize("width", [1, 2, 5])
def test_a_sequence_is_decoded_the_same_alone_and_in_a_batch(width: int) -> None:
    model = Bigrams(12, 5)
    together = beam_search(model, LONGEST, width=width, length_penalty=1.0)
    for row in range(12):
        one = model.only(torch.tensor([row]))
        (alone,) = beam_search(one, LONGEST, width=width, length_penalty=1.0)
        assert alone[0].tokens == together[row][0].tokens
        assert alone[0].score == pytest.approx(together[row][0].score)


def test_a_wider_beam_never_ranks_lower_than_greedy() -> None:
    model = Bigrams(60, 7)
    straight = greedy(model, LONGEST)
    wide = beam_search(model, LONGEST, width=8)
    gains = [b[0].log_probability - g.log_probability for b, g in zip(wide, straight, strict=True)]
    assert min(gains) > -1e-5 and max(gains) > 0.1


def test_a_search_ends_with_its_last_sequence() -> None:
    model = Bigrams()
    model.logits[..., END] = 50.0
    assert tokens_of(greedy(model, LONGEST)) == [[]] * COUNT
    assert model.calls == 1
    assert [h[0].tokens for h in beam_search(model, LONGEST, width=3)] == [[]] * COUNT


def test_what_can_only_end_ends() -> None:
    model = Bigrams(2, 1)
    assert [h[0].tokens for h in beam_search(model, LONGEST, width=5, best=3)] == [[], []]


def test_samples_come_as_often_as_they_are_likely() -> None:
    model, draws = Bigrams(1), 20_000
    drawn = sample(model.only(torch.zeros(draws, dtype=torch.long)), LONGEST, seed=0)
    for tokens in every_sequence():
        words = [token for token in tokens if token != END]
        wanted = math.exp(log_probability(model, 0, tokens))
        share = sum(h.tokens == words for h in drawn) / draws
        deviation = math.sqrt(wanted * (1 - wanted) / draws)
        assert share == pytest.approx(wanted, abs=5 * deviation + 1e-4)


def test_a_cold_sample_is_greedy() -> None:
    model = Bigrams(20, 5)
    straight = tokens_of(greedy(model, LONGEST))
    assert tokens_of(sample(model, LONGEST, temperature=1e-4)) == straight
    assert tokens_of(sample(model, LONGEST, top_k=1)) == straight
    assert tokens_of(sample(model, LONGEST, top_p=1e-9)) == straight


def test_the_nucleus_is_the_smallest_set_with_the_mass() -> None:
    logits = torch.tensor([[0.1, 0.5, 0.15, 0.25]]).log()
    kept = [nucleus(logits, None, p).isfinite().squeeze(0).tolist() for p in (0.5, 0.7, 0.76, 1.0)]
    assert kept[0] == [False, True, False, False]
    assert kept[1] == [False, True, False, True]
    assert kept[2] == [False, True, True, True]
    assert kept[3] == [True, True, True, True]
    assert nucleus(logits, 3, 1.0).isfinite().squeeze(0).tolist() == [False, True, True, True]
