"""What keeps a recurrence from relying on its state: masks of it, steps that leave it, weights.

Each is a hyperparameter of every recurrent variant, 0 unless it is searched.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from seqarena.models.hyperparameters import Hyperparameters
from seqarena.models.recurrent.cells import Cell, State
from seqarena.models.regularisation.dropout import Dropout


class StateDropout(NamedTuple):
    """The share that each leaves out, from 0 for none to below 1."""

    recurrent_dropout: float = 0.0  # of the state, as products read it: see `MaskedCell`
    zoneout: float = 0.0  # of the steps of a unit: see `ZoneoutCell`
    weight_dropout: float = 0.0  # of the recurrence's weights: see `layers.WeightDrop`

    @classmethod
    def of(cls, h: Hyperparameters) -> StateDropout:
        """Take those that are among hyperparameters."""
        return cls(*(h.get(name, 0.0) for name in cls._fields))

    @property
    def of_steps(self) -> bool:
        """Whether single steps are not those of the cell, so that no kernel serves."""
        return bool(self.recurrent_dropout or self.zoneout)

    def around(self, cell: Cell) -> Cell:
        """Return a cell with what concerns its steps."""
        if self.recurrent_dropout:
            cell = MaskedCell(cell, self.recurrent_dropout)
        return ZoneoutCell(cell, self.zoneout) if self.zoneout else cell


NOTHING = StateDropout()


class MaskedCell(Cell):
    """A cell that reads its state through one dropout mask per sequence (Gal & Ghahramani 2016).

    Masks are tied over the gates, and what is carried on is not masked. The mask is part of the
    state, the last: so it lasts over windows of a sequence, too.
    """

    def __init__(self, cell: Cell, dropout: float) -> None:
        super().__init__()
        self.cell, self.dropout = cell, Dropout(dropout)
        self.output_shape = cell.output_shape

    def initial_state(self, x: Tensor) -> State:
        state = self.cell.initial_state(x)
        return (*state, self.dropout(torch.ones_like(state[0])))

    def project(self, x: Tensor) -> Tensor:
        return self.cell.project(x)

    def advance(
        self, projected: Tensor, state: State, mask: Tensor | None = None
    ) -> tuple[Tensor, State]:
        *before, own = state
        output, after = self.cell.advance(projected, tuple(before), own)
        return output, (*after, own)


class ZoneoutCell(Cell):
    """A cell whose units at times stay as they were before a step (Krueger et al. 2017).

    In evaluation each goes as far as it would on average. Every tensor of the state has the same
    `share`, and its first is the output; that of an LSTM is made of the cell before it is kept
    back, as in the paper's equations.
    """

    def __init__(self, cell: Cell, share: float) -> None:
        super().__init__()
        self.cell, self.share = cell, share
        self.output_shape = cell.output_shape

    def initial_state(self, x: Tensor) -> State:
        return self.cell.initial_state(x)

    def project(self, x: Tensor) -> Tensor:
        return self.cell.project(x)

    def advance(
        self, projected: Tensor, state: State, mask: Tensor | None = None
    ) -> tuple[Tensor, State]:
        _, new = self.cell.advance(projected, state)
        after = tuple(self._zoned(*pair) for pair in zip(new, state, strict=True))
        return after[0], after

    def _zoned(self, new: Tensor, old: Tensor) -> Tensor:
        if not self.training:
            return torch.lerp(new, old, self.share)
        return torch.lerp(new, old, torch.empty_like(new).bernoulli_(self.share))
