"""Faster ways through a frontend are the plain ones, within rounding."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from seqarena.models.frontends import PixelConvolution


@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize("sides", [(8, 12), (7, 5), (1, 2)])
def test_a_convolution_of_pixels_is_that_of_torch(colours: int, sides: tuple[int, int]) -> None:
    torch.manual_seed(0)
    layer = PixelConvolution(colours, 4).double()
    assert layer.bias is not None
    images = torch.randn(3, colours, *sides, dtype=torch.float64)
    plain = F.conv2d(images, layer.weight, layer.bias, stride=2, padding=1)
    learned = layer(images)
    torch.testing.assert_close(learned, plain)
    assert learned.is_contiguous(memory_format=torch.channels_last)
    towards, learn = torch.randn_like(plain), [layer.weight, layer.bias]
    wanted = torch.autograd.grad(plain, learn, towards)
    torch.testing.assert_close(torch.autograd.grad(learned, learn, towards), wanted)
    with torch.inference_mode():
        torch.testing.assert_close(layer(images), plain)
