"""How far back a variant sees that sees only so far, beside how long the data is."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import torch

from seqarena.config import Dimension, Range
from seqarena.data.store import DataSpec, read_spec
from seqarena.experiments import ResolvedExperiment
from seqarena.models.variants import VARIANTS
from seqarena.spaces import smallest, space_of
from seqarena.tasks import task_for


def lines(experiment: ResolvedExperiment) -> Iterator[str]:
    """Tell the receptive field of each variant that has one, once the data is prepared."""
    path = experiment.prepared / "spec.json"
    if not path.is_file():
        return
    spec = read_spec(path)
    for variant in experiment.config.variants:
        found = list(_fields(experiment, variant, spec))
        if not found:
            continue
        fields, steps = zip(*found, strict=True)
        span = f"{min(fields):,}" + (f" to {max(fields):,}" if min(fields) < max(fields) else "")
        told = f"{variant} sees {span} steps back; the longest sequence of train has {max(steps):,}"
        lost = [field < length for field, length in found]
        if all(lost):
            told += ": what lies further back is lost to it"
        elif any(lost):
            told += ": where it sees fewer, what lies further back is lost to it"
        yield told


def _fields(
    experiment: ResolvedExperiment, variant: str, spec: DataSpec
) -> Iterator[tuple[int, int]]:
    """Yield the receptive field, and the steps that the longest sequence has before the encoder.

    For every choice of what the variant adds to the search, where its encoder has such a field.
    """
    space = space_of(experiment.config, variant, experiment.where)
    own = [name for name in VARIANTS[variant].space if name in space]
    for values in product(*(_values(space[name]) for name in own)):
        chosen = {**smallest(space), **dict(zip(own, values, strict=True))}
        with torch.device("meta"):  # shapes alone
            model = task_for(experiment.config.task).model(variant, spec, chosen)
        field = getattr(model.encoder, "receptive_field", None)
        if field is None:
            return
        yield field, model.frontend.steps(spec.max_length)


def _values(dimension: Dimension) -> list[object]:
    if isinstance(dimension, Range):
        return [dimension.low, dimension.high]
    return list(dimension) if isinstance(dimension, list) else [dimension]
