"""The scores of queries over a memory, by name."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqarena.data.batches import mask_of
from seqarena.errors import InputError
from seqarena.models.attention.additive import additive_scores
from seqarena.models.attention.memory import Attention, Memory, Past, contexts_of, even, masked


class AdditiveAttention(Attention):
    """``v . tanh(W q + U s)`` (Bahdanau et al. 2015, appendix A.1.2)."""

    def __init__(self, query: int, values: int, width: int) -> None:
        super().__init__()
        self.context = values
        self.query = nn.Linear(query, width, bias=False)
        self.key = nn.Linear(values, width)
        self.energy = nn.Linear(width, 1, bias=False)

    def build_memory(self, values: Tensor, mask: Tensor) -> Memory:
        return Memory(self.key(values), values[:, None], mask)

    def scores(self, query: Tensor, memory: Memory, past: Past) -> Tensor:
        scores = additive_scores(self.query(query), memory.keys, self.energy.weight.squeeze(0))
        return scores[:, None]


class ConcatAttention(AdditiveAttention):
    """``v . tanh(W [q; s])`` without a bias (Luong et al. 2015, eq. 8).

    ``W [q; s] = W_q q + W_s s``: the halves of W are kept apart, so that keys are projected once.
    """

    def __init__(self, query: int, values: int, width: int) -> None:
        super().__init__(query, values, width)
        self.key = nn.Linear(values, width, bias=False)


class LocationAttention(AdditiveAttention):
    """``v . tanh(W q + U s + V f + b)``, ``f = F * weights before`` (Chorowski et al. 2015)."""

    looks_back = True
    filters, reach = 10, 7  # of the convolution; steps to either side

    def __init__(self, query: int, values: int, width: int) -> None:
        super().__init__(query, values, width)
        self.convolution = nn.Conv1d(
            1, self.filters, 2 * self.reach + 1, padding=self.reach, bias=False
        )
        self.location = nn.Linear(self.filters, width, bias=False)

    def scores(self, query: Tensor, memory: Memory, past: Past) -> Tensor:
        assert past.weights is not None
        features = self.convolution(past.weights.flatten(0, 1)[:, None]).transpose(1, 2)
        located = self.location(features).unflatten(0, past.weights.shape[:2])  # (B, U, S, K)
        hidden = self.query(query)[:, :, None] + memory.keys[:, None] + located
        energies: Tensor = self.energy(torch.tanh(hidden)).squeeze(-1)
        return energies[:, None]


class ForwardAttention(AdditiveAttention):
    """Additive scores of what lies at most `reach` steps ahead of the weights before: monotonic.

    ``a_i(s) ~ exp(e_i(s)) sum_k a_{i-1}(s - k)`` for k from 0 to `reach`, from the first step on
    (Zhang et al. 2018, algorithm 1, who reach 1, since in synthesis a frame is less than a sound;
    in recognition a character is often several steps, or columns of a picture).
    """

    looks_back = True
    reach = 8  # steps
    floor = 1e-30  # of that sum: a logarithm is finite, and no score leads back from there

    def first(self, memory: Memory) -> Tensor:
        """Return weights before a first query: all on the first step."""
        first = torch.zeros_like(memory.mask, dtype=memory.values.dtype)
        first[..., 0] = 1
        return first

    def scores(self, query: Tensor, memory: Memory, past: Past) -> Tensor:
        assert past.weights is not None
        ahead = self._ahead(past.weights, self._leading(past.weights))
        return super().scores(query, memory, past) + ahead[:, None]

    def attend_sequence(
        self, query: Tensor, memory: Memory, past: Past | None = None
    ) -> tuple[Tensor, Tensor]:
        """Score all queries at once; only the window depends on the query before."""
        past = self.before(memory) if past is None else past
        energies = masked(super().scores(query, memory, past), memory).squeeze(1)
        assert past.weights is not None
        before, walked = past.weights.squeeze(1), []
        leading = self._leading(before)
        for place, one in enumerate(energies.unbind(1)):
            seen = before * memory.of_query(place).mask.squeeze(1)
            before = torch.softmax(one + self._ahead(seen, leading), dim=-1)
            walked.append(before)
        weights = torch.stack(walked, dim=1)[:, None]
        return contexts_of(weights, memory), weights

    def _ahead(self, before: Tensor, leading: Tensor) -> Tensor:
        """Return the log of the weight that leads to each step, of weights ``(*, S)`` before."""
        return (before @ leading).clamp(min=self.floor).log()

    def _leading(self, before: Tensor) -> Tensor:
        """Return the share of each step's weight that leads to each other, ``(S, S)``.

        A product with it takes half the time of a mean over a moving window.
        """
        steps = torch.arange(before.shape[-1], device=before.device)
        distance = steps - steps[:, None]
        return ((distance >= 0) & (distance <= self.reach)).to(before.dtype) / (self.reach + 1)


class DotAttention(Attention):
    """``q . s`` (Luong et al. 2015, eq. 8); raises `InputError` where the two differ in width."""

    def __init__(self, query: int, values: int, width: int) -> None:
        super().__init__()
        if query != values:
            raise InputError(
                f"models.attention: dot products need equal widths, found {query} and {values}"
            )
        self.context = values
        self.scale = 1.0

    def build_memory(self, values: Tensor, mask: Tensor) -> Memory:
        return Memory(values, values[:, None], mask)

    def scores(self, query: Tensor, memory: Memory, past: Past) -> Tensor:
        return (query @ memory.keys.transpose(1, 2) * self.scale)[:, None]


class ScaledDotAttention(DotAttention):
    """``q . s / sqrt(d)`` (Vaswani et al. 2017, eq. 1)."""

    def __init__(self, query: int, values: int, width: int) -> None:
        super().__init__(query, values, width)
        self.scale = 1 / math.sqrt(query)

    def contexts(self, query: Tensor, memory: Memory, past: Past) -> Tensor:
        return products(query[:, None], memory.keys[:, None], memory)


def products(queries: Tensor, keys: Tensor, memory: Memory) -> Tensor:
    """Attend by scaled dot products, without the weights: contexts ``(B, U, heads * V)``.

    `queries` ``(B, heads, U, K)``, `keys` ``(B, heads, S, K)``. The kernel keeps no matrix of
    weights, and takes half the time or less.
    """
    mask = None if memory.causal else memory.mask[:, None]  # the kernel's own costs it nothing
    found = F.scaled_dot_product_attention(
        queries, keys, memory.values, attn_mask=mask, is_causal=memory.causal
    )
    return found.transpose(1, 2).flatten(2)


class GeneralAttention(Attention):
    """``q . W s`` (Luong et al. 2015, eq. 8)."""

    def __init__(self, query: int, values: int, width: int) -> None:
        super().__init__()
        self.context = values
        self.key = nn.Linear(values, query, bias=False)

    def build_memory(self, values: Tensor, mask: Tensor) -> Memory:
        return Memory(self.key(values), values[:, None], mask)

    def scores(self, query: Tensor, memory: Memory, past: Past) -> Tensor:
        return (query @ memory.keys.transpose(1, 2))[:, None]


class LocalMonotonicAttention(GeneralAttention):
    """General scores within a window that moves on a step per query (local-m, Luong et al. 2015).

    Past the end of what it may see the window stays at its last step.
    """

    reach = 10  # steps to either side of the centre: the paper's D

    def scores(self, query: Tensor, memory: Memory, past: Past) -> Tensor:
        _, last = _ends(memory)
        distance = _distance(memory, torch.minimum(past.step, last).to(query.dtype))
        scores = super().scores(query, memory, past)
        return scores.masked_fill((distance.abs() > self.reach)[:, None], -torch.inf)


class LocalPredictiveAttention(GeneralAttention):
    """General scores around a centre that is predicted (local-p, Luong et al. 2015, eq. 9-10).

    ``p = S sigmoid(v . tanh(W q))``; the paper's Gaussian factor around it is a term of the score
    here, so that the rows still sum to 1.
    """

    reach = 10  # steps to either side of the centre: the paper's D, twice the deviation

    def __init__(self, query: int, values: int, width: int) -> None:
        super().__init__(query, values, width)
        self.place = nn.Sequential(
            nn.Linear(query, width, bias=False), nn.Tanh(), nn.Linear(width, 1, bias=False)
        )

    def scores(self, query: Tensor, memory: Memory, past: Past) -> Tensor:
        first, last = _ends(memory)
        centre = first + torch.sigmoid(self.place(query).squeeze(-1)) * (last - first)
        distance = _distance(memory, centre)
        scores = super().scores(query, memory, past)
        scores = scores - (distance.square() / (2 * (self.reach / 2) ** 2))[:, None]
        return scores.masked_fill((distance.abs() > self.reach)[:, None], -torch.inf)


def _ends(memory: Memory) -> tuple[Tensor, Tensor]:
    """Return the first and the last step that each query may see, ``(B, U)`` each."""
    first = memory.mask.int().argmax(dim=-1)
    return first, first + memory.mask.sum(dim=-1) - 1


def _distance(memory: Memory, centre: Tensor) -> Tensor:
    """Return how far each step lies from each query's centre ``(B, U)``: ``(B, U, S)``."""
    steps = torch.arange(memory.mask.shape[2], device=centre.device)
    return steps - centre.unsqueeze(-1)


