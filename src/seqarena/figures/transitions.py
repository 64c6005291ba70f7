"""What a CRF learned of labels beside one another."""

from __future__ import annotations

import numpy as np

from seqarena.data.store import Array
from seqarena.models.crf import CRFHead
from seqarena.models.model import SequenceModel


def transitions_of(model: SequenceModel) -> Array | None:
    """Return the scores ``(K + 1, K + 1)`` of a CRF, None of a model without.

    The start and each label down, each label and the end across; the end after the start is nan.
    """
    if not isinstance(model.head, CRFHead):
        return None
    start, between, end = (part.detach().cpu().numpy() for part in model.head.chain)
    return np.block([[start[None], np.full((1, 1), np.nan)], [between, end[:, None]]])
