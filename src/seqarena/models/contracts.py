"""What every variant keeps to, whoever wrote it: the user's own are held to it before a search."""

from __future__ import annotations

import torch
from torch import Tensor

from seqarena.data.batches import Batch
from seqarena.models.heads import Encoded
from seqarena.models.model import SequenceModel
from seqarena.models.window_norm import NormalisedWindows


def broken_contract(model: SequenceModel, batch: Batch, *, causal: bool) -> str | None:
    """Return what a model does that none may, on sequences of unlike lengths, or None.

    `causal` says that a state depends on no later step, beside the level of its window.
    """
    model.eval()
    with torch.no_grad():
        together = model.encode(batch)
        for reason in (
            _shape(model, together, batch),
            _padding(model, together, batch),
            _content(model, together, batch),
            _future(model, batch) if causal and not isinstance(model, NormalisedWindows) else None,
        ):
            if reason is not None:
                return reason
    return _untrained(model, batch)


def _shape(model: SequenceModel, encoded: Encoded, batch: Batch) -> str | None:
    rows, width = len(batch.lengths), model.encoder.width
    if encoded.states.ndim != 3 or encoded.states.shape[::2] != (rows, width):
        found = tuple(encoded.states.shape)
        return f"its states are {found}; expected ({rows}, steps, {width})"
    if encoded.summary.shape != (rows, width):
        return f"its summary is {tuple(encoded.summary.shape)}; expected ({rows}, {width})"
    return None


def _padding(model: SequenceModel, together: Encoded, batch: Batch) -> str | None:
    for row, length in enumerate(batch.lengths.tolist()):
        inputs, one = batch.inputs[row : row + 1, :length], slice(row, row + 1)
        alone = model.encode(batch._replace(inputs=inputs, lengths=batch.lengths[one]))
        kept = int(alone.lengths)
        same = _close(together.states[one, :kept], alone.states[:, :kept])
        if not same or not _close(together.summary[one], alone.summary):
            return "padding changes what it makes of a sequence; `lengths` says where each ends"
    return None


def _content(model: SequenceModel, together: Encoded, batch: Batch) -> str | None:
    filled = batch.inputs.clone()
    for row, length in enumerate(batch.lengths.tolist()):
        filled[row, length:] = 3
    found = model.encode(batch._replace(inputs=filled))
    if _close(found.summary, together.summary):
        return None
    return "it reads what stands in padding; `lengths` says where each sequence ends"


def _future(model: SequenceModel, batch: Batch) -> str | None:
    row = int(batch.lengths.argmax())
    if batch.lengths[row] < 2:  # a picture is one step, whose regions see one another
        return None
    inputs, lengths = batch.inputs[row : row + 1], batch.lengths[row : row + 1]
    changed = inputs.clone()
    changed[:, -1] = inputs[:, 0] if not torch.equal(inputs[:, 0], inputs[:, -1]) else 0
    before, after = (
        model.encode(batch._replace(inputs=each, lengths=lengths)).states
        for each in (inputs, changed)
    )
    if _close(before[:, :-1], after[:, :-1]):
        return None
    return 'its states depend on later steps; expected `context="full"` in its `Variant`'


def _untrained(model: SequenceModel, batch: Batch) -> str | None:
    encoded = model.encode(batch)
    total = encoded.states.square().sum() + encoded.summary.square().sum()
    if total.requires_grad:  # an encoder may leave all that is learned to the head
        total.backward()
    for name, parameter in model.encoder.named_parameters():
        if parameter.grad is None or not parameter.grad.any():
            return f"its parameter '{name}' has no gradient, so that it never learns"
    return None


def _close(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=1e-4, atol=1e-5)
