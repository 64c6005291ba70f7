"""Our own ways back through time against torch's kernels."""

import pytest
import torch
from torch import Tensor, nn

from seqarena.models.recurrent.cpu_bptt import run_layer

Of = type[nn.GRU] | type[nn.RNN]
BOTH = pytest.mark.parametrize("of", [nn.GRU, nn.RNN])


@BOTH
@pytest.mark.parametrize("steps", [1, 6])
def test_outputs_and_gradients_are_those_of_the_kernel(of: Of, steps: int) -> None:
    torch.manual_seed(0)
    kernel = of(5, 7, batch_first=True).double()
    x = torch.randn(3, steps, 5, dtype=torch.double, requires_grad=True)
    state = torch.randn(1, 3, 7, dtype=torch.double, requires_grad=True)
    weights = torch.randn(3, steps, 7, dtype=torch.double)

    def everything(outputs: Tensor, last: Tensor) -> list[Tensor]:
        loss = (outputs * weights).sum() + last.square().sum()
        return [outputs, last, *torch.autograd.grad(loss, [x, state, *kernel.parameters()])]

    theirs = everything(*kernel(x, state))
    for one, other in zip(everything(*run_layer(kernel, x, state)), theirs, strict=True):
        torch.testing.assert_close(one, other)


@BOTH
def test_without_a_state_it_begins_at_zero(of: Of) -> None:
    kernel, x = of(2, 3, batch_first=True), torch.randn(4, 5, 2)
    for one, other in zip(run_layer(kernel, x, None), kernel(x), strict=True):
        torch.testing.assert_close(one, other)
        assert one.requires_grad


@BOTH
def test_it_trains_under_autocast(of: Of) -> None:
    kernel, x = of(2, 3, batch_first=True), torch.randn(4, 5, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs, _ = run_layer(kernel, x, None)
    outputs.float().sum().backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in kernel.parameters())
