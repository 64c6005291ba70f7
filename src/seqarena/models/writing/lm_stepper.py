"""Models of what comes next: a language model as a search sees it, and pieces of music."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from seqarena.data.batches import Batch
from seqarena.data.tokens import END, PAD, UNKNOWN
from seqarena.decode import Decoding, State, Step
from seqarena.decode.stepper import change_all
from seqarena.errors import InputError
from seqarena.models.model import SequenceModel


class LMStepper:
    """A language model after its prompts ``(B, T)``: a `seqarena.decode.Stepper`.

    Padding and the unknown token are never written.
    """

    end = END

    def __init__(self, model: SequenceModel, prompts: Tensor) -> None:
        self.model, self.prompts = model, prompts

    def start(self) -> tuple[Tensor, State]:
        """Read the prompts up to their last tokens."""
        before, last = self.prompts[:, :-1], self.prompts[:, -1:]
        lengths = torch.full_like(last[:, 0], before.shape[1])
        state = None
        if before.shape[1]:
            state = self.model(Batch(before, lengths, last)).state
        return last, State(None, change_all(state, lambda tensor: tensor[:, None]), lengths)

    def step(self, tokens: Tensor, state: State) -> Step:
        """Predict the next token of every hypothesis."""
        flat = change_all(state.hypotheses, lambda tensor: tensor.flatten(0, 1).contiguous())
        ones = torch.ones_like(tokens).flatten()
        output = self.model(Batch(tokens.flatten()[:, None], ones, tokens), flat)
        logits = output.logits.float().unflatten(0, tokens.shape).squeeze(2)
        logits[..., [PAD, UNKNOWN]] = -torch.inf
        after = change_all(output.state, lambda tensor: tensor.unflatten(0, tokens.shape))
        return Step(logits, state._replace(hypotheses=after), None)


def continue_roll(
    model: SequenceModel, begun: Tensor, decoding: Decoding, max_length: int
) -> tuple[Tensor, Tensor]:
    """Continue a roll ``(T, K)`` by `max_length` steps; keys are independent given the past.

    Returns `decoding.best` continuations ``(B, max_length, K)`` and log-probabilities ``(B,)``;
    "greedy" takes each key's likelier state. Raises `InputError` for a beam, since keys have no
    end, and for a cut to the likeliest, since each key is on or off.
    """
    if decoding.method == "beam":
        raise InputError("--decoding: frames are drawn by 'sample' or 'greedy', not by 'beam'")
    if decoding.top_k is not None or decoding.top_p < 1:
        raise InputError("--top-k, --top-p: each key is drawn by itself, on or off, not one of all")
    generator = torch.Generator(begun.device).manual_seed(decoding.seed)
    rolls = begun.expand(decoding.best, *begun.shape)
    ones = torch.ones(decoding.best, dtype=torch.long, device=begun.device)
    state, total, continued = None, torch.zeros(decoding.best, device=begun.device), []
    if len(begun) > 1:
        state = model(Batch(rolls[:, :-1], ones * (len(begun) - 1), ones)).state
    last = rolls[:, -1:]
    for _ in range(max_length):
        output = model(Batch(last, ones, ones), state)
        odds, state = output.logits.float(), output.state
        chances = torch.sigmoid(odds / decoding.temperature)
        drawn = torch.bernoulli(chances, generator=generator)
        last = drawn if decoding.method == "sample" else (odds > 0).to(odds.dtype)
        logs = F.binary_cross_entropy_with_logits(odds, last, reduction="none")
        total = total - logs.sum((1, 2))
        continued.append(last)
    return torch.cat(continued, dim=1), total
