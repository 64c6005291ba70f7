"""The one on-disk format of prepared data, whatever the modality.

A split is a folder of plain ``.npy`` arrays, memory-mapped when read, so that every trial on a
machine shares one copy in the page cache and nothing is pickled:

- ``inputs.npy``   ``(S, *feature_shape)``: the steps of all sequences, one after another
- ``starts.npy``   ``(N,)`` and ``lengths.npy`` ``(N,)``: where each sequence lies in ``inputs``;
  sequences may overlap, so a sliding window over a time series costs one integer, not a copy
- ``targets.npy``  ``(N,)`` class indices, ``(N, K)`` of 0 and 1, or ``(N, H)`` scaled values; where
  each target is a sequence of its own, ``(U, *)`` of all, one after another, with
  ``target_starts.npy`` and ``target_lengths.npy`` ``(N,)`` beside it
- ``scales.npy``   ``(N, 3)`` float64, where targets are numbers that are not all scaled alike:
  `SCALE` of each sequence; the spec holds that of all otherwise
- ``examples.jsonl``: one object per sequence for people: ``id``, ``text`` or ``file``, the
  ``series`` of several that a window is of, and the ``group`` (a speaker, a week) whose sequences
  are not independent of each other

``spec.json`` beside the splits is the `DataSpec`: all that a model may know about the data.
"""

from __future__ import annotations

import json
import tokenize
from collections.abc import Iterable
from dataclasses import MISSING, asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from seqarena.errors import InputError, in_one_line, unknown
from seqarena.files import read_json, write_json

SPLITS = ("train", "valid", "test")
Array = NDArray[Any]
SCALE = ("mean", "std", "naive_mae")  # of a target: values are scaled * std + mean
ANEW = "`dvc repro` prepares it anew"
# What numpy raises at a damaged header.
UNREADABLE = (
    OSError, EOFError, ValueError, LookupError, TypeError, SyntaxError, tokenize.TokenError,
    ArithmeticError, RecursionError,
)  # fmt: skip


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
    target_unit: str = ""  # what such a token is: "words", "characters", "subwords"
    pixel_stats: dict[str, list[float]] = field(
        default_factory=dict
    )  # video: mean, std of a channel
    horizon: int = 0  # forecasts: steps ahead
    target: dict[str, float] = field(default_factory=dict)  # mean, std; forecasts: naive_mae too
    options: dict[str, Any] = field(default_factory=dict)  # what encodes a new input the same way
    sizes: dict[str, int] = field(default_factory=dict)  # sequences per split

    @property
    def scale(self) -> Array:
        """What scales the targets of all sequences, `SCALE` as ``(1, 3)``.

        Where each has its own, that of none in particular: scaled values stay what they are.
        """
        otherwise = {"mean": 0.0, "std": 1.0, "naive_mae": np.nan}
        return np.array([[self.target.get(name, otherwise[name]) for name in SCALE]])


