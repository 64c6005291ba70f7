"""What is known of a whole series, as features that are the same at all of its steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np

from seqarena.errors import InputError


class Static(TypedDict):
    """How one column becomes features: by its values, or by mean and std where they are numbers."""

    column: str
    values: list[str]
    mean: float
    std: float


def learned(columns: Sequence[str], rows: Sequence[tuple[str, ...]]) -> list[Static]:
    """Learn how to encode columns, from the cells of each series of train.

    Numbers are brought to mean 0 and deviation 1 over the series; of any other column each value
    becomes a feature that is 0 or 1.
    """
    found = []
    for place, column in enumerate(columns):
        cells = [row[place] for row in rows]
        numbers = [_number(cell) for cell in cells]
        values, mean, std = sorted(set(cells)), 0.0, 1.0
        if np.isfinite(numbers).all():
            values, mean, std = [], float(np.mean(numbers)), float(np.std(numbers)) or 1.0
        found.append(Static(column=column, values=values, mean=mean, std=std))
    return found


def encoded(statics: Sequence[Static], cells: Sequence[str], where: str) -> list[float]:
    """Return the features of a series; a value that train had not is 0 in all of its column.

    Raises `InputError` for a cell that is no number where all of train were.
    """
    features: list[float] = []
    for static, cell in zip(statics, cells, strict=True):
        if static["values"]:
            features += [float(cell == value) for value in static["values"]]
            continue
        number = _number(cell)
        if not np.isfinite(number):
            raise InputError(f"{where}: column '{static['column']}': no number: '{cell}'")
        features.append((number - static["mean"]) / static["std"])
    return features


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return np.nan
