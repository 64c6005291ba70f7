"""Contracts of attention: rows sum to 1, nothing leaks from padding, scores are the formula's."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from seqarena.data.batches import mask_of
from seqarena.errors import InputError
from seqarena.models.attention.memory import Attention, Memory, Past
from seqarena.models.attention.scores import ATTENTIONS, AttentionPooling

LENGTHS = torch.tensor([2, 6, 1])
WIDTH = 4  # of queries, values and keys: what every attention takes
every_attention = pytest.mark.parametrize("name", ATTENTIONS)


def build(name: str) -> Attention:
    torch.manual_seed(0)
    return ATTENTIONS[name](WIDTH, WIDTH, WIDTH).double()


def attend(name: str) -> tuple[Attention, Memory, torch.Tensor]:
    attention = build(name)
    values = torch.randn(3, 6, WIDTH, dtype=torch.float64)
    query = torch.randn(3, 2, WIDTH, dtype=torch.float64)
    return attention, attention.build_memory(values, mask_of(LENGTHS, 6)[:, None]), query


@every_attention
def test_rows_sum_to_one_and_are_zero_where_masked(name: str) -> None:
    attention, memory, query = attend(name)
    _, weights = attention.attend_sequence(query, memory)
    assert weights.shape[0] == 3 and weights.shape[2:] == (2, 6)
    torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]))
    masked = ~mask_of(LENGTHS, 6)[:, None, None].expand_as(weights)
    assert bool((weights[masked] == 0).all())
    assert bool((weights[~masked] > 0).all())


@pytest.mark.parametrize("name", sorted(set(ATTENTIONS) - {"multi_head"}))
def test_contexts_are_the_weighted_values(name: str) -> None:
    attention, memory, query = attend(name)
    contexts, weights = attention.attend_sequence(query, memory)
    torch.testing.assert_close(contexts, (weights @ memory.values).squeeze(1))
    assert contexts.shape[-1] == attention.context


@every_attention
def test_step_by_step_is_all_at_once(name: str) -> None:
    attention, memory, query = attend(name)
    contexts, weights = attention.attend_sequence(query, memory)
    past = attention.before(memory)
    for step in range(query.shape[1]):
        context, row = attention(query[:, step : step + 1], memory, past)
        torch.testing.assert_close(context, contexts[:, step : step + 1])
        torch.testing.assert_close(row, weights[:, :, step : step + 1])
        past = attention.after(past, row)


@every_attention
def test_hypotheses_side_by_side_are_each_alone(name: str) -> None:
    attention, memory, query = attend(name)
    first = attention.before(memory)
    second = attention.after(first, attention(query[:, :1].flip(0), memory, first)[1])
    weights = None
    if first.weights is not None and second.weights is not None:
        weights = torch.cat([first.weights, second.weights], 1)
    both = Past(torch.cat([first.step, second.step], 1), weights)
    contexts, _ = attention(query, memory, both)
    for column, past in enumerate((first, second)):
        alone, _ = attention(query[:, column : column + 1], memory, past)
        torch.testing.assert_close(contexts[:, column : column + 1], alone)


@every_attention
def test_what_stands_in_padding_is_never_seen(name: str) -> None:
    pooling = AttentionPooling(build(name))
    states = torch.randn(3, 6, WIDTH, dtype=torch.float64)
    summary = torch.randn(3, WIDTH, dtype=torch.float64)
    pooled, weights = pooling(states, summary, LENGTHS)
    changed = states.masked_fill(~mask_of(LENGTHS, 6)[..., None], 1e3)
    torch.testing.assert_close(pooling(changed, summary, LENGTHS), (pooled, weights))
    for row, length in enumerate(LENGTHS.tolist()):
        alone = states[row : row + 1, :length], summary[row : row + 1], torch.tensor([length])
        torch.testing.assert_close(pooled[row : row + 1], pooling(*alone)[0])


@every_attention
def test_gradients_stay_finite_beside_masks(name: str) -> None:
    pooling = AttentionPooling(build(name)).float()
    states = torch.randn(3, 6, WIDTH, requires_grad=True)
    pooling(states, torch.randn(3, WIDTH), LENGTHS)[0].sum().backward()
    assert states.grad is not None and bool(states.grad.isfinite().all())
    assert bool((states.grad[~mask_of(LENGTHS, 6)] == 0).all())


def test_pooling_keeps_the_summary_beside_the_context() -> None:
    pooling = AttentionPooling(ATTENTIONS["additive"](5, 5, 3))
    states, summary = torch.randn(3, 6, 5), torch.randn(3, 5)
    pooled, weights = pooling(states, summary, LENGTHS)
    wanted = torch.einsum("bhus,bsv->bv", weights, states)
    torch.testing.assert_close(pooled, torch.cat([wanted, summary], 1))


def transcribed(name: str, a: Any, q: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
    """One score as its paper writes it, from the query q and the state s."""
    score: torch.Tensor
    if name in ("additive", "concat"):  # Bahdanau et al. 2015, A.1.2; Luong et al. 2015, eq. 8
        bias = 0 if a.key.bias is None else a.key.bias
        score = a.energy.weight[0] @ torch.tanh(a.query.weight @ q + a.key.weight @ s + bias)
    elif name == "dot":  # Luong et al. 2015, eq. 8
        score = q @ s
    elif name == "scaled_dot":  # Vaswani et al. 2017, eq. 1
        score = q @ s / len(q) ** 0.5
    else:  # general, Luong et al. 2015, eq. 8
        score = q @ (a.key.weight @ s)
    return score


@pytest.mark.parametrize("name", ["additive", "concat", "dot", "scaled_dot", "general"])
def test_scores_are_the_formula_of_the_paper(name: str) -> None:
    attention, memory, query = attend(name)
    scores = attention.scores(query, memory, attention.before(memory))
    for b, u, s in ((0, 0, 0), (1, 1, 5), (2, 0, 3)):
        wanted = transcribed(name, attention, query[b, u], memory.values[b, 0, s])
        torch.testing.assert_close(scores[b, 0, u, s], wanted)


def test_location_aware_weights_are_the_formula_of_the_paper() -> None:
    """Chorowski et al. 2015, eq. 5-9: f_i = F * a_{i-1}, e = w . tanh(W s + V h + U f + b)."""
    a: Any
    a, memory, query = attend("location")
    values, length = memory.values[1, 0], int(LENGTHS[1])
    before = torch.full((length,), 1 / length, dtype=torch.float64)
    weights = a.attend_sequence(query, memory)[1][1, 0]
    for u in range(2):
        energies = []
        for s in range(length):
            f = torch.zeros(a.filters, dtype=torch.float64)
            for offset in range(-a.reach, a.reach + 1):
                if 0 <= s + offset < length:
                    f += a.convolution.weight[:, 0, offset + a.reach] * before[s + offset]
            hidden = a.query.weight @ query[1, u] + a.key.weight @ values[s] + a.key.bias
            energies.append(a.energy.weight[0] @ torch.tanh(hidden + a.location.weight @ f))
        before = torch.softmax(torch.stack(energies), 0)
        torch.testing.assert_close(weights[u], before)


@pytest.mark.parametrize("name", ["local_m", "local_p"])
def test_local_weights_are_the_formula_of_the_paper(name: str) -> None:
    """Luong et al. 2015, section 3.2, D = 2; local-p by eq. 9 and 10, its rows made to sum to 1."""
    a: Any
    a, memory, query = attend(name)
    a.reach = 2
    weights = a.attend_sequence(query, memory)[1]
    for b, length in enumerate(LENGTHS.tolist()):
        values = memory.values[b, 0, :length]
        for u in range(2):
            q = query[b, u]
            align = torch.softmax(torch.stack([q @ (a.key.weight @ s) for s in values]), 0)
            factors = torch.zeros(length, dtype=torch.float64)
            centre = float(min(u, length - 1))
            if name == "local_p":
                hidden = torch.tanh(a.place[0].weight @ q)
                place = torch.sigmoid(a.place[2].weight[0] @ hidden)
                centre = (length - 1) * place.item()
            for s in range(length):
                if abs(s - centre) <= a.reach:
                    spread = (s - centre) ** 2 / (2 * (a.reach / 2) ** 2)
                    factors[s] = math.exp(-spread) if name == "local_p" else 1.0
            wanted = align * factors
            torch.testing.assert_close(weights[b, 0, u, :length], wanted / wanted.sum())


def test_forward_weights_are_the_formula_of_the_paper() -> None:
    """Zhang et al. 2018, algorithm 1: a_i(s) ~ (a_{i-1}(s) + a_{i-1}(s - 1)) exp(e_i(s))."""
    a: Any
    a, memory, query = attend("forward")
    a.reach = 1
    weights = a.attend_sequence(query, memory)[1]
    for b, length in enumerate(LENGTHS.tolist()):
        before = torch.zeros(length, dtype=torch.float64)
        before[0] = 1
        for u in range(2):
            states = memory.values[b, 0, :length]
            energies = [transcribed("additive", a, query[b, u], s) for s in states]
            lead = before + torch.cat([before.new_zeros(1), before[:-1]])
            moved = lead * torch.stack(energies).exp()
            before = moved / moved.sum()
            torch.testing.assert_close(weights[b, 0, u, :length], before)


def test_forward_weights_neither_go_back_nor_leap() -> None:
    a: Any
    a, memory, query = attend("forward")
    a.reach = 2
    at = torch.eye(6, dtype=torch.float64)[[0, 2, 0], None]  # where each sequence was looked at
    past = Past(torch.ones(3, 1, dtype=torch.long), at)
    _, weights = a(100 * query[:, :1], memory, past)  # however sure the scores are
    looked = weights[1, 0, 0] > 1e-20
    assert looked.tolist() == [False, False, True, True, True, False]


def test_multi_head_attention_is_that_of_torch() -> None:
    """Vaswani et al. 2017, section 3.2.2, as ``torch.nn.MultiheadAttention`` computes it."""
    ours: Any = build("multi_head")
    theirs = torch.nn.MultiheadAttention(WIDTH, ours.heads, batch_first=True).double()
    values = torch.randn(3, 6, WIDTH, dtype=torch.float64)
    query = torch.randn(3, 2, WIDTH, dtype=torch.float64)
    parts = (ours.query, ours.key, ours.value)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        theirs.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        theirs.out_proj.load_state_dict(ours.output.state_dict())
    mask = mask_of(LENGTHS, 6)
    contexts, weights = ours.attend_sequence(query, ours.build_memory(values, mask[:, None]))
    wanted = theirs(query, values, values, key_padding_mask=~mask, average_attn_weights=False)
    torch.testing.assert_close(contexts, wanted[0])
    torch.testing.assert_close(weights, wanted[1])


def test_widths_that_do_not_fit_are_told() -> None:
    with pytest.raises(InputError, match="dot products need equal widths, found 4 and 6"):
        ATTENTIONS["dot"](4, 6, 4)
    with pytest.raises(InputError, match="4 heads need a width that 4 divides, found 6"):
        ATTENTIONS["multi_head"](4, 4, 6)


def test_a_mask_is_true_on_real_steps() -> None:
    assert mask_of(torch.tensor([0, 2]), 3).tolist() == [[False] * 3, [True, True, False]]
