"""What the gates of a recurrence do along a sequence."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqarena.data.batches import Batch, collate
from seqarena.data.modalities import modality
from seqarena.data.store import Array, DataSpec
from seqarena.models.model import SequenceModel
from seqarena.models.recurrent.encoders import RecurrentEncoder
from seqarena.models.recurrent.layers import Fused, WeightDrop
from seqarena.plots.gates import gate_maps

Gates = dict[str, Array]  # name -> (S, H) in 0 … 1


def gates_of(model: SequenceModel, steps: Array) -> Gates | None:
    """Compute the gates over one sequence ``(T, *)`` of an encoder that is one GRU or LSTM layer.

    A gate depends on a step and on the state before it, and the kernel tells every state, so that
    all steps are computed at once; its weights lie as those of `recurrent.cells` do.
    None for any other encoder.
    """
    encoder = model.encoder
    if not isinstance(encoder, RecurrentEncoder):
        return None
    layer = encoder.layer.layer if isinstance(encoder.layer, WeightDrop) else encoder.layer
    if not isinstance(layer, Fused):
        return None
    kernel = layer.kernel
    if not isinstance(kernel, (nn.GRU, nn.LSTM)):
        return None
    with torch.inference_mode():
        features = _features(model, collate([steps]))
        states, _ = kernel(features)
        before = F.pad(states[0, :-1], (0, 0, 1, 0))  # the first step follows zeros
        weight_ih, weight_hh, bias_ih, bias_hh = kernel.parameters()
        read, kept = F.linear(features[0], weight_ih, bias_ih), F.linear(before, weight_hh, bias_hh)
        if isinstance(kernel, nn.LSTM):
            i, f, _, o = torch.sigmoid(read + kept).chunk(4, dim=1)
            return {"input": i.numpy(), "forget": f.numpy(), "output": o.numpy()}
        r, z, _ = torch.sigmoid(read + kept).chunk(3, dim=1)
        return {"reset": r.numpy(), "update": z.numpy()}


def _features(model: SequenceModel, batch: Batch) -> Tensor:
    """Return what the encoder reads of a batch: what its frontend makes, of normalised windows."""
    made: list[tuple[Tensor, Tensor]] = []
    with model.frontend.register_forward_hook(lambda _module, _inputs, out: made.append(out)):
        model.encode(batch)
    return made[0][0]


def draw_gates(path: Path, spec: DataSpec, steps: Array, gates: Gates, title: str) -> None:
    """Draw gates over the steps that they were computed for, a patch by its first step."""
    count = len(next(iter(gates.values())))
    if spec.modality == "image":  # one step that is read region by region
        labels, unit = [str(region) for region in range(1, count + 1)], "region"
    else:
        labels, unit = modality(spec.modality).step_labels(steps, spec), spec.step
    patch = len(labels) // count
    first = len(labels) - patch * count  # what is left over is dropped at the beginning
    gate_maps(gates, labels[first::patch], unit, title, path)
