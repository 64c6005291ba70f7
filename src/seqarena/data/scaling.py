"""Scales learned from train, and applied to every split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seqarena.data.store import SPLITS, Array
from seqarena.errors import InputError, unknown

CHUNK = 1 << 16  # steps read at once
CONSTANT = 1e-6  # of its mean: a smaller deviation is the rounding of float32


@dataclass(frozen=True)
class Standard:
    """What brings columns to mean 0 and deviation 1."""

    means: list[float]
    stds: list[float]

    @classmethod
    def of(cls, values: Array, where: str) -> Standard:
        """Learn it from ``(S, C)``, where NaN is no value; a constant column becomes 0.

        Raises `InputError` where a column has no value.
        """
        if not np.isfinite(values).any(axis=0).all():
            raise InputError(f"{where}: a column has no value in train")
        stds = np.nanstd(values, axis=0)
        return cls(np.nanmean(values, axis=0).tolist(), np.where(stds > 0, stds, 1.0).tolist())

    def __call__(self, values: Array) -> Array:
        scaled: Array = (values - self.means) / self.stds
        return scaled

    @property
    def of_target(self) -> Array:
        """What scales the first column, ``(3,)`` as `store.SCALE`; no naive error is known."""
        return np.array([self.means[0], self.stds[0], np.nan])


def standard_of(series: str, encoding: dict[str, Any]) -> Standard | None:
    """Return what scales a series of train, or None for one of a panel that it had not."""
    known = encoding["standards"].get(series) if "series" in encoding else encoding
    return None if known is None else Standard(known["means"], known["stds"])


def scales_of_series(names: Sequence[str], count: int, encoding: dict[str, Any]) -> Array:
    """Return what scales the target of each of `count` sequences of a panel ``(N, 3)``, by name.

    Raises `InputError` where they are not all named, or one is that train had not.
    """
    kind = encoding["series"] or "target"
    if len(names) != count:
        needed = f"{count} sequences need as many names of '{kind}'"
        raise InputError(f"series: {needed}, found {len(names)}")
    scales = []
    for name in names:
        standard = standard_of(name, encoding)
        if standard is None:
            raise unknown("series", kind, name, encoding["standards"])
        scales.append(standard.of_target)
    return np.stack(scales)


def scale_by_train(out: Path, *, least_std: float = 0.0) -> tuple[Array, Array]:
    """Scale the written splits ``(S, D)`` in place; return train's mean and std, float32 ``(D,)``.

    No deviation is taken for less than `least_std`; a feature that is constant over train is
    centred only.
    """
    train = np.load(out / "train" / "inputs.npy", mmap_mode="r")
    total, squares = (
        sum(part(chunk.astype(np.float64)).sum(axis=0) for chunk in _chunks(train))
        for part in (np.positive, np.square)
    )
    mean = total / len(train)
    std = np.sqrt(np.maximum(squares / len(train) - mean**2, least_std**2))
    std = np.where(std > CONSTANT * np.abs(mean), std, 1.0)
    mean, std = mean.astype(np.float32), std.astype(np.float32)
    for split in filter(Path.is_dir, map(out.joinpath, SPLITS)):
        inputs = np.load(split / "inputs.npy", mmap_mode="r+")
        for chunk in _chunks(inputs):
            chunk -= mean
            chunk /= std
        inputs.flush()
    return mean, std


def _chunks(array: Array) -> Iterator[Array]:
    return (array[start : start + CHUNK] for start in range(0, len(array), CHUNK))
