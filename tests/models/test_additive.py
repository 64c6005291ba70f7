"""Additive scores by exponentials against the formula with its tangent."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from seqarena.models.attention.additive import BOUND, additive_scores


def formula(query: Tensor, keys: Tensor, energy: Tensor) -> Tensor:
    return torch.tanh(query[:, :, None] + keys[:, None]) @ energy


def given(size: float, dtype: torch.dtype) -> list[Tensor]:
    torch.manual_seed(0)
    shapes = (3, 4, 5), (3, 6, 5), (5,)
    tensors = [torch.randn(shape, dtype=dtype) for shape in shapes]
    scaled = [size * tensor for tensor in tensors[:2]]
    return [tensor.requires_grad_() for tensor in (*scaled, tensors[2])]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1e-4, 1.0, 10.0])  # of the addends; at 10 most are saturated
def test_scores_and_gradients_are_those_of_the_formula(size: float, dtype: torch.dtype) -> None:
    tensors = given(size, dtype)
    weights = torch.randn(3, 4, 6, dtype=dtype)
    results = [way(*tensors) for way in (additive_scores, formula)]
    torch.testing.assert_close(*results)
    ours, theirs = (torch.autograd.grad((each * weights).sum(), tensors) for each in results)
    torch.testing.assert_close(ours, theirs)


def test_gradients_are_those_of_finite_differences() -> None:
    assert torch.autograd.gradcheck(additive_scores, given(1.0, torch.float64))


def test_addends_of_any_size_are_finite_and_may_offset_each_other_up_to_the_bound() -> None:
    ends = torch.tensor([-1e4, -BOUND, -BOUND + 1, 0.0, BOUND, 1e4])
    query, keys, energy = ends.view(1, -1, 1), ends.view(1, -1, 1), torch.ones(1)
    scores = additive_scores(query, keys, energy)
    assert bool(scores.isfinite().all())
    within = ends.abs() <= BOUND
    kept = within[:, None] & within | (ends[:, None].sign() == ends.sign())
    torch.testing.assert_close(scores[0][kept], formula(query, keys, energy)[0][kept])


def test_it_trains_under_autocast() -> None:
    tensors = given(1.0, torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = additive_scores(*tensors)
    scores.sum().backward()
    assert all(t.grad is not None and t.grad.dtype == torch.float32 for t in tensors)
