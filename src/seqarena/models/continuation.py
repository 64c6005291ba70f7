"""A model of what comes next as a search sees it."""

from __future__ import annotations

import torch
from torch import Tensor

from seqarena.data.batches import Batch
from seqarena.data.tokens import END, PAD, UNKNOWN
from seqarena.decode import State, Step
from seqarena.decode.stepper import change_all
from seqarena.models.model import SequenceModel


class Continuation:
    """A language model after its prompts ``(B, T)``: a `seqarena.decode.Stepper`.

    What stands for no word, padding and the unknown, is never said.
    """

    end = END

    def __init__(self, model: SequenceModel, prompts: Tensor) -> None:
        self.model, self.prompts = model, prompts

    def start(self) -> tuple[Tensor, State]:
        """Read the prompts up to their last tokens."""
        read, last = self.prompts[:, :-1], self.prompts[:, -1:]
        lengths = torch.full_like(last[:, 0], read.shape[1])
        state = None
        if read.shape[1]:
            state = self.model.encode(Batch(read, lengths, last)).state
        return last, State(None, change_all(state, lambda tensor: tensor[:, None]), lengths)

    def step(self, tokens: Tensor, state: State) -> Step:
        """Tell the next token of every hypothesis."""
        flat = change_all(state.hypotheses, lambda tensor: tensor.flatten(0, 1).contiguous())
        ones = torch.ones_like(tokens).flatten()
        output = self.model(Batch(tokens.flatten()[:, None], ones, tokens), flat)
        logits = output.logits.float().unflatten(0, tokens.shape).squeeze(2)
        logits[..., [PAD, UNKNOWN]] = -torch.inf
        after = change_all(output.state, lambda tensor: tensor.unflatten(0, tokens.shape))
        return Step(logits, state._replace(hypotheses=after), None)
