"""Whether the disk that checkpoints may take holds any, told before a search."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import torch

from seqarena.config import Dimension, Experiment
from seqarena.data.store import DataSpec
from seqarena.errors import InputWarning
from seqarena.search.matching import with_matched_size
from seqarena.spaces import smallest
from seqarena.tasks import task_for

COPIES = 4  # of all weights: as they are, the best so far, and two moments of the optimiser


def warn_of_little_disk(
    experiment: Experiment,
    spec: DataSpec,
    spaces: Mapping[str, dict[str, Dimension]],
    where: str,
) -> None:
    """Warn where not even the smallest model of a variant leaves a checkpoint that fits."""
    most = experiment.resources.disk
    if most is None:
        return
    needed = {name: _least(experiment, spec, name, space) for name, space in spaces.items()}
    if too_large := [name for name, size in needed.items() if size > most]:
        least = type(most)(min(needed[name] for name in too_large)).human_readable(decimal=True)
        found = f"{most.human_readable(decimal=True)}, and a checkpoint of {', '.join(too_large)}"
        cost = f"takes {least} at least; what is stopped of them begins anew"
        warnings.warn(f"{where}.resources.disk: {found} {cost}", InputWarning, stacklevel=2)


def _least(
    experiment: Experiment, spec: DataSpec, variant: str, space: dict[str, Dimension]
) -> int:
    """Return the bytes of the tensors in a checkpoint of the smallest model."""
    chosen = with_matched_size(experiment, spec, variant, smallest(space))
    with torch.device("meta"):  # shapes alone
        model = task_for(experiment.task).model(variant, spec, chosen)
    sizes: list[int] = [tensor.nbytes for tensor in model.state_dict().values()]
    return COPIES * sum(sizes)
