"""Connectionist temporal classification: a token or none at every step of the source."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from seqarena.data.batches import Batch
from seqarena.data.tokens import PAD
from seqarena.decode import Decoding, Hypothesis
from seqarena.models.heads import Encoded, Writer
from seqarena.models.outputs import CTCLogits
from seqarena.models.regularisation.dropout import Dropout


class CTCHead(Writer):
    """A token or a blank per step, each on its own (Graves et al. 2006); padding is the blank.

    Tokens come in the order of the source, at most one per step: this suits speech and handwriting,
    not translation.
    """

    def __init__(self, width: int, vocabulary: int, dropout: float) -> None:
        super().__init__()
        self.output = nn.Sequential(Dropout(dropout), nn.Linear(width, vocabulary))

    def forward(self, encoded: Encoded, batch: Batch) -> CTCLogits:
        logits = self.output(encoded.states)
        return CTCLogits(logits=logits, lengths=encoded.lengths)

    def write(
        self, encoded: Encoded, decoding: Decoding, max_length: int
    ) -> list[list[Hypothesis]]:
        """Decode the steps; their number is the limit, not `max_length`."""
        return decoding.decode_ctc(self.output(encoded.states), encoded.lengths)


def ctc_nll(logits: Tensor, lengths: Tensor, batch: Batch, *, learning: bool = False) -> Tensor:
    """Return ``-log P`` of each true text over all its alignments, ``(B,)``.

    Logits are ``(B, S, V)``. A text that is longer than its source has no alignment: probability 0,
    infinite ``-log P``. With `learning` its loss and gradient are 0.
    """
    assert batch.target_lengths is not None
    return F.ctc_loss(
        logits.float().log_softmax(-1).transpose(0, 1),
        batch.targets.long(),
        lengths,
        batch.target_lengths - 1,  # without the end token, which no step writes
        blank=PAD,
        reduction="none",
        zero_infinity=learning,
    )
