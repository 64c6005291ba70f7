"""Variants of equally many parameters: the size of each is solved for it, not searched."""

from __future__ import annotations

import sys
from bisect import bisect_left
from functools import cache

import torch

from seqarena.config import Experiment
from seqarena.data.store import DataSpec
from seqarena.errors import InputError
from seqarena.models.model import count_parameters
from seqarena.models.variants import VARIANTS
from seqarena.runs import Hyperparameters
from seqarena.tasks import task_for

LARGEST = 4096
MULTIPLE = 16  # of what any number of heads divides
TOLERANCE = 0.02


def with_matched_size(
    experiment: Experiment, spec: DataSpec, variant: str, hyperparameters: Hyperparameters
) -> Hyperparameters:
    """Add the size at which a variant has `match_parameters`, where these are asked for.

    Raises `InputError` where no size comes within 2 % of them.
    """
    wanted = experiment.protocol.match_parameters
    if wanted is None:
        return hyperparameters
    task, name = task_for(experiment.task), VARIANTS[variant].size

    @cache
    def count(size: int) -> int:
        with torch.device("meta"):  # shapes alone
            try:
                model = task.model(variant, spec, {**hyperparameters, name: size})
            except (InputError, ValueError, AssertionError):  # heads that do not divide it
                return sys.maxsize
        return count_parameters(model)

    steps = range(1, LARGEST // MULTIPLE + 1)
    place = bisect_left(steps, wanted, key=lambda step: count(step * MULTIPLE)) * MULTIPLE
    size = min(
        range(max(1, place - MULTIPLE), place + 2 * MULTIPLE), key=lambda n: abs(count(n) - wanted)
    )
    found = count(size)
    if abs(found - wanted) > TOLERANCE * wanted:
        nearest = f"the nearest of {variant} are {found:,.0f}, at {name} {size}"
        raise InputError(f"protocol.match_parameters: {wanted:,}, but {nearest}")
    return {**hyperparameters, name: size}
