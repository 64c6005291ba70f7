"""Attention of steps to those before them, against a slow walk that has one query at a time."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from seqarena.decode.stepper import index
from seqarena.models.attention import steps as self_attention
from seqarena.models.attention.memory import Past
from seqarena.models.attention.scores import ATTENTIONS
from seqarena.models.attention.steps import AttentionOverAll, AttentionOverPast

WIDTH, STEPS, MEMORY = 4, 11, 4
LENGTHS = torch.tensor([11, 5, 2])
every_attention = pytest.mark.parametrize("name", ATTENTIONS)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few steps are remembered that a sequence is several blocks."""
    monkeypatch.setattr(self_attention, "MEMORY", MEMORY)


def build(name: str) -> tuple[AttentionOverPast, Tensor]:
    torch.manual_seed(0)
    over = AttentionOverPast(ATTENTIONS[name](WIDTH, WIDTH, WIDTH).double()).eval()
    for parameter in over.parameters():
        torch.nn.init.normal_(parameter)
    return over, torch.randn(3, STEPS, WIDTH, dtype=torch.float64)


def walked(over: AttentionOverPast, states: Tensor) -> tuple[Tensor, Tensor]:
    """Attend from each step of ``(T, V)`` to a memory that is built of what it may see alone."""
    contexts, rows, before = [], [], None
    for step in range(len(states)):
        first = max(0, step - MEMORY)
        seen = states[None, first : step + 1]
        mask = torch.ones(1, 1, seen.shape[1], dtype=torch.bool)
        memory = over.attention.build_memory(seen, mask)
        past = over.attention.before(memory)
        if past.weights is not None and before is not None:
            past = past._replace(weights=before[None, None, first : step + 1])
        context, weights = over.attention(
            states[None, step : step + 1], memory, Past(past.step + seen.shape[1] - 1, past.weights)
        )
        row = torch.zeros(weights.shape[1], len(states), dtype=torch.float64)
        row[:, first : step + 1] = weights[0, :, 0]
        contexts.append(context[0, 0])
        rows.append(row)
        before = row.mean(0)
    return torch.stack(contexts), torch.stack(rows, dim=1)


@every_attention
def test_a_step_looks_at_itself_and_those_before(name: str) -> None:
    over, states = build(name)
    contexts, weights, _ = over(states, None, LENGTHS)
    assert weights.shape[2:] == (STEPS, STEPS)
    for row, length in enumerate(LENGTHS.tolist()):
        wanted, looked = walked(over, states[row, :length])
        torch.testing.assert_close(contexts[row, :length], wanted)
        torch.testing.assert_close(weights[row, :, :length, :length], looked)


@every_attention
def test_what_is_learned_from_is_what_is_told(name: str) -> None:
    """A kernel that keeps no weights must come to the same contexts and gradients."""
    over, states = build(name)
    found = []
    for training in (False, True):
        over.train(training).zero_grad()
        inputs = states.clone().requires_grad_()
        contexts, weights, _ = over(inputs, None, LENGTHS)
        assert (weights is None) == training
        contexts.square().sum().backward()
        found.append((contexts.detach(), inputs.grad))
    torch.testing.assert_close(*found)


@every_attention
@pytest.mark.parametrize("sizes", [(11,), (1, 4, 6), (6, 5)])
def test_the_weights_of_windows_are_those_of_the_whole(name: str, sizes: tuple[int, ...]) -> None:
    over, states = build(name)
    _, whole, _ = over(states, None, torch.full((3,), STEPS))
    before, start = None, 0
    for window in states.split(sizes, dim=1):
        end = start + window.shape[1]
        _, weights, before = over(window, before, torch.full((3,), window.shape[1]))
        seen = weights.shape[3]
        torch.testing.assert_close(weights, whole[:, :, start:end, end - seen : end])
        start = end


@every_attention
def test_sequences_of_unlike_lengths_go_on_from_their_own_last_step(name: str) -> None:
    over, states = build(name)
    _, _, after = over(states, None, LENGTHS)
    new = torch.randn(3, 2, WIDTH, dtype=torch.float64)
    found, _, _ = over(new, after, torch.full((3,), 2))
    for row, length in enumerate(LENGTHS.tolist()):
        alone = torch.cat([states[row, :length], new[row]])
        wanted, _ = walked(over, alone)
        torch.testing.assert_close(found[row], wanted[length:])


def test_what_is_carried_on_is_no_longer_than_the_memory() -> None:
    over, states = build("location")
    after: Any = None
    for number, window in enumerate(states.split(1, dim=1), start=1):
        _, _, after = over(window, after, torch.ones(3, dtype=torch.long))
        assert after.steps == min(number, MEMORY)
    (kept,) = index((after,), torch.tensor([2, 0]))
    torch.testing.assert_close(kept.parts[0], states[[2, 0], -MEMORY:])


def test_scaled_dot_products_are_the_formula_over_the_past() -> None:
    """Vaswani et al. 2017, equation 1, over the steps up to each."""
    over, states = build("scaled_dot")
    contexts, weights, _ = over(states, None, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        for step in range(length):
            places = range(max(0, step - MEMORY), step + 1)
            query = states[row, step]
            scores = [math.exp(query @ states[row, s] / math.sqrt(WIDTH)) for s in places]
            shares = [score / sum(scores) for score in scores]
            wanted = sum(share * states[row, s] for share, s in zip(shares, places, strict=True))
            torch.testing.assert_close(contexts[row, step], wanted)
            assert weights[row, 0, step, list(places)].tolist() == pytest.approx(shares)
            assert weights[row, 0, step].sum() == pytest.approx(1)


def test_of_what_is_too_long_to_be_read_no_map_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    over, states = build("dot")
    contexts, weights, _ = over(states, None, LENGTHS)
    monkeypatch.setattr(self_attention, "LONGEST_MAP", STEPS - 1)
    same, none, _ = over(states, None, LENGTHS)
    assert weights is not None and none is None
    torch.testing.assert_close(same, contexts)


def test_over_all_steps_the_later_ones_are_seen_too() -> None:
    over = AttentionOverAll(ATTENTIONS["dot"](WIDTH, WIDTH, WIDTH))
    states = torch.randn(3, STEPS, WIDTH)
    _, weights, after = over(states, None, LENGTHS)
    assert after is None
    for row, length in enumerate(LENGTHS.tolist()):
        assert bool((weights[row, :, :, :length] > 0).all())
        assert not weights[row, :, :, length:].any()
