"""What half precision must not reach: recurrences, and values that are forecast."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from models.test_recurrent import BOTH_WAYS, IMAGES, SHAPES, VECTORS
from seqarena.data.batches import Batch
from seqarena.models.heads import Encoded, PooledHead

LAYERS = VECTORS | IMAGES | BOTH_WAYS


@pytest.mark.parametrize("name", LAYERS)
def test_a_recurrence_is_computed_in_float32(name: str) -> None:
    layer = LAYERS[name]()
    x = torch.randn(4, 7, *SHAPES.get(name, (3,)))
    whole, last = layer(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert nn.Linear(3, 3)(torch.ones(1, 3)).dtype == torch.bfloat16
        outputs, state = layer(x)
        again, _ = layer(x[:, :1].bfloat16(), state)
    assert outputs.dtype == again.dtype == torch.float32
    torch.testing.assert_close(outputs, whole, rtol=0, atol=0)
    torch.testing.assert_close(state, last, rtol=0, atol=0)
    outputs.sum().backward()
    assert all(p.grad is None or p.grad.dtype == torch.float32 for p in layer.parameters())


def test_values_of_many_sequences_are_as_many() -> None:
    head = PooledHead(8, None, 1, 0.0)
    summary = torch.randn(2_000, 8, generator=torch.Generator().manual_seed(0))
    encoded = Encoded(summary[:, None], summary, torch.ones(2_000, dtype=torch.long))
    batch = Batch(summary[:, None], encoded.lengths, torch.zeros(2_000))
    with torch.autocast("cpu", torch.bfloat16):
        assert len(head.output(summary).unique()) < 1_500
        assert len(head(encoded, batch).logits.unique()) > 1_990
