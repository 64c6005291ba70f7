"""The ConvLSTM cell against what usually helps: on CPU neither does (see `models/cells.py`)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.turns import interleave, repeat, tell
from seqarena.models.recurrent.cells import ConvLSTMCell, State
from seqarena.models.recurrent.layers import Unrolled

BATCH, STEPS, IMAGE, CHANNELS = 32, 12, (32, 6, 6), 16  # of the video experiment, after its stem


class Hoisted(ConvLSTMCell):
    """Convolves the inputs of all steps at once, as recurrent layers of vectors do."""

    def project(self, x: Tensor) -> Tensor:
        weight = self.convolution.weight[:, : x.shape[1]]
        return F.conv2d(x, weight, self.convolution.bias, padding=self.convolution.padding)

    def advance(self, projected: Tensor, state: State) -> tuple[Tensor, State]:
        h, c = state
        weight = self.convolution.weight[:, -h.shape[1] :]
        gates = projected + F.conv2d(h, weight, padding=self.convolution.padding)
        i, f, g, o = gates.chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return h, (h, c)


def main(rounds: int = 9) -> None:
    """With one thread and with two, kernels of 3 and 5."""
    for kernel in (3, 5):
        for threads in (1, 2):
            names = ("cell", "hoisted", "channels_last")
            contenders = {name: (repeat, 3, unrolled, name, kernel) for name in names}
            seconds = interleave(contenders, rounds, threads)
            for name in names[1:]:
                what = f"conv_lstm: the cell over {name}, kernel {kernel}, threads: {threads}"
                tell(what, seconds[name], seconds["cell"])


def unrolled(name: str, kernel: int) -> Callable[[], None]:
    """Run all steps forward and backward."""
    torch.manual_seed(0)
    cell = ConvLSTMCell(IMAGE, CHANNELS, kernel)
    clips = torch.randn(BATCH, STEPS, *IMAGE)
    expected = Unrolled(cell)(clips)[0]
    if name == "hoisted":
        weights, cell = cell.state_dict(), Hoisted(IMAGE, CHANNELS, kernel)
        cell.load_state_dict(weights)
    elif name == "channels_last":
        cell = cell.to(memory_format=torch.channels_last)
        frames = clips.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        clips = frames.unflatten(0, (BATCH, STEPS))
    layer = Unrolled(cell)
    torch.testing.assert_close(layer(clips)[0], expected)

    def step() -> None:
        layer(clips)[0].sum().backward()

    return step
