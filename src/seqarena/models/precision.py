"""What must not be computed in half precision, whatever the rest of a model is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor

from seqarena.decode.stepper import change_all

T = TypeVar("T")


def in_float32(compute: Callable[..., T], x: Tensor, *others: Any) -> T:
    """Return ``compute(x, *others)``, outside of autocast where that is on; `others` may be nested.

    Recurrences are: autocast has cuDNN compute an RNN, GRU or LSTM in float16 even where bfloat16
    is asked for (ATen's AutocastRNN.cpp), whose small gradients vanish without a scaled loss; and a
    cell that adds up thousands of steps has 8 bits in bfloat16, so that small ones are lost.
    """
    if not torch.is_autocast_enabled(x.device.type):
        return compute(x, *others)
    with torch.autocast(x.device.type, enabled=False):
        return compute(*change_all((x, *others), Tensor.float))
