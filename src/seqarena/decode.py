"""From a model that tells the next token to whole sequences: greedy, sampled, by beam search.

All that a search sees of a model is a `Stepper`. It works on many sequences at once on the model's
device: the hypotheses of a sequence stand side by side as queries of one memory, which is projected
once and never repeated, and a sequence that is done leaves the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from seqarena.data.batches import Batch


class State(NamedTuple):
    """What a stepper carries: nested tuples of tensors, or None."""

    memory: Any  # each (B, *): one per sequence
    hypotheses: Any  # each (B, W, *): one per hypothesis
    lengths: Tensor  # (B,), steps of each memory


class Step(NamedTuple):
    """What one step tells of the next token of every hypothesis."""

    logits: Tensor  # (B, W, V)
    state: State
    weights: Tensor | None  # (B, W, S), what each looked at, the mean over heads


class Stepper(Protocol):
    """A model, token by token."""

    end: int  # the token that ends a sequence, and that stands before its first

    def start(self, batch: Batch) -> State:
        """Read the sources; the state then has one hypothesis each, W = 1."""

    def step(self, tokens: Tensor, state: State) -> Step:
        """Go on from the last tokens ``(B, W)``."""


class Hypothesis(NamedTuple):
    """One finished sequence."""

    tokens: list[int]  # without the end
    log_probability: float  # of the whole, its end included
    score: float  # by which it was ranked
    weights: Tensor | None  # (U, S), a row per token and one for the end


Choose = Callable[[Tensor], Tensor]  # logits (B, V) -> tokens (B,)


def greedy(stepper: Stepper, batch: Batch, longest: int) -> list[Hypothesis]:
    """Take the likeliest token at every step, at most `longest`, the end among them."""
    return follow(stepper, batch, longest, lambda logits: logits.argmax(1))


def sample(
    stepper: Stepper,
    batch: Batch,
    longest: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float = 1.0,
    generator: torch.Generator | None = None,
) -> list[Hypothesis]:
    """Draw every token, from the `top_k` likeliest or the nucleus that holds `top_p` of the mass.

    The nucleus is the smallest set of the likeliest tokens with at least that mass (Holtzman et al.
    2020); `log_probability` is the model's own, before temperature and cuts.
    """

    def draw(logits: Tensor) -> Tensor:
        kept = nucleus(logits / temperature, top_k, top_p)
        return torch.multinomial(torch.softmax(kept, 1), 1, generator=generator).squeeze(1)

    return follow(stepper, batch, longest, draw)


def nucleus(logits: Tensor, top_k: int | None, top_p: float) -> Tensor:
    """Set what lies outside the `top_k` and outside the nucleus of ``(B, V)`` to minus infinity."""
    ordered, order = logits.sort(dim=1, descending=True)
    masses = torch.softmax(ordered, 1)
    cut = masses.cumsum(1) - masses >= top_p  # the mass before a token is enough without it
    if top_k is not None:
        cut[:, top_k:] = True
    cut[:, 0] = False
    return ordered.masked_fill(cut, -torch.inf).gather(1, order.argsort(1))


def follow(stepper: Stepper, batch: Batch, longest: int, choose: Choose) -> list[Hypothesis]:
    """Extend one hypothesis per sequence by what `choose` says until its end."""
    state = stepper.start(batch)
    rows = torch.arange(len(batch.lengths), device=batch.lengths.device)  # not yet ended
    last = rows.new_full((len(rows), 1), stepper.end)
    total = torch.zeros(len(rows), device=rows.device)
    said = rows.new_full((len(rows), longest), stepper.end)
    looked: list[tuple[Tensor, Tensor]] = []
    for step in range(longest):
        logits, state, weights = stepper.step(last, state)
        chosen = choose(logits[:, 0])
        logs = torch.log_softmax(logits[:, 0].float(), 1)
        total[rows] += logs.gather(1, chosen[:, None]).squeeze(1)
        said[rows, step] = chosen
        if weights is not None:
            looked.append((rows, weights[:, 0]))
        going = (chosen != stepper.end).nonzero().squeeze(1)
        rows, last = rows[going], chosen[going, None]
        if len(rows) == 0:
            break
        if len(going) < len(chosen):
            state = retire(state, going)
    return _gather(stepper.end, said, total, looked)


def _gather(
    end: int, said: Tensor, total: Tensor, looked: list[tuple[Tensor, Tensor]]
) -> list[Hypothesis]:
    maps: list[list[Tensor]] = [[] for _ in said]
    for rows, weights in looked:
        for row, weight in zip(rows.tolist(), weights.cpu(), strict=True):
            maps[row].append(weight)
    return [
        Hypothesis(
            tokens[: tokens.index(end)] if end in tokens else tokens,
            log_probability,
            log_probability,
            torch.stack(weights) if weights else None,
        )
        for tokens, log_probability, weights in zip(
            said.tolist(), total.tolist(), maps, strict=True
        )
    ]


class Beam(NamedTuple):
    """The live hypotheses of the sequences that are not done."""

    rows: Tensor  # (B,), where each stands in the batch
    tokens: Tensor  # (B, W, U)
    total: Tensor  # (B, W) log-probability
    weights: Tensor | None  # (B, W, U, S)


def beam_search(
    stepper: Stepper,
    batch: Batch,
    longest: int,
    *,
    width: int = 5,
    length_penalty: float = 0.0,
    coverage_penalty: float = 0.0,
    best: int = 1,
) -> list[list[Hypothesis]]:
    """Keep the `width` likeliest beginnings; return the `best` hypotheses of each, best first.

    Ranked by ``log P / ((5 + U) / 6) ** length_penalty`` plus ``coverage_penalty`` times the summed
    log of what each source step was looked at, at most 1 (Wu et al. 2016, eq. 14); U counts the
    end. A sequence is done with `width` hypotheses that ended, or when no live one can rank among
    its best any more; those cut at `longest` are ranked as they are.
    """
    state = stepper.start(batch)
    count, device = len(batch.lengths), batch.lengths.device
    done: list[list[Hypothesis]] = [[] for _ in range(count)]
    beam = Beam(
        torch.arange(count, device=device),
        torch.empty(count, 1, 0, dtype=torch.long, device=device),
        torch.zeros(count, 1, device=device),
        None,
    )
    last = torch.full((count, 1), stepper.end, device=device)
    rank = Ranking(length_penalty, coverage_penalty)
    for step in range(1, longest + 1):
        logits, state, weights = stepper.step(last, state)
        beam, parents = _extend(beam, logits, weights, 2 * width)
        ended = beam.tokens[:, :, -1] == stepper.end
        if step == longest:
            ended = torch.ones_like(ended)
        _collect(done, beam, ended[:, :width], rank.scores(beam, state.lengths), stepper.end)
        # So many were kept that as many as before go on, whatever ended.
        live = ended.to(torch.int8).argsort(dim=1, stable=True)[:, :width]
        beam = _choose(beam, live)._replace(
            total=beam.total.masked_fill(ended, -torch.inf).gather(1, live)
        )
        bounds = rank.bounds(beam, longest).tolist()
        going = beam.rows.new_tensor(
            [
                place
                for place, (row, bound) in enumerate(zip(beam.rows.tolist(), bounds, strict=True))
                if not _is_done(done[row], width, best, bound)
            ]
        )
        if len(going) == 0:
            break
        state = state._replace(hypotheses=_pick(state.hypotheses, parents.gather(1, live)))
        if len(going) < len(beam.rows):
            state, beam = retire(state, going), Beam(*_index(beam, going))
        last = beam.tokens[:, :, -1]
    return [sorted(each, key=lambda h: -h.score)[:best] for each in done]


def _extend(beam: Beam, logits: Tensor, weights: Tensor | None, count: int) -> tuple[Beam, Tensor]:
    """Extend the hypotheses to the `count` likeliest; return them and their parents ``(B, K)``."""
    logs = torch.log_softmax(logits.float(), -1)
    _, live, vocabulary = logs.shape
    candidates = (beam.total[..., None] + logs).flatten(1)
    total, place = candidates.topk(min(count, live * vocabulary), dim=1)
    parents, tokens = place // vocabulary, place % vocabulary
    said = torch.cat([_pick(beam.tokens, parents), tokens[..., None]], 2)
    return Beam(beam.rows, said, total, _longer(beam.weights, weights, parents)), parents


def _longer(past: Tensor | None, weights: Tensor | None, parents: Tensor) -> Tensor | None:
    if weights is None:
        return None
    now = _pick(weights, parents)[:, :, None]
    return now if past is None else torch.cat([_pick(past, parents), now], 2)


def _choose(beam: Beam, chosen: Tensor) -> Beam:
    return Beam(beam.rows, *(_pick(part, chosen) for part in beam[1:]))


class Ranking(NamedTuple):
    """How hypotheses of different lengths compare."""

    length_penalty: float
    coverage_penalty: float

    def scores(self, beam: Beam, lengths: Tensor) -> Tensor:
        """Rank hypotheses ``(B, W)`` over memories of the given lengths ``(B,)``."""
        scores = beam.total / self._divisor(beam.tokens.shape[2])
        if self.coverage_penalty and beam.weights is not None:
            seen = beam.weights.sum(2).clamp(min=1e-9, max=1.0).log()  # (B, W, S)
            real = torch.arange(seen.shape[2], device=seen.device) < lengths[:, None]
            scores = scores + self.coverage_penalty * (seen * real[:, None]).sum(2)
        return scores

    def bounds(self, beam: Beam, longest: int) -> Tensor:
        """Return what no hypothesis that is still live can exceed, ``(B,)``."""
        return beam.total.amax(1) / self._divisor(longest)

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
        said = tokens[n][w]
        done[rows[n]].append(
            Hypothesis(
                said[:-1] if said[-1] == end else said,
                totals[n][w],
                ranks[n][w],
                None if beam.weights is None else beam.weights[n, w].cpu(),
            )
        )


def _is_done(found: list[Hypothesis], width: int, best: int, bound: float) -> bool:
    if len(found) >= width or bound == -torch.inf:
        return True
    return len(found) >= best and sorted(h.score for h in found)[-best] >= bound


def retire(state: State, going: Tensor) -> State:
    """Keep only the sequences whose places ``(N,)`` are given."""
    return State(*_index(state, going))


def _index(tree: Any, places: Tensor) -> Any:
    """Index dim 0 of every tensor of nested tuples."""
    return _map(tree, lambda tensor: tensor.index_select(0, places))


def _pick(tree: Any, chosen: Tensor) -> Any:
    """Choose hypotheses ``(B, K)`` along dim 1 of every tensor ``(B, W, *)`` of nested tuples."""
    base = torch.arange(len(chosen), device=chosen.device)[:, None]

    def pick(tensor: Tensor) -> Tensor:
        places = (base * tensor.shape[1] + chosen).flatten()
        return tensor.flatten(0, 1).index_select(0, places).view(*chosen.shape, *tensor.shape[2:])

    return _map(tree, pick)


def _map(tree: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if tree is None:
        return None
    if isinstance(tree, Tensor):
        return change(tree)
    parts = [_map(part, change) for part in tree]
    return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)
