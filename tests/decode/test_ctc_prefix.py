"""What CTC says comes next, against every path that there is."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict

import pytest
import torch
from torch import Tensor

from seqarena.data.tokens import END, PAD
from seqarena.decode.ctc_prefix import Prefix, extended, next_tokens, no_tokens

VOCABULARY = 5
LENGTHS = torch.tensor([5, 3, 1])
WRITTEN = torch.tensor([[1, 1, 3], [3, 1, 1], [4, 4, 1]])  # with repeats, and more than fit


@pytest.fixture
def logs() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(3, 5, VOCABULARY, generator=generator, dtype=torch.float64)
    return torch.log_softmax(2 * drawn, -1)


def texts(logs: Tensor) -> dict[tuple[int, ...], float]:
    """The probability of each text that the steps ``(T, V)`` may be read as."""
    found: dict[tuple[int, ...], float] = defaultdict(float)
    for path in itertools.product(range(VOCABULARY), repeat=len(logs)):
        read = tuple(symbol for symbol, _ in itertools.groupby(path) if symbol != PAD)
        found[read] += math.exp(sum(float(logs[t, symbol]) for t, symbol in enumerate(path)))
    return found


def test_what_comes_next_is_what_all_paths_say(logs: Tensor) -> None:
    prefix, before = no_tokens(logs), [()] * 3
    possible = 0
    every = [texts(row[:length]) for row, length in zip(logs, LENGTHS.tolist(), strict=True)]
    for step in range(4):
        found = next_tokens(prefix, logs, LENGTHS)[:, 0].exp()
        for chances, all_texts, begun in zip(found, every, before, strict=True):
            begins = {
                longer: sum(p for text, p in all_texts.items() if text[: len(longer)] == longer)
                for longer in (begun, *((*begun, token) for token in range(VOCABULARY)))
            }
            if not begins[begun]:
                assert not chances.any()
                continue
            possible += 1
            for token in set(range(VOCABULARY)) - {PAD, END}:
                wanted = begins[(*begun, token)] / begins[begun]
                assert float(chances[token]) == pytest.approx(wanted, abs=1e-12)
            assert float(chances[END]) == pytest.approx(all_texts[begun] / begins[begun], abs=1e-12)
        if step < 3:
            prefix = extended(prefix, WRITTEN[:, step : step + 1], logs, LENGTHS)
            before = [(*b, int(w)) for b, w in zip(before, WRITTEN[:, step], strict=True)]
    assert possible == 4 + 3 + 2


def test_the_end_token_changes_nothing(logs: Tensor) -> None:
    begun = extended(no_tokens(logs), WRITTEN[:, :1], logs, LENGTHS)
    for prefix in (no_tokens(logs), begun):
        same = extended(prefix, torch.full_like(prefix.last, END), logs, LENGTHS)
        for name in Prefix._fields:
            torch.testing.assert_close(getattr(same, name), getattr(prefix, name))


def test_many_steps_stay_finite() -> None:
    generator = torch.Generator().manual_seed(1)
    logs = torch.log_softmax(
        20 * torch.randn(1, 3000, 30, generator=generator, dtype=torch.float64), -1
    )
    prefix, lengths = no_tokens(logs), torch.tensor([3000])
    for token in (5, 5, 7):
        prefix = extended(prefix, torch.tensor([[token]]), logs, lengths)
        found = next_tokens(prefix, logs, lengths)
        assert found.isfinite().all()
        assert found[..., [END, *range(3, 30)]].exp().sum() == pytest.approx(1, abs=1e-6)
