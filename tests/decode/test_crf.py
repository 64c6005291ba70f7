"""Chains of labels, against every sequence that there is."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from seqarena.decode import Chain, log_marginals, log_partition, viterbi

LENGTHS = (5, 1, 3, 2)
Labels = tuple[int, ...]


def draw(seed: int, classes: int) -> tuple[Tensor, Tensor, Chain]:
    """Emissions ``(4, 5, K)`` in double precision, lengths and a chain."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return 2 * torch.randn(shape, generator=generator, dtype=torch.float64)

    chain = Chain(normal(classes), normal(classes, classes), normal(classes))
    return normal(len(LENGTHS), max(LENGTHS), classes), torch.tensor(LENGTHS), chain


def brute_force(emissions: Tensor, chain: Chain) -> dict[Labels, float]:
    """The score of every sequence of labels over the steps ``(T, K)``."""
    return {
        labels: float(chain.start[labels[0]] + chain.end[labels[-1]])
        + sum(float(emissions[step, label]) for step, label in enumerate(labels))
        + sum(float(chain.between[pair]) for pair in itertools.pairwise(labels))
        for labels in itertools.product(range(emissions.shape[1]), repeat=len(emissions))
    }


def cases(emissions: Tensor, lengths: Tensor, chain: Chain) -> list[dict[Labels, float]]:
    return [brute_force(each[:n], chain) for each, n in zip(emissions, lengths, strict=True)]


every_draw = pytest.mark.parametrize(("seed", "classes"), [(0, 2), (1, 3), (2, 4), (3, 1)])


@every_draw
def test_the_partition_sums_over_all_sequences(seed: int, classes: int) -> None:
    case = draw(seed, classes)
    found = log_partition(*case).tolist()
    wanted = [math.log(sum(map(math.exp, scores.values()))) for scores in cases(*case)]
    assert found == pytest.approx(wanted, abs=1e-9)


@every_draw
def test_viterbi_finds_the_likeliest_sequence(seed: int, classes: int) -> None:
    case = draw(seed, classes)
    for found, scores, length in zip(viterbi(*case).tolist(), cases(*case), LENGTHS, strict=True):
        best = max(scores, key=scores.__getitem__)
        assert tuple(found) == best + best[-1:] * (len(found) - length)


@every_draw
def test_marginals_are_sums_over_all_sequences_and_sum_to_one(seed: int, classes: int) -> None:
    case = draw(seed, classes)
    for found, scores, length in zip(
        log_marginals(*case).exp(), cases(*case), LENGTHS, strict=True
    ):
        wanted = torch.zeros(length, classes, dtype=torch.float64)
        for labels, score in scores.items():
            wanted[range(length), labels] += math.exp(score)
        wanted /= wanted[:1].sum()
        torch.testing.assert_close(found[:length], wanted)
        torch.testing.assert_close(found[:length].sum(1), torch.ones(length, dtype=torch.float64))


def test_the_slope_of_the_partition_is_the_marginals() -> None:
    emissions, lengths, chain = draw(4, 3)
    emissions.requires_grad_()
    log_partition(emissions, lengths, chain).sum().backward()
    assert emissions.grad is not None
    for slope, found, n in zip(
        emissions.grad, log_marginals(emissions, lengths, chain), LENGTHS, strict=True
    ):
        torch.testing.assert_close(slope[:n], found[:n].exp())
        assert not slope[n:].any()


def test_gradients_are_exact_where_labels_are_forbidden_too() -> None:
    emissions, lengths, chain = draw(5, 3)
    forbidden = torch.zeros_like(emissions, dtype=torch.bool)
    forbidden[0, 1, 1:], forbidden[2, 0, 0] = True, True
    leaves = [part.clone().requires_grad_() for part in (emissions, *chain)]

    def partition(emissions: Tensor, *parts: Tensor) -> Tensor:
        return log_partition(emissions.masked_fill(forbidden, -torch.inf), lengths, Chain(*parts))

    assert torch.autograd.gradcheck(partition, leaves)


@pytest.mark.parametrize("padding", [-50.0, 1e30, math.nan])
def test_a_sequence_is_labelled_the_same_alone_and_in_a_batch(padding: float) -> None:
    emissions, lengths, chain = draw(6, 4)
    for row, length in enumerate(LENGTHS):
        emissions[row, length:] = padding
    found = [each(emissions, lengths, chain) for each in (log_partition, log_marginals, viterbi)]
    for row, length in enumerate(LENGTHS):
        alone = emissions[row : row + 1, :length], lengths[row : row + 1], chain
        torch.testing.assert_close(found[0][row : row + 1], log_partition(*alone))
        torch.testing.assert_close(found[1][row : row + 1, :length], log_marginals(*alone))
        assert found[2][row, :length].tolist() == viterbi(*alone)[0].tolist()


def test_of_sequences_that_are_as_likely_one_is_said_and_no_mixture() -> None:
    """Where nothing tells the first label, what is likeliest step by step would not alternate."""
    still = Chain(torch.zeros(2), torch.tensor([[-9.0, 0.0], [0.0, -9.0]]), torch.zeros(2))
    (labels,) = viterbi(torch.zeros(1, 8, 2), torch.tensor([8]), still).tolist()
    assert labels in ([0, 1] * 4, [1, 0] * 4)


def test_a_long_sequence_overflows_nowhere() -> None:
    generator = torch.Generator().manual_seed(7)
    emissions = 30 * torch.randn(2, 3000, 5, generator=generator)
    chain = Chain(torch.zeros(5), torch.full((5, 5), 40.0), torch.zeros(5))
    lengths = torch.tensor([3000, 2500])
    assert log_partition(emissions, lengths, chain).isfinite().all()
    sums = log_marginals(emissions, lengths, chain)[0].exp().sum(1)
    torch.testing.assert_close(sums, torch.ones(3000, dtype=torch.float64))
