"""A decoder that may write what it looks at: the pointer-generator (See, Liu & Manning 2017)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from seqarena.data.tokens import SPECIALS, UNKNOWN
from seqarena.errors import InputError
from seqarena.models.attention.memory import Attention
from seqarena.models.heads import Encoded
from seqarena.models.writing.decoder import RecurrentDecoder, Source

SMALLEST = torch.finfo(torch.float32).tiny  # of a probability: its logarithm is finite


class PointerDecoder(RecurrentDecoder):
    """``P(w) = p P_own(w) + (1 - p) sum of the attention to w in the source`` (equation 9).

    The share p is told by the vector that context and state are combined in (in equation 8 by both
    and the input). Its logits are the logarithms of these probabilities. It tells the weights of
    its attention and, as one more head, what of them it copied. A token of the source that the
    target vocabulary lacks is copied as the unknown one: words beyond both are not written.
    """

    def __init__(
        self,
        kind: str,
        width: int,
        attention: Attention,
        embedding: nn.Embedding,
        dropout: float,
        copies: Tensor,
        *,
        sampling: float = 0.0,
    ) -> None:
        """`copies` ``(V_source,)`` are the target tokens that those of the source are, or none."""
        super().__init__(kind, width, attention, embedding, dropout, sampling=sampling)
        self.share = nn.Linear(width, 1)
        self.register_buffer("copies", copies, persistent=False)

    copies: Tensor

    def encode_memory(self, encoded: Encoded) -> Source:
        assert encoded.inputs is not None
        written = self.copies[encoded.inputs.long()]
        return super().encode_memory(encoded)._replace(tokens=written)

    def answer(
        self, vector: Tensor, weights: Tensor | None, source: Source
    ) -> tuple[Tensor, Tensor | None]:
        assert weights is not None
        assert source.tokens is not None
        own = torch.softmax(super().answer(vector, weights, source)[0].float(), -1)
        share = torch.sigmoid(self.share(vector).float())
        copied = (1 - share) * weights.float().mean(1)  # (B, U, S)
        places = source.tokens[:, None].expand_as(copied)
        chances = (share * own).scatter_add(2, places, copied)
        told = torch.cat([weights, copied[:, None].to(weights)], dim=1)
        return chances.clamp(min=SMALLEST).log(), told


def copies_of(source: Sequence[str], target: Sequence[str]) -> Tensor:
    """Return the target token ``(V_source,)`` that each of the source is, else the unknown one.

    Raises `InputError` where none of the source is one of the target.
    """
    place = {token: number for number, token in enumerate(target)}
    found = [place.get(token, UNKNOWN) for token in source]
    if not set(source[len(SPECIALS) :]) & set(target[len(SPECIALS) :]):
        message = "no token of the source is one of the target, so that there is nothing to copy"
        raise InputError(f"models.pointer: {message}; expected texts in the same units")
    return torch.tensor(found)
