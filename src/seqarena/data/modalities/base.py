"""What every modality answers: how raw data becomes splits, and how a new input becomes steps.

The raw form is the same for a built-in data set and for the user's own files:

- text: ``examples.csv`` with the columns ``text,label`` and optionally ``split,group,id``; for
  ``label`` here and below stands what its targets are called (see `seqarena.data.targets`)
- audio, video, image: ``labels.csv`` with ``file,label``, optionally ``split,group``, and the files
- signal: the same, each file a CSV: a header of channels, one row per step
- music: MIDI files, and ``labels.csv`` with ``file`` and optionally ``split,group``
- series: ``series.csv`` with a time column, the target and covariates, one row per step, and a
  column that names the series of a row where there are several
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from seqarena.config import Strict
from seqarena.data.children import DecodeAll, decoded
from seqarena.data.folders import AskedFile
from seqarena.data.store import Array, DataSpec, write_spec
from seqarena.data.writing import divide_train
from seqarena.errors import InputError

Cells = tuple[dict[str, str], ...]


class Input(NamedTuple):
    """A new input, read for prediction."""

    name: str
    steps: Array  # (T, *feature_shape)
    scale: Array | None = None  # (3,) `store.SCALE`, where the spec holds none for all
    cells: Cells = ()  # beside its answer in a table; of a series a row for each step ahead


class Unread(NamedTuple):
    """A new input that cannot be read, and why."""

    name: str
    error: InputError
    cells: Cells = ()


Asked = Input | Unread


class Modality(ABC):
    """One kind of data: text, audio, series, video, image, signal, music."""

    Options: ClassVar[type[Strict]]  # the `prepare:` section of an experiment

    def __init__(self, decode_all: DecodeAll = decoded) -> None:
        """`prepare` has media decoded by `decode_all`, here or elsewhere."""
        self.decode_all = decode_all

    @abstractmethod
    def prepare(self, raw: Path, out: Path, options: Strict, seed: int) -> DataSpec:
        """Write ``train``, ``valid`` and ``test`` under `out` and return their spec.

        Everything learned from data (vocabulary, means) is learned from train alone. Where that is
        to be divided into folds it is left whole, without ``valid``, see `write`.
        Raises `InputError` naming the file and row that cannot be read.
        """

    def write(self, raw: Path, out: Path, options: Strict, seed: int) -> DataSpec:
        """Write prepared data whole: what `prepare` does, folds of train, and ``spec.json``."""
        spec = divide_train(out, self.prepare(raw, out, options, seed))
        write_spec(out / "spec.json", spec)
        return spec

    @abstractmethod
    def stream(self, source: str, spec: DataSpec) -> Generator[Asked]:
        """Read new inputs for prediction one by one, as many as a disk holds.

        `source` is a path to a file or a folder (text: also the sentence itself). Encoded exactly
        as `prepare` did, from what `spec.options` holds. Raises `InputError` where nothing can be
        read of it; one input that cannot is an `Unread` among the others.
        """

    def read(self, source: str, spec: DataSpec) -> list[Input]:
        """Read all new inputs; raises the `InputError` of the first that cannot be read."""
        with closing(self.stream(source, spec)) as stream:  # what decodes ends with it, here
            return [as_read(asked) for asked in stream]

    @abstractmethod
    def step_labels(self, steps: Array, spec: DataSpec) -> list[str]:
        """Name each of the ``T`` steps for an axis: the token, the second, the hour, the frame."""


def as_read(asked: Asked) -> Input:
    """Return an input; raises the `InputError` of one that cannot be read."""
    if isinstance(asked, Unread):
        raise asked.error
    return asked


def from_files(
    found: Generator[tuple[AskedFile, Array | InputError]],
    encode: Callable[[Array], Array] = np.asarray,
) -> Generator[Asked]:
    """Encode what comes of files, each a row in a table of answers."""
    with closing(found):
        for asked, steps in found:
            cells = (asked.cells,)
            if isinstance(steps, InputError):
                yield Unread(asked.name, steps, cells)
            else:
                yield Input(asked.name, encode(steps), cells=cells)
