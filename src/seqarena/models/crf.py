"""Labels that are told together: a conditional random field over the states of an encoder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from seqarena.data.batches import Batch
from seqarena.decode import Chain, log_marginals, log_partition, viterbi
from seqarena.models.attention.steps import StepAttention
from seqarena.models.heads import Encoded, StepHead
from seqarena.models.outputs import Logits


@dataclass(frozen=True, kw_only=True)
class CRFLogits(Logits):
    """Logits per step ``(B, T, K)`` that are the emissions of a chain."""

    chain: Chain

    def nll(self, truth: Tensor) -> Tensor:
        """Return ``-log P`` of the true labels ``(B, T)``, negative where there is none: ``(B,)``.

        Where steps have none it is that of all sequences with the labels that there are (Tsuboi et
        al. 2008). These and all sequences are summed side by side, in one loop over time.
        """
        labels = torch.arange(self.logits.shape[2], device=truth.device)
        wrong = (truth[..., None] >= 0) & (truth[..., None] != labels)
        either = torch.cat([self.logits, self.logits.masked_fill(wrong, -torch.inf)])
        every, true = log_partition(either, self.lengths.repeat(2), self.chain).chunk(2)
        return every - true

    @cached_property
    def likeliest(self) -> Tensor:
        """The labels ``(B, T)`` of the likeliest sequence; every metric reads them."""
        return viterbi(self.logits, self.lengths, self.chain)

    def log_marginals(self) -> Tensor:
        """Return the log-probability of each label at each step, ``(B, T, K)``."""
        return log_marginals(self.logits, self.lengths, self.chain)


class CRFHead(StepHead):
    """A label per step, told together with those beside it (Huang et al. 2015).

    At first the scores of labels beside one another are 0: each step is labelled by itself.
    """

    def __init__(
        self, width: int, attention: StepAttention | None, outputs: int, dropout: float
    ) -> None:
        super().__init__(width, attention, outputs, dropout)
        self.start, self.end = (nn.Parameter(torch.zeros(outputs)) for _ in range(2))
        self.between = nn.Parameter(torch.zeros(outputs, outputs))

    @property
    def chain(self) -> Chain:
        """The scores of labels beside one another."""
        return Chain(self.start, self.between, self.end)

    def forward(self, encoded: Encoded, batch: Batch) -> CRFLogits:
        output = super().forward(encoded, batch)
        return CRFLogits(
            logits=output.logits.float(),  # sums over a whole sequence, whatever computed them
            lengths=output.lengths,
            weights=output.weights,
            state=output.state,
            # Copies: of what is computed without gradients, the score needs none either.
            chain=Chain(*(part.clone() for part in self.chain)),
        )
