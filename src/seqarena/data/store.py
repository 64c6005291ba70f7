"""The one on-disk format of prepared data, whatever the modality.

A split is a folder of plain ``.npy`` arrays, memory-mapped when read, so that every trial on a
machine shares one copy in the page cache and nothing is pickled:

- ``inputs.npy``   ``(S, *feature_shape)``: the steps of all sequences, one after another
- ``starts.npy``   ``(N,)`` and ``lengths.npy`` ``(N,)``: where each sequence lies in ``inputs``;
  sequences may overlap, so a sliding window over a time series costs one integer, not a copy
- ``targets.npy``  ``(N,)`` class indices or ``(N, H)`` scaled values
- ``examples.jsonl``: one object per sequence for people: ``id``, ``text`` or ``file``, and the
  ``group`` (a speaker, a week) whose sequences are not independent of each other

``spec.json`` beside the splits is the `DataSpec`: all that a model may know about the data.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqarena.errors import InputError
from seqarena.files import read_json, write_json

SPLITS = ("train", "valid", "test")
Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class DataSpec:
    """What a model may know about the data; written by prepare, read by everything after it."""

    modality: str
    feature_shape: tuple[int, ...]  # of one step: () token ids, (M,) features, (C, H, W) frames
    max_length: int  # steps of the longest training sequence
    step: str  # what one step is, for axes: "token", "second", "hour", "frame"
    step_size: float  # how much of it one step spans: 1 token, 0.01 second, 1 hour
    vocabulary: tuple[str, ...] = ()  # text: index -> token; 0 pads, 1 is unknown
    classes: tuple[str, ...] = ()  # labels, by index; empty when the target is numeric
    frames: dict[str, list[float]] = field(default_factory=dict)  # video: mean, std of a channel
    horizon: int = 0  # forecasts: steps ahead
    target: dict[str, float] = field(default_factory=dict)  # forecasts: mean, std, naive_mae
    options: dict[str, Any] = field(default_factory=dict)  # what encodes a new input the same way
    sizes: dict[str, int] = field(default_factory=dict)  # sequences per split


class Split:
    """One split of the prepared data, memory-mapped."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inputs, self.starts, self.lengths, self.targets = (
            np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
            for name in ("inputs", "starts", "lengths", "targets")
        )

    def __len__(self) -> int:
        return len(self.starts)

    def sequence(self, index: int) -> Array:
        """Return the steps of one sequence, ``(T, *feature_shape)``, without copying."""
        start = int(self.starts[index])
        return np.asarray(self.inputs[start : start + int(self.lengths[index])])

    def examples(self) -> list[dict[str, Any]]:
        """Return what people know each sequence by."""
        lines = (self.folder / "examples.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]


class Prepared:
    """The prepared data of one experiment."""

    def __init__(self, folder: Path) -> None:
        if not (folder / "spec.json").is_file():
            raise InputError(f"{folder}: no prepared data here; run `dvc repro` first")
        self.folder = folder
        self.spec = read_spec(folder / "spec.json")

    def split(self, name: str) -> Split:
        """Open ``train``, ``valid`` or ``test``."""
        return Split(self.folder / name)


def read_spec(path: Path) -> DataSpec:
    """Read a `DataSpec` back from its JSON."""
    raw = read_json(path)
    for key in ("feature_shape", "vocabulary", "classes"):
        raw[key] = tuple(raw[key])
    return DataSpec(**raw)


def write_spec(path: Path, spec: DataSpec) -> None:
    """Write a `DataSpec` as JSON."""
    write_json(path, asdict(spec))


def write_split(
    folder: Path,
    inputs: Array,
    starts: Array,
    lengths: Array,
    targets: Array,
    examples: Iterable[dict[str, Any]],
) -> None:
    """Write one split; see the head of this file for the shapes."""
    folder.mkdir(parents=True)
    np.save(folder / "inputs.npy", inputs, allow_pickle=False)
    np.save(folder / "starts.npy", starts.astype(np.int64), allow_pickle=False)
    np.save(folder / "lengths.npy", lengths.astype(np.int32), allow_pickle=False)
    np.save(folder / "targets.npy", targets, allow_pickle=False)
    with (folder / "examples.jsonl").open("w") as file:
        for example in examples:
            file.write(json.dumps(example, ensure_ascii=False) + "\n")


def write_sequences(
    folder: Path, sequences: list[Array], targets: Array, examples: Iterable[dict[str, Any]]
) -> None:
    """Write one split of separate sequences, each ``(T, *feature_shape)``."""
    lengths = np.array([len(sequence) for sequence in sequences])
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    write_split(folder, np.concatenate(sequences), starts, lengths, targets, examples)
