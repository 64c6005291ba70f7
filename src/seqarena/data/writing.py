"""Splits of separate sequences, written one at a time: they are never held whole."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from seqarena.data.folds import POOL
from seqarena.data.store import SPLITS, Array, DataSpec, Split
from seqarena.files import new_file

CHUNK = 1 << 16  # rows at once


class ArrayFile:
    """One ``.npy`` that grows along its first axis; the same bytes as `numpy.save` writes."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._like: Array | None = None
        self._length = self._start = 0

    def append(self, part: Array) -> None:
        """Write the next rows ``(n, *)``, of the dtype and shape of those before."""
        if self._like is None:
            self._like = part[:0]
            self._start = self._write_header()
        assert (part.dtype, part.shape[1:]) == (self._like.dtype, self._like.shape[1:])
        self._file.write(part.tobytes())
        self._length += len(part)

    def close(self) -> None:
        """Say in the header how long it has become: numpy leaves room there for the figure."""
        if self._like is not None and not self._file.closed:
            self._file.seek(0)
            assert self._write_header() == self._start
        self._file.close()

    def _write_header(self) -> int:
        assert self._like is not None
        shape = (self._length, *self._like.shape[1:])
        descr = npy.dtype_to_descr(self._like.dtype)
        npy.write_array_header_1_0(
            self._file, {"shape": shape, "fortran_order": False, "descr": descr}
        )
        return self._file.tell()


class SplitWriter:
    """One split, see the head of `seqarena.data.store`, written one sequence at a time."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._inputs = ArrayFile(folder / "inputs.npy")
        self._targets = ArrayFile(folder / "targets.npy")
        self._examples = (folder / "examples.jsonl").open("w")
        self._lengths, self._target_lengths = array("i"), array("i")

    def __len__(self) -> int:
        return len(self._lengths)

    @property
    def longest(self) -> int:
        """Steps of the longest sequence."""
        return max(self._lengths)

    def add(self, steps: Array, target: Array | list[Array], example: dict[str, Any]) -> None:
        """Write steps ``(T, *feature_shape)`` and what people know them by.

        Their target is ``(1, *)``, or where it is a sequence of its own a list of one ``(U, *)``.
        """
        self._inputs.append(steps)
        self._lengths.append(len(steps))
        if isinstance(target, list):
            (target,) = target
            self._target_lengths.append(len(target))
        self._targets.append(target)
        self._examples.write(json.dumps(example, ensure_ascii=False) + "\n")

    def finish(self) -> None:
        """Write where each sequence lies."""
        self.close()
        _write_places(self._folder, "", self._lengths)
        if self._target_lengths:
            _write_places(self._folder, "target_", self._target_lengths)

    def close(self) -> None:
        """Close the files, complete or not."""
        for file in (self._inputs, self._targets, self._examples):
            file.close()


def write_sequences(
    folder: Path,
    sequences: Iterable[Array],
    targets: Array | list[Array],
    examples: Iterable[dict[str, Any]],
) -> None:
    """Write one split of sequences ``(T, *feature_shape)`` that are at hand.

    Targets are ``(N, *)``, or where each is a sequence of its own a list of ``(U, *)``.
    """
    own = isinstance(targets, list)
    writer = SplitWriter(folder)
    for number, (steps, example) in enumerate(zip(sequences, examples, strict=True)):
        writer.add(steps, [targets[number]] if own else targets[number : number + 1], example)
    writer.finish()


@contextmanager
def split_writers(out: Path, splits: Iterable[str] = SPLITS) -> Iterator[dict[str, SplitWriter]]:
    """Yield a writer for each split; they are complete if the block succeeds."""
    with ExitStack() as stack:
        writers = {name: SplitWriter(out / name) for name in splits}
        for writer in writers.values():
            stack.callback(writer.close)
        yield writers
        for writer in writers.values():
            writer.finish()


def divide_train(out: Path, spec: DataSpec) -> DataSpec:
    """Divide prepared data of which no valid was written by the ``fold`` of train's examples.

    What is there as train becomes the `POOL`, with ``folds.npy`` ``(N,)``; what the first
    repetition learns from and validates on is written as train and valid, for all that knows no
    repetitions.
    """
    if (out / "valid").is_dir():
        return spec
    pool = Split((out / "train").rename(out / POOL))
    examples = pool.examples()
    folds = np.array([example["fold"] for example in examples])
    np.save(pool.folder / "folds.npy", folds)
    with split_writers(out, ("train", "valid")) as writers:
        for place, example in enumerate(examples):
            own = pool.target_starts is not None
            target = [pool.target(place)] if own else pool.targets[place : place + 1]
            name = "valid" if folds[place] == 0 else "train"
            writers[name].add(pool.sequence(place), target, example)
    sizes = {name: len(writer) for name, writer in writers.items()}
    return replace(spec, sizes={**sizes, "test": spec.sizes["test"]})


def turn_columns(path: Path) -> None:
    """Write the array ``(S, D)`` of a file column by column, which its header then says.

    So lie steps whose columns were put in order. Of one row or column both orders are the same.
    """
    by_row = np.load(path, mmap_mode="r")
    if min(by_row.shape) < 2:
        return
    with new_file(path) as partial:
        turned = npy.open_memmap(partial, "w+", by_row.dtype, by_row.shape, fortran_order=True)
        for start in range(0, len(by_row), CHUNK):
            turned[start:][:CHUNK] = by_row[start:][:CHUNK]
        turned.flush()


def _write_places(folder: Path, name: str, lengths: array[int]) -> None:
    counts = np.array(lengths, np.int32)
    starts = np.cumsum(counts, dtype=np.int64) - counts
    np.save(folder / f"{name}starts.npy", starts, allow_pickle=False)
    np.save(folder / f"{name}lengths.npy", counts, allow_pickle=False)
