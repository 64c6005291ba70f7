"""Scheduled sampling: a decoder in training reads some tokens of its own instead of true ones."""

from __future__ import annotations

import torch
from torch import Tensor


def mixed(tokens: Tensor, logits: Tensor, share: float) -> Tensor:
    """Replace a random `share` of true tokens ``(B, U)`` by the likeliest ones of the decoder.

    `logits` ``(B, U, V)`` are the logits of a first pass over the true tokens, and a second pass
    reads the mixture: two calls of a kernel for any length and kind of decoder (Mihaylova & Martins
    2019), where the original goes token by token (Bengio et al. 2015). Each token is
    replaced independently; the first pass has no gradient, and the first input token stays.
    """
    own = torch.cat([tokens[:, :1], logits[:, :-1].argmax(-1)], dim=1)
    return torch.where(torch.rand(tokens.shape, device=tokens.device) < share, own, tokens)
