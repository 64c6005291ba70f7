"""From the symbol at every step to a sequence: connectionist temporal classification.

A model gives ``logits (B, T, V)``, of which one symbol is the blank. A path names one symbol for
each step; its text is its symbols with repeats merged and then blanks removed (Graves et al. 2006).
Blank is 0 by default, the ``<pad>`` of a target vocabulary, which no target holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from seqarena.data.batches import mask_of
from seqarena.data.spelling import steps_needed
from seqarena.data.store import Array
from seqarena.decode.stepper import Hypothesis, pick
from seqarena.errors import InputError


def ctc_greedy(logits: Tensor, lengths: Tensor, blank: int = 0) -> list[Hypothesis]:
    """Read the likeliest path of each sequence, steps ``lengths (B,)`` of ``logits (B, T, V)``.

    `log_probability` is that of this one path, a lower bound of that of its tokens.
    """
    logs, path = torch.log_softmax(logits.double(), 2).max(2)
    real = mask_of(lengths.to(logits.device), logits.shape[1])
    starts = torch.ones_like(real)
    starts[:, 1:] = path[:, 1:] != path[:, :-1]
    kept = real & starts & (path != blank)
    totals = logs.masked_fill(~real, 0).sum(1).tolist()
    return [
        Hypothesis(symbols[here].tolist(), total, total, None)
        for symbols, here, total in zip(path.cpu(), kept.cpu(), totals, strict=True)
    ]


def ctc_prefix_beam(
    logits: Tensor, lengths: Tensor, width: int = 8, best: int = 1, blank: int = 0
) -> list[list[Hypothesis]]:
    """Keep the `width` likeliest prefixes at every step; return the `best` of each, best first.

    Prefix beam search (Hannun et al. 2014, algorithm 1) without a language model, over the steps
    ``lengths (B,)`` of ``logits (B, T, V)``. `log_probability` sums the paths of these
    tokens, except those through prefixes that left the beam.
    """
    logs = torch.log_softmax(logits.double(), 2)
    # After its end a sequence has blanks of probability 1: they change no prefix.
    over = ~mask_of(lengths.to(logits.device), logits.shape[1])
    logs.masked_fill_(over[..., None], -torch.inf)
    logs[..., blank].masked_fill_(over, 0.0)
    count, steps, _ = logs.shape
    beam = Prefixes(
        torch.full((count, 1, 1), blank, device=logs.device),
        torch.zeros(count, 1, dtype=torch.long, device=logs.device),
        torch.zeros(count, 1, dtype=logs.dtype, device=logs.device),
        torch.full((count, 1), -torch.inf, dtype=logs.dtype, device=logs.device),
        torch.ones(count, 1, 1, dtype=torch.bool, device=logs.device),
    )
    for step in range(steps):
        beam = _keep(beam, *_extend(beam, logs[:, step], blank), width, blank)
    totals = torch.logaddexp(beam.ending_blank, beam.ending_token).tolist()
    return [
        [
            Hypothesis(tokens[:length], total, total, None)
            for tokens, length, total in zip(*each, strict=True)
            if total > -torch.inf
        ][:best]
        for each in zip(beam.tokens.tolist(), beam.lengths.tolist(), totals, strict=True)
    ]


class Prefixes(NamedTuple):
    """The likeliest prefixes of each sequence, all different, best first."""

    tokens: Tensor  # (B, W, U), blanks after the last: one at least
    lengths: Tensor  # (B, W)
    ending_blank: Tensor  # (B, W) log-probability of the paths that end in a blank
    ending_token: Tensor  # (B, W) of those that end in the last token
    begins: Tensor  # (B, W, W), [b, i, j]: whether prefix j starts with all of prefix i


def _extend(beam: Prefixes, logs: Tensor, blank: int) -> tuple[Tensor, Tensor, Tensor]:
    """Take one step whose symbols have log-probabilities ``(B, V)``.

    Return ``(B, W, V)``, the log-probability of each prefix extended by each token, at the blank
    that of the unchanged prefix; then the latter split by the end of its paths, blank or token.
    """
    ends = (beam.lengths - 1).clamp(min=0)[..., None]
    last = beam.tokens.gather(2, ends).squeeze(2)
    total = torch.logaddexp(beam.ending_blank, beam.ending_token)
    extended = total[..., None] + logs[:, None]  # (B, W, V)
    # A repeated token extends a prefix only after a blank; otherwise CTC merges the two.
    again = logs.gather(1, last)
    extended.scatter_(2, last[..., None], (beam.ending_blank + again)[..., None])
    ending_blank, ending_token = total + logs[:, blank, None], beam.ending_token + again
    # An extended prefix may be in the beam already: add its probability there, remove it here.
    parents = beam.begins & (beam.lengths[:, None] == beam.lengths[..., None] + 1)
    parents &= total.isfinite()[:, None]
    index = last[:, None].expand_as(parents)
    merged = extended.gather(2, index).masked_fill(~parents, -torch.inf).amax(1)
    ending_token = torch.logaddexp(ending_token, merged)
    extended.scatter_(2, index.where(parents, blank), -torch.inf)
    extended[..., blank] = torch.logaddexp(ending_blank, ending_token)
    return extended, ending_blank, ending_token


def _keep(
    beam: Prefixes,
    extended: Tensor,
    ending_blank: Tensor,
    ending_token: Tensor,
    width: int,
    blank: int,
) -> Prefixes:
    """Keep the likeliest of what `_extend` returns."""
    vocabulary = extended.shape[2]
    flat = extended.flatten(1)
    totals, places = flat.topk(min(width, flat.shape[1]), 1)
    chosen, symbols = places // vocabulary, places % vocabulary
    same = symbols == blank
    tokens, lengths, ending_blank, ending_token, begins = pick(
        (beam.tokens, beam.lengths, ending_blank, ending_token, beam.begins), chosen
    )
    tokens = F.pad(tokens, (0, 1), value=blank).scatter(2, lengths[..., None], symbols[..., None])
    # Extended by a token, i remains a prefix of j only if j continues with the same token.
    following = tokens.gather(2, lengths[:, None].expand(-1, len(lengths[0]), -1)).mT
    begins = pick(begins.mT, chosen).mT & (same[..., None] | (following == symbols[..., None]))
    return Prefixes(
        tokens,
        lengths + ~same,
        ending_blank.where(same, -torch.inf),
        ending_token.where(same, totals),
        begins,
    )


def ctc_alignment(logits: Tensor, tokens: Sequence[int], blank: int = 0) -> Array:
    """Return where each of `tokens` stands in the steps of ``logits (T, V)``: ``(U, T)``.

    The posterior of each token at each step, given that the text is `tokens`, by the
    forward-backward algorithm (Graves et al. 2006, section 4.1); each row is divided by its sum,
    the steps that the token is expected to last. Raises `InputError` when no path reads so.
    """
    logs = torch.log_softmax(logits.detach().double(), 1).cpu().numpy()
    states = np.full(2 * len(tokens) + 1, blank)
    states[1::2] = tokens
    emitted = logs[:, states]
    ending = _arrivals(emitted[::-1, ::-1], states[::-1])[::-1, ::-1]
    paths = (_arrivals(emitted, states) + emitted + ending)[:, 1::2].T
    sums = np.logaddexp.reduce(paths, axis=1, keepdims=True)
    if not np.isfinite(sums).all():
        raise InputError(
            f"{len(tokens)} tokens cannot be aligned with {len(logs)} steps; "
            f"expected {steps_needed(tokens)} steps at least"
        )
    return np.asarray(np.exp(paths - sums))


def _arrivals(emitted: Array, states: Array) -> Array:
    """Sum the paths to each state ``(T, S)``, logarithms, without what the state itself emits."""
    skipped = np.zeros(len(states), bool)  # the blank before a state, where tokens differ
    skipped[3::2] = states[3::2] != states[1:-2:2]
    arriving = np.full(emitted.shape, -np.inf)
    arriving[:1, :2] = 0
    for step in range(1, len(emitted)):
        past, now = arriving[step - 1] + emitted[step - 1], arriving[step]
        now[:] = past
        now[1:] = np.logaddexp(now[1:], past[:-1])
        now[2:] = np.logaddexp(now[2:], np.where(skipped[2:], past[:-2], -np.inf))
    return arriving
