"""Dropout (Srivastava et al. 2014) whose mask is drawn sixteen bits at a time, and of tokens."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqarena.data.tokens import PAD, UNKNOWN

LEVELS = 1 << 16  # of a random half-word; the probability is rounded to one of them
PER_WORD = 4  # half-words in what the generator draws at once


class Dropout(nn.Module):
    """``torch.nn.Dropout``, which on CPU spends a tenth of a text model's step on its mask.

    Its generator is asked for a double per element; here one draw of 64 bits serves four.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        if x.device.type != "cpu":
            return F.dropout(x, self.p)
        words = torch.empty(-(-x.numel() // PER_WORD), dtype=torch.int64)
        words.random_(-(1 << 63), None)  # every bit, the sign too
        drawn = words.view(torch.int16)[: x.numel()].view(x.shape)
        # As floats: to compare short integers and scale booleans takes up to three times as long.
        kept = drawn.float().ge_(round(self.p * LEVELS) - LEVELS // 2)
        return x * kept.mul_(1 / (1 - self.p))


class LockedDropout(Dropout):
    """One mask per sequence of ``(B, T, *)``, for all its steps (Gal & Ghahramani 2016)."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        return x * super().forward(torch.ones_like(x[:, :1]))


STEP, SEQUENCE = "step", "sequence"  # what a mask is drawn for
MASKS: dict[str, type[Dropout]] = {STEP: Dropout, SEQUENCE: LockedDropout}


class TokenDropout(nn.Module):
    """Words of ``(B, T)`` token ids that are read as the unknown one, each with probability `p`.

    Word dropout (Iyyer et al. 2015; Bowman et al. 2016, section 3.1), which for a language model is
    the blank noise of Xie et al. (2017): what it predicts has to rest on less of what is before.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, tokens: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return tokens
        unread = torch.rand(tokens.shape, device=tokens.device) < self.p
        return tokens.masked_fill(unread & (tokens != PAD), UNKNOWN)
