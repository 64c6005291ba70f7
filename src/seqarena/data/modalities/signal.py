"""Labelled signals: one CSV of several channels per example, a row per step."""

from __future__ import annotations

import csv
import math
import warnings
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from seqarena.config import Strict
from seqarena.data.folders import asked_at
from seqarena.data.labelled import (
    MANIFESTS,
    FilesOptions,
    read_manifest,
    write_labelled,
)
from seqarena.data.modalities.base import Asked, Modality, from_files
from seqarena.data.rows import Row
from seqarena.data.scaling import scale_by_train
from seqarena.data.splits import assign_splits
from seqarena.data.store import Array, DataSpec
from seqarena.data.tables import read_records
from seqarena.data.targets import TARGETS
from seqarena.data.writing import turn_columns
from seqarena.errors import InputError, InputWarning, unknown

LARGEST = float(np.finfo(np.float32).max)


class SignalOptions(FilesOptions):
    """The `prepare:` section of an experiment on signals."""

    scale: bool = True  # each channel to zero mean and unit deviation over train
    max_length: Annotated[int, Field(ge=1)] | None = None  # steps; what is beyond is cut


class Signal(Modality):
    """Sequences of any length over the same channels, as float32 ``(T, D)``, scaled by train."""

    Options = SignalOptions

    def prepare(self, raw: Path, out: Path, options: Strict, seed: int) -> DataSpec:
        """Read every file of ``labels.csv``; the first of train names the channels in order."""
        assert isinstance(options, SignalOptions)
        targets = TARGETS[options.targets]
        rows = read_manifest(raw / MANIFESTS["file"], "file", targets)
        splits = assign_splits(rows, seed=seed, **options.splitting())
        channels = read_channels(raw / next(splits.of("train")).item)

        def encode(rows: Iterator[Row]) -> Generator[Array | InputError]:
            for row in rows:
                try:
                    steps = read_steps(raw / row.item, channels)
                except InputError as error:
                    yield error
                else:
                    yield steps[: options.max_length]

        written = write_labelled(out, splits, encode, targets, **options.writing())
        for name in splits.names:
            turn_columns(out / name / "inputs.npy")
        mean, std = scale_by_train(out) if options.scale else _unscaled(len(channels))
        return DataSpec(
            modality="signal",
            feature_shape=(len(channels),),
            step="step",
            step_size=1.0,
            options={
                "channels": channels,
                "max_length": options.max_length,
                "mean": mean.tolist(),
                "std": std.tolist(),
            },
            **written,
        )

    def stream(self, source: str, spec: DataSpec) -> Generator[Asked]:
        """Read one CSV with the channels of training, or all below a folder."""
        mean, std = (np.array(spec.options[name], np.float32) for name in ("mean", "std"))
        asked = asked_at(Path(source), "signal")
        found = ((each, _steps_of(each.path, spec)) for each in asked)
        return from_files(found, lambda steps: (steps - mean) / std)

    def step_labels(self, steps: Array, spec: DataSpec) -> list[str]:
        """Name each step by its number: ``1``, ``2``, …"""
        return [str(number + 1) for number in range(len(steps))]


def _steps_of(path: Path, spec: DataSpec) -> Array | InputError:
    """Read a file that may be longer than those of training, which is told; or say why not."""
    try:
        steps = read_steps(path, spec.options["channels"])
    except InputError as error:
        return error
    longest = spec.options["max_length"]
    if longest is not None and len(steps) > longest:
        message = f"{len(steps)} steps; the first {longest} are read"
        warnings.warn(f"{path}: {message}", InputWarning, stacklevel=2)
    return steps[:longest]


def read_channels(path: Path) -> list[str]:
    """Read the names in the header of a file; raises `InputError` at an empty or a double one."""
    return _header(path, _lines(path))


def read_steps(path: Path, channels: Sequence[str]) -> Array:
    """Read a file, float32 ``(T, D)``, its columns in the order of `channels`.

    Raises `InputError` naming the file, and the line of what is no finite number; or when its
    channels are others, or it holds no step.
    """
    lines = _lines(path)
    names = _header(path, lines)
    order = _order(path, names, channels)
    if not any(lines[1:]):
        raise InputError(f"{path}: no steps below the header")
    try:
        values = np.loadtxt(lines[1:], delimiter=",", comments=None, quotechar='"', ndmin=2)
    except ValueError as error:
        raise _slip(path, str(error)) from error
    # Of the same width in every line, if not in the header, is what loadtxt lets pass.
    if values.shape[1] != len(names) or not (np.abs(values) <= LARGEST).all():
        raise _slip(path, "not a table of finite numbers")
    return values.astype(np.float32)[:, order]


def _lines(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            return [line.removesuffix("\n") for line in file]
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a CSV table in UTF-8: {error}") from error


def _header(path: Path, lines: list[str]) -> list[str]:
    if not lines:
        raise InputError(f"{path}: empty file")
    names = [name.strip() for name in next(csv.reader(lines[:1]), [])]
    for name in names or [""]:
        if not name:
            raise InputError(f"{path} line 1: expected the names of the channels, one is empty")
        if names.count(name) > 1:
            raise InputError(f"{path} line 1: the channel '{name}' is named twice")
    return names


def _order(path: Path, names: list[str], channels: Sequence[str]) -> list[int]:
    for name in channels:
        if name not in names:
            raise unknown(f"{path} line 1", "channel", name, names)
    for name in names:
        if name not in channels:
            raise InputError(f"{path} line 1: '{name}' is no channel of train")
    return [names.index(name) for name in channels]


def _slip(path: Path, otherwise: str) -> InputError:
    """Find the line that is no step, more slowly than it was met."""
    for row in read_records(path, ()):
        for name, cell in row.cells.items():
            if not _is_finite(cell):
                return InputError(f"{row.place}: channel '{name}': '{cell}' is not a finite number")
    return InputError(f"{path}: {otherwise}")


def _is_finite(cell: str) -> bool:
    try:
        return math.fabs(float(cell)) <= LARGEST
    except ValueError:
        return False


def _unscaled(channels: int) -> tuple[Array, Array]:
    return np.zeros(channels, np.float32), np.ones(channels, np.float32)
