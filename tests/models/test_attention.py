"""Contracts of attention: rows sum to 1, nothing leaks from padding, scores are the formula's."""

from __future__ import annotations

import pytest
import torch

from seqarena.models.attention import ATTENTIONS, AttentionPooling, mask_of

LENGTHS = torch.tensor([2, 6, 1])


def attend(name: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    attention = ATTENTIONS[name](4, 5, 3).double()
    values = torch.randn(3, 6, 5, dtype=torch.float64)
    mask = mask_of(LENGTHS, 6)
    query = torch.randn(3, 2, 4, dtype=torch.float64)
    contexts, weights = attention(query, attention.remember(values, mask))
    return contexts, weights, values


@pytest.mark.parametrize("name", ATTENTIONS)
def test_rows_sum_to_one_and_are_zero_where_masked(name: str) -> None:
    _, weights, _ = attend(name)
    assert weights.shape[0] == 3 and weights.shape[2:] == (2, 6)
    torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]))
    masked = ~mask_of(LENGTHS, 6)[:, None, None].expand_as(weights)
    assert bool((weights[masked] == 0).all())
    assert bool((weights[~masked] > 0).all())


@pytest.mark.parametrize("name", ATTENTIONS)
def test_contexts_are_the_weighted_values(name: str) -> None:
    contexts, weights, values = attend(name)
    heads = weights.shape[1]
    wanted = torch.einsum("bhus,bsv->buhv", weights, values).reshape(3, 2, heads * 5)
    torch.testing.assert_close(contexts, wanted)


@pytest.mark.parametrize("name", ATTENTIONS)
def test_what_stands_in_padding_is_never_seen(name: str) -> None:
    pooling = AttentionPooling(ATTENTIONS[name](5, 5, 3)).double()
    states = torch.randn(3, 6, 5, dtype=torch.float64)
    summary = torch.randn(3, 5, dtype=torch.float64)
    pooled, weights = pooling(states, summary, LENGTHS)
    changed = states.masked_fill(~mask_of(LENGTHS, 6)[..., None], 1e3)
    torch.testing.assert_close(pooling(changed, summary, LENGTHS), (pooled, weights))
    for row, length in enumerate(LENGTHS.tolist()):
        alone = states[row : row + 1, :length], summary[row : row + 1], torch.tensor([length])
        torch.testing.assert_close(pooled[row : row + 1], pooling(*alone)[0])


@pytest.mark.parametrize("name", ATTENTIONS)
def test_gradients_stay_finite_beside_masks(name: str) -> None:
    pooling = AttentionPooling(ATTENTIONS[name](5, 5, 3))
    states = torch.randn(3, 6, 5, requires_grad=True)
    pooling(states, torch.randn(3, 5), LENGTHS)[0].sum().backward()
    assert states.grad is not None and bool(states.grad.isfinite().all())
    assert bool((states.grad[~mask_of(LENGTHS, 6)] == 0).all())


def test_pooling_keeps_the_summary_beside_the_context() -> None:
    pooling = AttentionPooling(ATTENTIONS["additive"](5, 5, 3))
    states, summary = torch.randn(3, 6, 5), torch.randn(3, 5)
    pooled, weights = pooling(states, summary, LENGTHS)
    wanted = torch.einsum("bhus,bsv->bv", weights, states)
    torch.testing.assert_close(pooled, torch.cat([wanted, summary], 1))


def test_additive_scores_are_the_formula_of_the_paper() -> None:
    attention = ATTENTIONS["additive"](4, 5, 3).double()
    values = torch.randn(3, 6, 5, dtype=torch.float64)
    query = torch.randn(3, 2, 4, dtype=torch.float64)
    scores = attention.scores(query, attention.remember(values, mask_of(LENGTHS, 6)), None)
    w, u, v = attention.query.weight, attention.key.weight, attention.energy.weight[0]
    for b, i, s in ((0, 0, 0), (1, 1, 5), (2, 0, 3)):
        wanted = v @ torch.tanh(w @ query[b, i] + u @ values[b, s] + attention.key.bias)
        torch.testing.assert_close(scores[b, 0, i, s], wanted)


def test_a_mask_is_true_on_real_steps() -> None:
    assert mask_of(torch.tensor([0, 2]), 3).tolist() == [[False] * 3, [True, True, False]]
