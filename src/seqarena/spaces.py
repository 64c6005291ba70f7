"""What is searched: what all variants share, what a variant adds, what params.yaml sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqarena.config import Dimension, Experiment, Range
from seqarena.errors import InputError, unknown
from seqarena.models.variants import VARIANTS

if TYPE_CHECKING:
    import optuna

COMMON: dict[str, Dimension] = {
    "learning_rate": Range(low=1e-3, high=1e-2, log=True),
    "width": [32, 64, 128],
    "dropout": Range(low=0.0, high=0.5),
    "weight_decay": Range(low=1e-5, high=1e-1, log=True),
    "embedding": 64,
}


def space_of(experiment: Experiment, variant: str, where: str) -> dict[str, Dimension]:
    """Return every dimension of one variant's search.

    Raises `InputError` for a dimension of `space:` that no variant has.
    """
    known = set(COMMON).union(*(entry.space for entry in VARIANTS.values()))
    for name, dimension in experiment.space.items():
        if name not in known:
            raise unknown(f"{where}.space", "hyperparameter", name, known)
        if isinstance(dimension, list) and not dimension:
            raise InputError(f"{where}.space.{name}: an empty choice; expected at least one value")
    own = {**COMMON, **VARIANTS[variant].space}
    return own | {name: value for name, value in experiment.space.items() if name in own}


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