class MultiHeadAttention(Attention):
    """Scaled dot products in several projections at once (Vaswani et al. 2017, section 3.2.2)."""

    def __init__(self, query: int, values: int, width: int, heads: int = 4) -> None:
        super().__init__()
        if width % heads:
            raise InputError(
                f"models.attention: {heads} heads need a width that {heads} divides, found {width}"
            )
        self.context, self.heads = values, heads
        self.query = nn.Linear(query, width)
        self.key = nn.Linear(values, width)
        self.value = nn.Linear(values, width)
        self.output = nn.Linear(width, values)

    def build_memory(self, values: Tensor, mask: Tensor) -> Memory:
        return Memory(self.key(values), self._split(self.value(values)), mask)

    def scores(self, query: Tensor, memory: Memory, past: Past) -> Tensor:
        queries, keys = self._split(self.query(query)), self._split(memory.keys)
        return queries @ keys.transpose(2, 3) / math.sqrt(queries.shape[-1])

    def forward(self, query: Tensor, memory: Memory, past: Past) -> tuple[Tensor, Tensor]:
        contexts, weights = super().forward(query, memory, past)
        return self.output(contexts), weights

    def contexts(self, query: Tensor, memory: Memory, past: Past) -> Tensor:
        queries, keys = self._split(self.query(query)), self._split(memory.keys)
        contexts: Tensor = self.output(products(queries, keys, memory))
        return contexts

    def _split(self, x: Tensor) -> Tensor:
        """``(B, S, W)`` -> ``(B, heads, S, W / heads)``."""
        parts: Tensor = x.unflatten(2, (self.heads, -1))
        return parts.transpose(1, 2)


class AttentionPooling(nn.Module):
    """Look back over all states with the last one as the query; keep both (Luong et al. 2015)."""

    def __init__(self, attention: Attention) -> None:
        super().__init__()
        self.attention = attention

    def forward(self, states: Tensor, summary: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Pool ``(B, T, V)`` with ``(B, V)``: ``(B, 2 V)`` and weights ``(B, heads, 1, T)``."""
        mask = mask_of(lengths, states.shape[1])[:, None]
        memory = self.attention.build_memory(states, mask)
        past = Past(lengths[:, None] - 1, even(memory))
        contexts, weights = self.attention(summary[:, None], memory, past)
        return torch.cat([contexts.squeeze(1), summary], dim=1), weights


ATTENTIONS: dict[str, type[Attention]] = {
    "additive": AdditiveAttention,
    "dot": DotAttention,
    "scaled_dot": ScaledDotAttention,
    "forward": ForwardAttention,
    "general": GeneralAttention,
    "concat": ConcatAttention,
    "local_m": LocalMonotonicAttention,
    "local_p": LocalPredictiveAttention,
    "location": LocationAttention,
    "multi_head": MultiHeadAttention,
}
