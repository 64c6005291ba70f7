"""Music: MIDI files to piano rolls, of which each frame is to be predicted from those before it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from seqarena.config import Strict
from seqarena.data.children import readable
from seqarena.data.folders import decoded_at
from seqarena.data.labelled import (
    MANIFESTS,
    DrawnOptions,
    Fraction,
    encode_files,
    fold_of,
    read_manifest,
)
from seqarena.data.midi import read_notes
from seqarena.data.modalities.base import Asked, Modality, from_files
from seqarena.data.pitches import KEYS, LOWEST
from seqarena.data.rows import Row
from seqarena.data.splits import assign_splits
from seqarena.data.store import Array, DataSpec
from seqarena.data.writing import split_writers
from seqarena.errors import InputError

MAX_STEPS = 100_000  # frames; beyond, a file is taken for damaged


class MusicOptions(DrawnOptions):
    """How a piece becomes frames.

    A step is half a quarter note: of the chorales' notes 1.3 % begin between two such steps,
    20.9 % between quarter notes and 0.006 % between sixteenths, which make pieces twice as long.
    """

    steps_per_quarter: Annotated[int, Field(ge=1, le=48)] = 2
    max_length: Annotated[int, Field(ge=2, le=MAX_STEPS)] = 512  # frames; longer pieces are cut up
    valid: Fraction = 0.12
    test: Fraction = 0.12


class Music(Modality):
    """Pieces as frames ``(T, 88)`` of the keys that sound; the target is the piece itself.

    The input is the same, one frame later: step t holds frame t-1, the first of a piece silence,
    and its target is frame t. Both are stored: inputs float32, targets uint8, ``(T, 88)`` each.
    """

    Options = MusicOptions

    def prepare(self, raw: Path, out: Path, options: Strict, seed: int) -> DataSpec:
        """Read every piece of ``labels.csv`` (``file[,split,group]``); see `Modality.prepare`."""
        assert isinstance(options, MusicOptions)
        # The notes are the answer: the manifest has no column for one.
        rows = read_manifest(raw / MANIFESTS["file"], "file", None)
        drawn = options.model_dump(include=set(DrawnOptions.model_fields))
        splits = assign_splits(rows, seed=seed, **drawn)
        decode = partial(piano_roll, steps_per_quarter=options.steps_per_quarter)
        rolls = encode_files(self.decode_all, decode, raw)(iter(rows))
        with split_writers(out, splits.names) as writers, closing(rolls):
            for (name, row), roll in zip(splits, rolls, strict=True):
                for example, inputs, target in _parts(readable(roll), row, options.max_length):
                    writers[name].add(inputs, [target], example)
        max_length = writers["train"].longest
        return DataSpec(
            modality="music",
            feature_shape=(KEYS,),
            max_length=max_length,
            max_target_length=max_length,
            step="beat",
            step_size=1 / options.steps_per_quarter,
            options={"steps_per_quarter": options.steps_per_quarter},
            sizes={name: len(writer) for name, writer in writers.items()},
        )

    def stream(self, source: str, spec: DataSpec) -> Generator[Asked]:
        """Read one MIDI file, or all below a folder: ``(T + 1, 88)``, whole however long.

        The last step holds the last frame; its target would be the one after it.
        """
        steps = spec.options["steps_per_quarter"]
        rolls = decoded_at(source, "music", partial(piano_roll, steps_per_quarter=steps))
        return from_files(rolls, shifted)

    def step_labels(self, steps: Array, spec: DataSpec) -> list[str]:
        """Name each step by the beat that it predicts: ``1``, ``1.5``, ``2``, …"""
        return [f"{1 + round(index * spec.step_size, 2):g}" for index in range(len(steps))]


def piano_roll(path: Path, steps_per_quarter: int) -> Array:
    """Read a MIDI file as the keys that sound at each point of the grid, uint8 ``(T, 88)``.

    A note that is repeated without a pause looks like one that is held, and one that starts and
    ends between two points is not there. Raises what `read_notes` raises, and `InputError` for a
    note outside the 88 keys, for silence and for more than `MAX_STEPS` frames.
    """
    score = read_notes(path)

    def frame(tick: int) -> int:
        return -(-tick * steps_per_quarter // score.ticks)  # the first that is not before it

    length = frame(score.length)
    if length > MAX_STEPS:
        raise InputError(f"{path}: {length} frames; at most {MAX_STEPS}")
    roll = np.zeros((length, KEYS), np.uint8)
    for start, end, pitch in score.notes:
        if not LOWEST <= pitch < LOWEST + KEYS:
            quarter = start / score.ticks
            known = f"the keys {LOWEST} to {LOWEST + KEYS - 1}"
            raise InputError(f"{path}: note {pitch} at beat {1 + quarter:g}; expected {known}")
        roll[frame(start) : frame(end), pitch - LOWEST] = 1
    if not roll.any():
        grid = f"a grid of {steps_per_quarter} steps to a quarter note"
        raise InputError(f"{path}: no note sounds on {grid}")
    return roll


def shifted(roll: Array) -> Array:
    """Return a roll ``(T, 88)`` one frame later, silence first, float32 ``(T + 1, 88)``."""
    return np.concatenate([np.zeros((1, KEYS)), roll]).astype(np.float32)


def _parts(roll: Array, row: Row, max_length: int) -> Iterator[tuple[dict[str, Any], Array, Array]]:
    """Yield what people know a part by, its inputs and its targets; most pieces are one part.

    A part from the midst of a piece begins with the frame before it, not with silence.
    """
    inputs = shifted(roll)[:-1]
    for start in range(0, len(roll), max_length):
        place = f" from frame {start + 1}" if start else ""
        example = {"id": f"{row.id}{place}", "file": row.item, "group": row.group, **fold_of(row)}
        span = slice(start, start + max_length)
        yield example, inputs[span], roll[span]
