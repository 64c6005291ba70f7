"""One hypothesis per sequence: the likeliest token at every step, or one that is drawn."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from seqarena.decode.stepper import Hypothesis, Stepper, retire

Choose = Callable[[Tensor], Tensor]  # logits (B, V) -> tokens (B,)


def greedy(stepper: Stepper, max_length: int) -> list[Hypothesis]:
    """Take the likeliest token at every step, at most `max_length`, the end among them."""
    return follow(stepper, max_length, lambda logits: logits.argmax(1))


def sample(
    stepper: Stepper,
    max_length: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float = 1.0,
    seed: int = 0,
) -> list[Hypothesis]:
    """Draw every token, from the `top_k` likeliest or the nucleus that holds `top_p` of the mass.

    The nucleus is the smallest set of the likeliest tokens with at least that mass (Holtzman et al.
    2020); `log_probability` is the model's own, before temperature and cuts.
    """

    generator: torch.Generator | None = None

    def draw(logits: Tensor) -> Tensor:
        nonlocal generator
        generator = generator or torch.Generator(logits.device).manual_seed(seed)
        kept = nucleus(logits / temperature, top_k, top_p)
        return torch.multinomial(torch.softmax(kept, 1), 1, generator=generator).squeeze(1)

    return follow(stepper, max_length, draw)


def nucleus(logits: Tensor, top_k: int | None, top_p: float) -> Tensor:
    """Set what lies outside the `top_k` and outside the nucleus of ``(B, V)`` to minus infinity."""
    ordered, order = logits.sort(dim=1, descending=True)
    masses = torch.softmax(ordered, 1)
    cut = masses.cumsum(1) - masses >= top_p  # the tokens before it hold the mass already
    if top_k is not None:
        cut[:, top_k:] = True
    cut[:, 0] = False
    return ordered.masked_fill(cut, -torch.inf).gather(1, order.argsort(1))


def follow(stepper: Stepper, max_length: int, choose: Choose) -> list[Hypothesis]:
    """Extend one hypothesis per sequence by what `choose` returns until its end."""
    last, state = stepper.start()
    rows = torch.arange(len(last), device=last.device)  # not yet ended
    total = torch.zeros(len(rows), device=rows.device)
    tokens = rows.new_full((len(rows), max_length), stepper.end)
    attention: list[tuple[Tensor, Tensor]] = []
    for step in range(max_length):
        logits, state, weights = stepper.step(last, state)
        chosen = choose(logits[:, 0])
        logs = torch.log_softmax(logits[:, 0].float(), 1)
        total[rows] += logs.gather(1, chosen[:, None]).squeeze(1)
        tokens[rows, step] = chosen
        if weights is not None:
            attention.append((rows, weights[:, 0]))
        going = (chosen != stepper.end).nonzero().squeeze(1)
        rows, last = rows[going], chosen[going, None]
        if len(rows) == 0:
            break
        if len(going) < len(chosen):
            state = retire(state, going)
    return _gather(stepper.end, tokens, total, attention)


def _gather(
    end: int, tokens: Tensor, total: Tensor, attention: list[tuple[Tensor, Tensor]]
) -> list[Hypothesis]:
    maps: list[list[Tensor]] = [[] for _ in tokens]
    for rows, weights in attention:
        for row, weight in zip(rows.tolist(), weights.cpu(), strict=True):
            maps[row].append(weight)
    return [
        Hypothesis(
            own[: own.index(end)] if end in own else own,
            log_probability,
            log_probability,
            torch.stack(weights, 1) if weights else None,
        )
        for own, log_probability, weights in zip(tokens.tolist(), total.tolist(), maps, strict=True)
    ]
