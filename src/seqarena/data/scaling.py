"""Scales learned from train, and applied to every split."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqarena.data.store import SPLITS, Array
from seqarena.errors import InputError

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
