"""Beam search over many sequences at once."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from seqarena.data.batches import mask_of
from seqarena.decode.stepper import Hypothesis, Stepper, index, pick, retire


class Beam(NamedTuple):
    """The live hypotheses of the sequences that are not done."""

    rows: Tensor  # (B,), where each stands in the batch
    tokens: Tensor  # (B, W, U)
    total: Tensor  # (B, W) log-probability
    weights: Tensor | None  # (B, W, heads, U, S)


def beam_search(
    stepper: Stepper,
    max_length: int,
    *,
    width: int = 5,
    length_penalty: float = 0.0,
    coverage_penalty: float = 0.0,
    best: int = 1,
) -> list[list[Hypothesis]]:
    """Keep the `width` likeliest beginnings; return the `best` hypotheses of each, best first.

    Ranked by ``log P / ((5 + U) / 6) ** length_penalty`` plus ``coverage_penalty`` times the summed
    log of the attention that each source step got, at most 1 (Wu et al. 2016, eq. 14), the mean of
    the heads; U counts the end. A sequence is done with `width` hypotheses that ended, or when no
    live one can rank among its best any more; those cut at `max_length` are ranked as they are.
    """
    last, state = stepper.start()
    count, device = len(last), last.device
    done: list[list[Hypothesis]] = [[] for _ in range(count)]
    beam = Beam(
        torch.arange(count, device=device),
        torch.empty(count, 1, 0, dtype=torch.long, device=device),
        torch.zeros(count, 1, device=device),
        None,
    )
    rank = Ranking(length_penalty, coverage_penalty)
    for step in range(1, max_length + 1):
        logits, state, weights = stepper.step(last, state)
        beam, parents = _extend(beam, logits, weights, 2 * width)
        ended = beam.tokens[:, :, -1] == stepper.end
        if step == max_length:
            ended = torch.ones_like(ended)
        _collect(done, beam, ended[:, :width], rank.scores(beam, state.lengths), stepper.end)
        # At most `width` of the 2 width extensions end, one per hypothesis: `width` others go on.
        live = ended.to(torch.int8).argsort(dim=1, stable=True)[:, :width]
        beam = _choose(beam, live)._replace(
            total=beam.total.masked_fill(ended, -torch.inf).gather(1, live)
        )
        bounds = rank.bounds(beam, max_length).tolist()
        going = beam.rows.new_tensor(
            [
                place
                for place, (row, bound) in enumerate(zip(beam.rows.tolist(), bounds, strict=True))
                if not _is_done(done[row], width, best, bound)
            ]
        )
        if len(going) == 0:
            break
        state = state._replace(hypotheses=pick(state.hypotheses, parents.gather(1, live)))
        if len(going) < len(beam.rows):
            state, beam = retire(state, going), Beam(*index(beam, going))
        last = beam.tokens[:, :, -1]
    return [sorted(each, key=lambda h: -h.score)[:best] for each in done]


def _extend(beam: Beam, logits: Tensor, weights: Tensor | None, count: int) -> tuple[Beam, Tensor]:
    """Extend the hypotheses to the `count` likeliest; return them and their parents ``(B, K)``."""
    logs = torch.log_softmax(logits.float(), -1)
    _, live, vocabulary = logs.shape
    candidates = (beam.total[..., None] + logs).flatten(1)
    total, place = candidates.topk(min(count, live * vocabulary), dim=1)
    parents, tokens = place // vocabulary, place % vocabulary
    extended = torch.cat([pick(beam.tokens, parents), tokens[..., None]], 2)
    return Beam(beam.rows, extended, total, _longer(beam.weights, weights, parents)), parents


def _longer(past: Tensor | None, weights: Tensor | None, parents: Tensor) -> Tensor | None:
    if weights is None:
        return None
    now = pick(weights, parents)[..., None, :]
    return now if past is None else torch.cat([pick(past, parents), now], 3)


def _choose(beam: Beam, chosen: Tensor) -> Beam:
    return Beam(beam.rows, *(pick(part, chosen) for part in beam[1:]))


class Ranking(NamedTuple):
    """How hypotheses of different lengths compare."""

    length_penalty: float
    coverage_penalty: float

    def scores(self, beam: Beam, lengths: Tensor) -> Tensor:
        """Rank hypotheses ``(B, W)`` over memories of the given lengths ``(B,)``."""
        scores = beam.total / self._divisor(beam.tokens.shape[2])
        if self.coverage_penalty and beam.weights is not None:
            seen = beam.weights.mean(2).sum(2).clamp(min=1e-9, max=1.0).log()  # (B, W, S)
            real = mask_of(lengths, seen.shape[2])[:, None]
            scores = scores + self.coverage_penalty * (seen * real).sum(2)
        return scores

    def bounds(self, beam: Beam, max_length: int) -> Tensor:
        """Return what no hypothesis that is still live can exceed, ``(B,)``."""
        return beam.total.amax(1) / self._divisor(max_length)

    def _divisor(self, steps: int) -> float:
        return float(((5 + steps) / 6) ** self.length_penalty)


def _collect(
    done: list[list[Hypothesis]], beam: Beam, chosen: Tensor, scores: Tensor, end: int
) -> None:
    """Add the chosen ``(B, W)`` hypotheses to those that are done."""
    width = chosen.shape[1]
    places = (chosen & beam.total[:, :width].isfinite()).nonzero().tolist()
    if not places:
        return
    ranks, rows = scores.tolist(), beam.rows.tolist()
    totals, tokens = beam.total.tolist(), beam.tokens.tolist()
    for n, w in places:
        sequence = tokens[n][w]
        done[rows[n]].append(
            Hypothesis(
                sequence[:-1] if sequence[-1] == end else sequence,
                totals[n][w],
                ranks[n][w],
                None if beam.weights is None else beam.weights[n, w].cpu(),
            )
        )


def _is_done(found: list[Hypothesis], width: int, best: int, bound: float) -> bool:
    if len(found) >= width or bound == -torch.inf:
        return True
    return len(found) >= best and sorted(h.score for h in found)[-best] >= bound
