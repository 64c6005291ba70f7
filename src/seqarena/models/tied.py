"""An output whose tokens are scored by the vectors that they are read as."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqarena.models.frontends import Embedding
from seqarena.models.heads import StepHead
from seqarena.models.model import SequenceModel

OWN, TIED = CHOICES = ("own", "tied")


class TiedOutput(nn.Module):
    """Logits ``(B, T, V)`` by a table of embeddings that is not its own (Press & Wolf 2017).

    States are projected to the size of an embedding first, since the two differ here.
    """

    def __init__(self, inputs: int, table: nn.Embedding) -> None:
        super().__init__()
        self.project = nn.Linear(inputs, table.embedding_dim)
        self.bias = nn.Parameter(torch.zeros(table.num_embeddings))
        self.shared = (table,)  # a tuple, so that its weights are not kept twice

    def forward(self, states: Tensor) -> Tensor:
        (table,) = self.shared
        # The vector of padding is zero, and learns nothing from what is never written.
        weight = torch.cat([table.weight[:1].detach(), table.weight[1:]])
        return F.linear(self.project(states), weight, self.bias)


def tie(model: SequenceModel) -> None:
    """Have a model of tokens score them by the table that it reads them by."""
    assert isinstance(model.frontend, Embedding)
    assert isinstance(model.head, StepHead)
    last = model.head.output[-1]
    assert isinstance(last, nn.Linear)
    model.head.output[-1] = TiedOutput(last.in_features, model.frontend.table)
