"""CTC searches and alignments, against every path that there is."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from seqarena.decode import Hypothesis, ctc_alignment, ctc_greedy, ctc_prefix_beam
from seqarena.errors import InputError

Tokens = tuple[int, ...]


def draw(seed: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(shape, generator=generator, dtype=torch.float64)


def read(path: Tokens, blank: int = 0) -> Tokens:
    return tuple(symbol for symbol, _ in itertools.groupby(path) if symbol != blank)


def paths(logits: Tensor) -> dict[Tokens, float]:
    """The probability of every path through the steps ``(T, V)``."""
    steps = torch.softmax(logits, 1).tolist()
    return {
        path: math.prod(step[symbol] for step, symbol in zip(steps, path, strict=True))
        for path in itertools.product(range(logits.shape[1]), repeat=len(steps))
    }


def brute_force(logits: Tensor, blank: int = 0) -> list[tuple[Tokens, float]]:
    """All that can be read and its log-probability, best first."""
    found: dict[Tokens, float] = defaultdict(float)
    for path, probability in paths(logits).items():
        found[read(path, blank)] += probability
    ranked = sorted(found.items(), key=lambda item: -item[1])
    return [(tokens, math.log(probability)) for tokens, probability in ranked]


def one_by_one(logits: Tensor, width: int) -> list[tuple[Tokens, float]]:
    """Prefix beam search of one sequence ``(T, V)``, as it is told."""
    beam = {(): (1.0, 0.0)}  # of paths that end in a blank, and that do not
    for step in torch.softmax(logits, 1).tolist():
        found: dict[Tokens, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for prefix, (blank, token) in beam.items():
            found[prefix][0] += (blank + token) * step[0]
            for symbol, chance in enumerate(step[1:], 1):
                if prefix and prefix[-1] == symbol:
                    found[prefix][1] += token * chance
                    found[(*prefix, symbol)][1] += blank * chance
                else:
                    found[(*prefix, symbol)][1] += (blank + token) * chance
        best = sorted(found.items(), key=lambda item: -sum(item[1]))[:width]
        beam = {prefix: (blank, token) for prefix, (blank, token) in best if blank + token > 0}
    return [(prefix, math.log(sum(both))) for prefix, both in beam.items()]


def listed(hypotheses: list[Hypothesis]) -> list[tuple[Tokens, float]]:
    assert all(h.score == h.log_probability for h in hypotheses)
    return [(tuple(h.tokens), h.log_probability) for h in hypotheses]


def assert_alike(found: list[tuple[Tokens, float]], wanted: list[tuple[Tokens, float]]) -> None:
    assert [tokens for tokens, _ in found] == [tokens for tokens, _ in wanted]
    np.testing.assert_allclose([p for _, p in found], [p for _, p in wanted], atol=1e-9)


def whole(logits: Tensor) -> Tensor:
    return torch.full((len(logits),), logits.shape[1])


def exact(logits: Tensor, hypothesis: Hypothesis) -> float:
    """The log-probability of all paths ``(T, V)`` that read so, by torch."""
    logs = torch.log_softmax(logits, 1)[:, None]
    tokens = torch.tensor([hypothesis.tokens], dtype=torch.long)
    sizes = torch.tensor([len(logits)]), torch.tensor([tokens.shape[1]])
    return -float(F.ctc_loss(logs, tokens, *sizes, reduction="sum"))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("steps", "vocabulary"), [(5, 4), (5, 2), (4, 3), (1, 4)])
def test_a_wide_beam_finds_what_brute_force_finds(seed: int, steps: int, vocabulary: int) -> None:
    logits = draw(seed, 3, steps, vocabulary)
    found = ctc_prefix_beam(logits, whole(logits), width=2_000, best=2_000)
    for each, hypotheses in zip(logits, found, strict=True):
        assert_alike(listed(hypotheses), brute_force(each))


@pytest.mark.parametrize("blank", [0, 2, 3])
def test_any_symbol_may_be_the_blank(blank: int) -> None:
    logits = draw(0, 1, 5, 4)
    (found,) = ctc_prefix_beam(logits, whole(logits), width=500, best=9, blank=blank)
    assert_alike(listed(found), brute_force(logits[0], blank)[:9])
    (greedy,) = ctc_greedy(logits, whole(logits), blank=blank)
    assert tuple(greedy.tokens) == read(tuple(logits[0].argmax(1).tolist()), blank)


@pytest.mark.parametrize("width", [1, 2, 3, 8])
@pytest.mark.parametrize("scale", [0.3, 1.0])
def test_a_narrow_beam_is_the_textbook_one(width: int, scale: float) -> None:
    logits = scale * draw(width, 20, 15, 4)  # so few symbols that prefixes leave and come again
    found = ctc_prefix_beam(logits, whole(logits), width=width, best=width)
    for each, hypotheses in zip(logits, found, strict=True):
        assert_alike(listed(hypotheses), one_by_one(each, width))


def test_a_beam_counts_no_more_than_all_paths() -> None:
    logits = draw(7, 30, 7, 3)
    means = []
    for width in (1, 4, 300):
        found = ctc_prefix_beam(logits, whole(logits), width=width)
        missed = [exact(x, h) - h.log_probability for x, (h,) in zip(logits, found, strict=True)]
        assert min(missed) > -1e-9
        means.append(np.mean(missed))
    assert means[0] > 2 * means[1] > 0.01
    assert means[2] < 1e-9


def test_a_beam_reads_what_a_path_does_not() -> None:
    logits = torch.tensor([[[0.6, 0.4], [0.6, 0.4]]]).log()
    (path,), ((prefix,),) = (
        search(logits, whole(logits)) for search in (ctc_greedy, ctc_prefix_beam)
    )
    assert path.tokens == [] and prefix.tokens == [1]
    assert path.log_probability == pytest.approx(math.log(0.36))
    assert prefix.log_probability == pytest.approx(math.log(0.64))


@pytest.mark.parametrize("seed", range(3))
def test_greedy_reads_the_likeliest_path(seed: int) -> None:
    logits = draw(seed, 4, 5, 4)
    for each, found in zip(logits, ctc_greedy(logits, whole(logits)), strict=True):
        best, probability = max(paths(each).items(), key=lambda item: item[1])
        assert_alike(listed([found]), [(read(best), math.log(probability))])


@pytest.mark.parametrize("width", [1, 8])
def test_where_a_model_is_sure_all_agree(width: int) -> None:
    path = torch.tensor([[0, 3, 3, 0, 3, 1, 2, 2, 0, 0], [1, 0, 1, 1, 1, 2, 0, 3, 0, 2]])
    logits = 30.0 * F.one_hot(path)
    found = ctc_prefix_beam(logits, whole(logits), width=width)
    assert [each[0].tokens for each in found] == [[3, 3, 1, 2], [1, 1, 2, 3, 2]]
    assert [each.tokens for each in ctc_greedy(logits, whole(logits))] == [
        each[0].tokens for each in found
    ]
    assert all(-1e-6 < each[0].log_probability <= 0 for each in found)


@pytest.mark.parametrize("padding", [-50.0, 50.0, math.nan])
def test_a_sequence_is_read_the_same_alone_and_in_a_batch(padding: float) -> None:
    logits, lengths = draw(3, 5, 9, 6).float(), torch.tensor([9, 0, 4, 1, 7])
    padded = logits.clone()
    for row, length in enumerate(lengths.tolist()):
        padded[row, length:] = padding
    beams, greedy = ctc_prefix_beam(padded, lengths, width=6, best=6), ctc_greedy(padded, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = logits[row : row + 1, :length]
        (beam,), (path,) = (
            ctc_prefix_beam(alone, whole(alone), 6, 6),
            ctc_greedy(alone, whole(alone)),
        )
        assert_alike(listed(beams[row]), listed(beam))
        assert_alike(listed([greedy[row]]), listed([path]))
    assert listed(beams[1]) == [((), 0.0)]


@pytest.mark.parametrize("tokens", [(1, 2), (1, 1), (3,), (2, 1, 2), (2, 2, 3), ()])
@pytest.mark.parametrize("blank", [0, 4])
def test_alignment_is_the_posterior_over_all_paths(tokens: Tokens, blank: int) -> None:
    logits = draw(len(tokens), 6, 5)
    wanted = np.zeros((len(tokens), 6))
    for path, probability in paths(logits).items():
        if read(path, blank) == tokens:
            place, last = -1, blank
            for step, symbol in enumerate(path):
                place += symbol not in (blank, last)
                if symbol != blank:
                    wanted[place, step] += probability
                last = symbol
    found = ctc_alignment(logits, tokens, blank)
    np.testing.assert_allclose(found, wanted / wanted.sum(1, keepdims=True), atol=1e-12)


def test_alignment_of_a_long_sequence_is_a_distribution() -> None:
    found = ctc_alignment(20 * draw(0, 400, 30).float(), [1 + n % 7 for n in range(90)])
    assert found.shape == (90, 400)
    np.testing.assert_allclose(found.sum(1), 1)
    middles = found @ np.arange(400)
    assert (np.diff(middles) > 0).all()


def test_alignment_stands_where_the_symbols_stand() -> None:
    path = torch.tensor([0, 3, 0, 3, 3, 1, 0])
    found = ctc_alignment(30.0 * F.one_hot(path), [3, 3, 1])
    wanted = [[0, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0.5, 0.5, 0, 0], [0, 0, 0, 0, 0, 1, 0]]
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_what_cannot_be_aligned_is_told() -> None:
    with pytest.raises(InputError, match="3 tokens .* 4 steps; expected 5 steps at least"):
        ctc_alignment(draw(0, 4, 3), [1, 1, 1])
