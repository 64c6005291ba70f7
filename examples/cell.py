"""A new cell: the minimal gated unit (Zhou et al. 2016), a GRU with one gate where that has two.

Runs it over padded sequences of different lengths, then step by step, and compares the two.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from seqarena.models.recurrent.cells import CELLS, GatedCell, State, seen
from seqarena.models.recurrent.layers import Unrolled


class MinimalGatedCell(GatedCell):
    """``f = s(W x + U h)``, ``n = tanh(W x + f * U h)``, ``h = (1 - f) * h + f * n``.

    As in the GRU of cuDNN, the gate is applied after ``U h``, where the paper has it before.
    """

    gates = 2  # rows of the weights, in blocks of the width: the forget gate, the candidate
    states = 1  # tensors that a step hands to the next: h

    def advance(
        self, projected: Tensor, state: State, mask: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Finish one step: ``W x + b`` ``(B, 2 * width)`` and ``h`` before it."""
        (h,) = state
        x_forget, x_new = projected.chunk(2, -1)
        h_forget, h_new = F.linear(seen(h, mask), self.weight_hh, self.bias_hh).chunk(2, -1)
        forget = torch.sigmoid(x_forget + h_forget)
        new = torch.tanh(x_new + forget * h_new)
        h = h + forget * (new - h)
        return h, (h,)


# In the project this is one line of CELLS, at the foot of models/recurrent/cells.py.
CELLS["minimal_gated"] = MinimalGatedCell


@torch.no_grad()
def main() -> None:
    """Run the cell over two sequences, of 5 steps and of 3."""
    torch.manual_seed(0)
    layer = Unrolled(CELLS["minimal_gated"](inputs=3, width=4))
    x, lengths = torch.randn(2, 5, 3), torch.tensor([5, 3])
    outputs, (h,) = layer(x, lengths=lengths)
    print(f"inputs {tuple(x.shape)} -> outputs {tuple(outputs.shape)}, state {tuple(h.shape)}")

    state = layer.cell.initial_state(x[:, 0])
    for t in range(3):
        output, state = layer.cell(x[:, t], state)
    print(f"step by step the third output is the same: {torch.allclose(output, outputs[:, 2])}")
    print(f"the state of the short sequence is that after its end: {torch.equal(h[1], output[1])}")


if __name__ == "__main__":
    main()
