"""The one on-disk format of prepared data, whatever the modality.

A split is a folder of plain ``.npy`` arrays, memory-mapped when read, so that every trial on a
machine shares one copy in the page cache and nothing is pickled:

- ``inputs.npy``   ``(S, *feature_shape)``: the steps of all sequences, one after another
- ``starts.npy``   ``(N,)`` and ``lengths.npy`` ``(N,)``: where each sequence lies in ``inputs``;
  sequences may overlap, so a sliding window over a time series costs one integer, not a copy
- ``targets.npy``  ``(N,)`` class indices or ``(N, H)`` scaled values; where each target is a
  sequence of its own, ``(U, *)`` of all, one after another, with ``target_starts.npy`` and
  ``target_lengths.npy`` ``(N,)`` beside it
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
    dtype: str = "float32"  # of the numbers of a step
    step: str  # what one step is, for axes: "token", "second", "hour", "frame"
    step_size: float  # how much of it one step spans: 1 token, 0.01 second, 1 hour
    vocabulary: tuple[str, ...] = ()  # text: index -> token; 0 pads, 1 is unknown
    classes: tuple[str, ...] = ()  # labels, by index; empty when the target is something else
    labelled_tokens: tuple[int, ...] = ()  # labels of steps: the tokens that have one, if few do
    target_vocabulary: tuple[str, ...] = ()  # targets in tokens: index -> token, see data.text
    max_target_length: int = 0  # in tokens, its end among them, of train
    target_unit: str = ""  # what such a token is: "words", "characters"
    pixel_stats: dict[str, list[float]] = field(
        default_factory=dict
    )  # video: mean, std of a channel
    horizon: int = 0  # forecasts: steps ahead
    target: dict[str, float] = field(default_factory=dict)  # mean, std; forecasts: naive_mae too
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
        self.target_starts = self.target_lengths = None
        if (folder / "target_starts.npy").is_file():
            self.target_starts, self.target_lengths = (
                np.load(folder / f"target_{name}.npy", mmap_mode="r", allow_pickle=False)
                for name in ("starts", "lengths")
            )

    def __len__(self) -> int:
        return len(self.starts)

    def sequence(self, index: int) -> Array:
        """Return the steps of one sequence, ``(T, *feature_shape)``, without copying."""
        start = int(self.starts[index])
        return np.asarray(self.inputs[start : start + int(self.lengths[index])])

    def target(self, index: int) -> Array:
        """Return one target that is a sequence of its own, ``(U, *)``."""
        assert self.target_starts is not None
        assert self.target_lengths is not None
        start = int(self.target_starts[index])
        return np.asarray(self.targets[start : start + int(self.target_lengths[index])])

    def examples(self) -> list[dict[str, Any]]:
        """Return what people know each sequence by."""
        # Not by str.splitlines: a text may hold U+2028 and its like, which JSON leaves as they are.
        with (self.folder / "examples.jsonl").open() as file:
            return [json.loads(line) for line in file]


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
    for key in ("feature_shape", "vocabulary", "classes", "labelled_tokens", "target_vocabulary"):
        raw[key] = tuple(raw.get(key, ()))
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
    folder: Path,
    sequences: list[Array],
    targets: Array | list[Array],
    examples: Iterable[dict[str, Any]],
) -> None:
    """Write one split of separate sequences ``(T, *feature_shape)``; a list of targets is theirs.

    Each of such a list is a sequence ``(U, *)``.
    """
    inputs, starts, lengths = _end_to_end(sequences)
    if isinstance(targets, np.ndarray):
        write_split(folder, inputs, starts, lengths, targets, examples)
        return
    tokens, target_starts, target_lengths = _end_to_end(targets)
    write_split(folder, inputs, starts, lengths, tokens, examples)
    np.save(folder / "target_starts.npy", target_starts, allow_pickle=False)
    np.save(folder / "target_lengths.npy", target_lengths, allow_pickle=False)


def _end_to_end(sequences: list[Array]) -> tuple[Array, Array, Array]:
    """Return sequences one after another, where each starts and how long it is."""
    lengths = np.array([len(sequence) for sequence in sequences])
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    return np.concatenate(sequences), starts.astype(np.int64), lengths.astype(np.int32)
