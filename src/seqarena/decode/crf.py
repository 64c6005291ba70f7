"""The labels of a sequence as one chain: a linear-chain conditional random field.

A sequence of labels is scored by what each step says for its label, emissions ``(B, T, K)``, and by
what labels that follow one another say of each other. Its probability is the exponential of its
score over the sum of those of all (Lafferty et al. 2001). Steps after ``lengths (B,)`` are padding.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Chain(NamedTuple):
    """The scores of labels beside one another."""

    start: Tensor  # (K,), of the first label
    between: Tensor  # (K, K), of each label, by row, before another
    end: Tensor  # (K,), of the last label


def log_partition(emissions: Tensor, lengths: Tensor, chain: Chain) -> Tensor:
    """Return the logarithm of the summed exponentials of all sequences' scores, ``(B,)``.

    The forward algorithm (Rabiner 1989). An emission of minus infinity forbids a label.
    """
    arriving = _arriving(emissions, chain)
    rows = torch.arange(len(lengths), device=lengths.device)
    return torch.logsumexp(arriving[rows, lengths - 1] + chain.end, 1)


def log_marginals(emissions: Tensor, lengths: Tensor, chain: Chain) -> Tensor:
    """Return the log-probability of each label at each step, ``(B, T, K)``, in double precision.

    The forward-backward algorithm (Rabiner 1989). What it says of padding means nothing.
    """
    emissions, chain = emissions.double(), Chain(*(part.double() for part in chain))
    leaving = [chain.end.expand_as(emissions[:, 0])]
    for step in range(emissions.shape[1] - 1, 0, -1):
        after = (emissions[:, step] + leaving[-1])[:, None]
        going_on = torch.logsumexp(chain.between + after, 2)
        leaving.append(going_on.where((step < lengths)[:, None], chain.end))
    return torch.log_softmax(_arriving(emissions, chain) + torch.stack(leaving[::-1], 1), 2)


def viterbi(emissions: Tensor, lengths: Tensor, chain: Chain) -> Tensor:
    """Return the likeliest labels ``(B, T)`` (Viterbi 1967); in padding stands the last one."""
    scores = chain.start + emissions[:, 0]
    arriving, origins = [scores], []
    for emitted in emissions.unbind(1)[1:]:
        scores, origin = (scores[:, :, None] + chain.between).max(1)
        scores = scores + emitted
        arriving.append(scores)
        origins.append(origin)
    rows = torch.arange(len(lengths), device=lengths.device)
    labels = [(torch.stack(arriving, 1)[rows, lengths - 1] + chain.end).argmax(1)]
    for step, origin in reversed(list(enumerate(origins, start=1))):
        labels.append(origin[rows, labels[-1]].where(step < lengths, labels[-1]))
    return torch.stack(labels[::-1], 1)


def _arriving(emissions: Tensor, chain: Chain) -> Tensor:
    """Return the summed exponentials of all beginnings that end in each label, as logarithms."""
    first, *rest = emissions.unbind(1)
    arriving = [chain.start + first]
    for emitted in rest:
        arriving.append(torch.logsumexp(arriving[-1][:, :, None] + chain.between, 1) + emitted)
    return torch.stack(arriving, 1)
