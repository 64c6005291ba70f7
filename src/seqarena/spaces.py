"""What is searched: what all variants share, what a variant adds, what params.yaml sets."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from seqarena.config import Dimension, Experiment, Range, Scalar
from seqarena.errors import InputError, unknown
from seqarena.models import interpolated, tied, window_norm
from seqarena.models.frontends import FRONTENDS
from seqarena.models.hyperparameters import MIXTURE
from seqarena.models.regularisation import activation_penalty
from seqarena.models.regularisation.dropout import MASKS
from seqarena.models.variants import STATE, VARIANTS, added_space
from seqarena.models.writing.joint import CTC_WEIGHT
from seqarena.tasks import TASKS, task_for
from seqarena.tasks.mixup import MIXUP

if TYPE_CHECKING:
    import optuna

COMMON: dict[str, Dimension] = {
    "learning_rate": Range(low=1e-3, high=1e-2, log=True),
    "width": [32, 64, 128],
    "dropout": Range(low=0.0, high=0.5),
    "weight_decay": Range(low=1e-5, high=1e-1, log=True),
}
AVERAGE: dict[str, Dimension] = {"ema": 0.0}  # of all variants too, drawn apart from `COMMON`
NAMES = {  # hyperparameters whose values are names
    "window_norm": window_norm.CHOICES,
    "dropout_mask": MASKS,
    "output_table": tied.CHOICES,
    MIXTURE: interpolated.CHOICES,
}
LIMITS = {  # lowest and highest value; all others are sizes: integers, 1 or more
    "learning_rate": (0.0, math.inf),
    "weight_decay": (0.0, math.inf),
    "dropout": (0.0, 0.99),
    "embedding_std": (0.0, math.inf),
    "label_smoothing": (0.0, 0.99),
    "scheduled_sampling": (0.0, 1.0),
    "ema": (0.0, 0.9999),
    "token_dropout": (0.0, 0.99),
    "band_mask": (0.0, 1.0),
    "time_mask": (0.0, 1.0),
    "noise": (0.0, math.inf),
    MIXUP: (0.0, math.inf),
    CTC_WEIGHT: (0.0, 1.0),
    **dict.fromkeys(STATE, (0.0, 0.99)),
    **dict.fromkeys(activation_penalty.SPACE, (0.0, math.inf)),
}


def space_of(experiment: Experiment, variant: str, where: str) -> dict[str, Dimension]:
    """Return every dimension of one variant's search.

    Raises `InputError` for a dimension of `space:` that no variant has, or a value out of range.
    """
    known = set(COMMON).union(
        AVERAGE,
        *(entry.space for entry in VARIANTS.values()),
        *(frontend.space for frontend in FRONTENDS.values()),
        *(task.space for task in TASKS.values()),
        [MIXUP],
    )
    for name, dimension in experiment.space.items():
        if name not in known:
            raise unknown(f"{where}.space", "hyperparameter", name, known)
        if dimension == []:
            message = "an empty choice; expected at least one value"
            raise InputError(f"{where}.space.{name}: {message}")
        _check(name, dimension, f"{where}.space.{name}")
    of_task = task_for(experiment.task).added_space(VARIANTS[variant], experiment.modality)
    own = {**COMMON, **AVERAGE, **added_space(variant, experiment.modality), **of_task}
    own |= {name: value for name, value in experiment.space.items() if name in own}
    own["learning_rate"] = _times(own["learning_rate"], VARIANTS[variant].rate)
    if experiment.protocol.match_parameters is not None:
        own.pop(VARIANTS[variant].size, None)  # follows from all others, see search/matching.py
    return own


def _times(dimension: Dimension, factor: float) -> Dimension:
    """Return a dimension of numbers with each multiplied."""
    if isinstance(dimension, Range):
        ends = {"low": dimension.low * factor, "high": dimension.high * factor}
        return dimension.model_copy(update=ends)
    if isinstance(dimension, list):
        return [float(value) * factor for value in dimension]
    return float(dimension) * factor


def _check(name: str, dimension: Dimension, where: str) -> None:
    if name in NAMES:
        values = dimension if isinstance(dimension, list) else [dimension]
        for value in values:
            if value not in NAMES[name]:
                raise unknown(where, name, str(value), NAMES[name])
    else:
        _check_numbers(name, dimension, where)


def _check_numbers(name: str, dimension: Dimension, where: str) -> None:
    is_size = name not in LIMITS
    low, high = LIMITS.get(name, (1, math.inf))
    if isinstance(dimension, Range):
        values: list[Any] = [dimension.low, dimension.high]
        if is_size and not dimension.integer:
            raise InputError(f"{where}: a range of whole numbers; add `integer: true`")
    else:
        values = dimension if isinstance(dimension, list) else [dimension]
    if name == "kernel" and any(value % 2 == 0 for value in values if isinstance(value, int)):
        raise InputError(f"{where}: expected odd numbers, so that a kernel has a middle")
    kinds = int if is_size and not isinstance(dimension, Range) else (int, float)
    for value in values:
        is_number = isinstance(value, kinds) and not isinstance(value, bool)
        if not (is_number and low <= value <= high):
            span = f"from {low:g}" if high == math.inf else f"from {low:g} to {high:g}"
            kind = "whole numbers" if is_size else "numbers"
            raise InputError(f"{where}: expected {kind} {span}, found {value!r}")


def smallest(space: dict[str, Dimension]) -> dict[str, Any]:
    """Return the configuration at the low end of every dimension."""
    return {name: _low(dimension) for name, dimension in space.items()}


def largest(space: dict[str, Dimension]) -> dict[str, Any]:
    """Return the configuration at the high end of every dimension."""
    return {name: _high(dimension) for name, dimension in space.items()}


def _low(dimension: Dimension) -> Any:
    if isinstance(dimension, Range):
        return int(dimension.low) if dimension.integer else dimension.low
    return in_order(dimension)[0] if isinstance(dimension, list) else dimension


def _high(dimension: Dimension) -> Any:
    if isinstance(dimension, Range):
        return int(dimension.high) if dimension.integer else dimension.high
    return in_order(dimension)[-1] if isinstance(dimension, list) else dimension


def in_order(values: Iterable[Scalar]) -> list[Scalar]:
    """Return numbers by size, or names, which have no order, as they are written; each once."""
    once = list(dict.fromkeys(values))
    return once if are_names(once) else sorted(once, key=float)


def are_names(dimension: Dimension) -> bool:
    """Tell whether a dimension is a choice of names, of which none is more than another."""
    return isinstance(dimension, list) and any(isinstance(value, str) for value in dimension)


def suggest(trial: optuna.Trial, space: dict[str, Dimension]) -> dict[str, Any]:
    """Draw one configuration; fixed values are passed on as they are."""
    return {name: _draw(trial, name, dimension) for name, dimension in space.items()}


def _draw(trial: optuna.Trial, name: str, dimension: Dimension) -> Any:
    if isinstance(dimension, Range):
        if dimension.integer:
            return trial.suggest_int(
                name, int(dimension.low), int(dimension.high), log=dimension.log
            )
        return trial.suggest_float(name, dimension.low, dimension.high, log=dimension.log)
    if isinstance(dimension, list):
        return trial.suggest_categorical(name, dimension)
    return dimension
