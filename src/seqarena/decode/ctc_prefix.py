"""What CTC says comes next, so that a search that writes token by token may ask it, too.

The probability that a text begins with some tokens is that it is just them, or goes on with one
more (Hori, Watanabe & Hershey 2017, algorithm 2): so what comes next has a distribution. Of each
step's probabilities ``logs (B, S, V)`` the first ``lengths (B,)`` are real; `PAD` is the blank. All
steps are computed at once: that a prefix is read by step t is a linear recurrence over t, summed in
logarithms.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from seqarena.data.batches import mask_of
from seqarena.data.tokens import END, PAD

LEAST = -1e3  # nats of a token that no path can write: as low, but a number


class Prefix(NamedTuple):
    """The tokens so far of each hypothesis, all in logarithms of probabilities."""

    last: Tensor  # (B, W), the last token, `END` before the first
    in_token: Tensor  # (B, W, S), that the steps up to each read so and end in that token
    in_blank: Tensor  # (B, W, S), the same where they end in a blank
    total: Tensor  # (B, W), that a text begins so


def no_tokens(logs: Tensor) -> Prefix:
    """Return the prefix of no tokens, for one hypothesis of each sequence."""
    blank = logs[..., PAD].cumsum(1)[:, None]
    last = torch.full_like(blank[..., 0], END, dtype=torch.long)
    return Prefix(last, torch.full_like(blank, -torch.inf), blank, torch.zeros_like(blank[..., 0]))


def next_tokens(prefix: Prefix, logs: Tensor, lengths: Tensor) -> Tensor:
    """Return ``log P`` of each next token ``(B, W, V)``, at `END` that there is none."""
    before = _before(prefix, prefix.last.new_full((), END))  # a token other than the last
    before = before.masked_fill(~mask_of(lengths, logs.shape[1])[:, None], -torch.inf)
    level = before.amax(2, keepdim=True).clamp(min=torch.finfo(before.dtype).min)
    begun = ((before - level).exp() @ logs.exp()).log() + level
    again = _extensions(prefix, prefix.last, logs, lengths)
    begun = begun.scatter(2, prefix.last[..., None], again.logsumexp(2, keepdim=True))
    ends = (lengths - 1)[:, None, None].expand(*prefix.last.shape, 1)
    whole = torch.logaddexp(prefix.in_token, prefix.in_blank).gather(2, ends)
    places = torch.tensor([PAD, END], device=logs.device)
    none = torch.full_like(whole, -torch.inf)
    begun = begun.index_copy(2, places, torch.cat([none, whole], dim=2))
    possible = prefix.total[..., None] > -torch.inf
    return torch.where(possible, begun - prefix.total[..., None], LEAST).clamp(min=LEAST)


def extended(prefix: Prefix, tokens: Tensor, logs: Tensor, lengths: Tensor) -> Prefix:
    """Return the prefixes with a token ``(B, W)`` more each; `END` is none."""
    before, read = _before(prefix, tokens), _read(logs, tokens)
    in_token = _recurrence(before, read)
    in_blank = _recurrence(
        F.pad(in_token[..., :-1], (1, 0), value=-torch.inf), logs[..., PAD][:, None]
    )
    total = _extensions(prefix, tokens, logs, lengths).logsumexp(2)
    same = tokens == END
    return Prefix(
        torch.where(same, prefix.last, tokens),
        torch.where(same[..., None], prefix.in_token, in_token),
        torch.where(same[..., None], prefix.in_blank, in_blank),
        torch.where(same, prefix.total, total),
    )


def _before(prefix: Prefix, tokens: Tensor) -> Tensor:
    """Return that a prefix is read before each step, and a token may begin there ``(B, W, S)``.

    One that repeats the last needs a blank between.
    """
    again = (tokens == prefix.last)[..., None]
    in_token = prefix.in_token.masked_fill(again, -torch.inf)
    read = torch.logaddexp(prefix.in_blank, in_token)[..., :-1]
    first = torch.where(prefix.last == END, 0.0, -torch.inf).to(read)
    return torch.cat([first[..., None], read], dim=2)


def _extensions(prefix: Prefix, tokens: Tensor, logs: Tensor, lengths: Tensor) -> Tensor:
    """Return that a token ``(B, W)`` begins at each step ``(B, W, S)``, all before it read."""
    begun = _before(prefix, tokens) + _read(logs, tokens)
    return begun.masked_fill(~mask_of(lengths, logs.shape[1])[:, None], -torch.inf)


def _read(logs: Tensor, tokens: Tensor) -> Tensor:
    """Return the ``log P`` of tokens ``(B, W)`` at each step, ``(B, W, S)``."""
    places = tokens[:, None].expand(-1, logs.shape[1], -1)
    return logs.gather(2, places).mT


def _recurrence(arriving: Tensor, staying: Tensor) -> Tensor:
    """Sum ``r_t = (r_(t-1) + arriving_t) * staying_t`` over the last axis, in logarithms."""
    stayed = staying.cumsum(-1)
    return stayed + torch.logcumsumexp(arriving - (stayed - staying), dim=-1)