class Split:
    """One split of the prepared data, memory-mapped."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inputs, self.starts, self.lengths, self.targets = (
            _mapped(folder / f"{name}.npy") for name in ("inputs", "starts", "lengths", "targets")
        )
        self.target_starts = self.target_lengths = None
        if (folder / "target_starts.npy").is_file():
            self.target_starts, self.target_lengths = (
                _mapped(folder / f"target_{name}.npy") for name in ("starts", "lengths")
            )
        scales = folder / "scales.npy"
        self.scales = _mapped(scales) if scales.is_file() else None
        if self.scales is not None:
            _check_count(folder, "scales", self.scales, self.starts)
        _check_places(folder, "", self.inputs, self.starts, self.lengths)
        if self.target_starts is None or self.target_lengths is None:
            _check_count(folder, "targets", self.targets, self.starts)
        else:
            _check_places(folder, "target_", self.targets, self.target_starts, self.target_lengths)
            _check_count(folder, "target_starts", self.target_starts, self.starts)

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

    @cached_property
    def series(self) -> Array:
        """The name of the series that each window is of, ``(N,)``; empty of one alone."""
        return np.array([example.get("series", "") for example in self.examples()])


def _mapped(path: Path) -> Array:
    """Map an array into memory; raises `InputError` when the file is missing or damaged."""
    try:
        array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise InputError(f"{path}: not there; {ANEW}") from error
    except UNREADABLE as error:
        raise InputError(f"{path}: not an array: {in_one_line(error)}; {ANEW}") from error
    return array


def _check_places(folder: Path, name: str, steps: Array, starts: Array, lengths: Array) -> None:
    """Raise `InputError` unless every sequence lies within the steps."""
    whole = (
        (starts.dtype.kind, lengths.dtype.kind) == ("i", "i")
        and starts.ndim == lengths.ndim == 1
        and steps.ndim > 0
        and len(starts) == len(lengths)
        and (starts >= 0).all()
        and (lengths >= 0).all()
        and (starts <= len(steps) - lengths).all()
    )
    if not whole:
        files = f"{name}starts.npy and {name}lengths.npy"
        raise InputError(f"{folder}: damaged, {files} do not fit the steps; {ANEW}")


def _check_count(folder: Path, name: str, found: Array, starts: Array) -> None:
    if found.ndim == 0 or len(found) != len(starts):
        raise InputError(f"{folder}: damaged, {name}.npy is not of {len(starts)} rows; {ANEW}")


def scales_of(split: Split, spec: DataSpec) -> Array:
    """Return `SCALE` of each sequence of a split, ``(N, 3)``."""
    scales = spec.scale if split.scales is None else split.scales
    return np.broadcast_to(scales, (len(split), len(SCALE)))


def in_unit(scaled: Array, scales: Array) -> Array:
    """Return scaled numbers ``(N, *)`` in the unit of the data, by scales ``(N or 1, 3)``."""
    mean, std, _ = scales.T[(..., *(None,) * (scaled.ndim - 1))]
    return np.asarray(scaled * std + mean)


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
    """Read a `DataSpec` back from its JSON.

    Raises `InputError` naming the file and the key that is missing, unknown or of another type.
    """
    raw, types = read_json(path), get_type_hints(DataSpec)
    if not isinstance(raw, dict):
        raise InputError(f"{path}: expected a mapping, found {type(raw).__name__}")
    for key in raw:
        if key not in types:
            raise unknown(str(path), "key", key, types)
    for known in fields(DataSpec):
        if known.name not in raw and known.default is known.default_factory is MISSING:
            raise InputError(f"{path}: {known.name}: missing")
    return DataSpec(**{key: _as(types[key], raw[key], f"{path}: {key}") for key in raw})


def _as(kind: Any, value: Any, where: str) -> Any:
    """Return a value of JSON as the type of a field, which JSON may not have: a tuple."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (tuple, list) and isinstance(value, list):
        return origin(_as(inner[0], item, where) for item in value)
    if origin is dict and isinstance(value, dict):
        return {key: _as(inner[1], item, where) for key, item in value.items()}
    if kind is Any or type(value) is kind or (kind is float and type(value) is int):
        return value
    raise InputError(f"{where}: expected {getattr(kind, '__name__', kind)}, found {value!r}")


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
    scales: Array | None = None,
) -> None:
    """Write one split; see the head of this file for the shapes."""
    folder.mkdir(parents=True)
    np.save(folder / "inputs.npy", inputs, allow_pickle=False)
    np.save(folder / "starts.npy", starts.astype(np.int64), allow_pickle=False)
    np.save(folder / "lengths.npy", lengths.astype(np.int32), allow_pickle=False)
    np.save(folder / "targets.npy", targets, allow_pickle=False)
    if scales is not None:
        np.save(folder / "scales.npy", scales.astype(np.float64), allow_pickle=False)
    with (folder / "examples.jsonl").open("w") as file:
        for example in examples:
            file.write(json.dumps(example, ensure_ascii=False) + "\n")
