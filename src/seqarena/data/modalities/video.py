"""Clips: MP4 and AVI files to frames."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import Field

from seqarena.config import Strict
from seqarena.data.children import Decode
from seqarena.data.folders import decoded_at
from seqarena.data.labelled import (
    NOT_OF_MODEL,
    FilesOptions,
    encode_files,
    read_manifest,
    write_labelled,
)
from seqarena.data.modalities.base import Asked, Modality, from_files
from seqarena.data.modalities.clips import decode
from seqarena.data.pixels import mean_and_std
from seqarena.data.splits import assign_splits
from seqarena.data.store import Array, DataSpec, Split
from seqarena.data.targets import TARGETS

Side = Annotated[int, Field(ge=4, le=512)]


class VideoOptions(FilesOptions):
    """How a clip becomes steps."""

    height: Side = 32
    width: Side = 32
    colour: bool = False  # three channels instead of one
    max_frames: Annotated[int, Field(ge=1, le=10_000)] = 256  # kept; longer clips are refused
    every_nth: Annotated[int, Field(ge=1)] = 1  # of the clip's frames is kept


class Video(Modality):
    """Clips as frames uint8 ``(T, C, H, W)``; models scale them by the mean and std in the spec."""

    Options = VideoOptions

    def prepare(self, raw: Path, out: Path, options: Strict, seed: int) -> DataSpec:
        """Decode every clip of ``labels.csv`` once; see `Modality.prepare`."""
        assert isinstance(options, VideoOptions)
        targets = TARGETS[options.targets]
        rows = read_manifest(raw / "labels.csv", "file", targets)
        splits = assign_splits(rows, seed=seed, **options.splitting())
        encode = encode_files(self.decode_all, as_asked(options), raw)
        written = write_labelled(out, splits, encode, targets, **options.writing())
        return DataSpec(
            modality="video",
            dtype="uint8",
            feature_shape=(3 if options.colour else 1, options.height, options.width),
            step="frame",
            step_size=1.0,
            pixel_stats=mean_and_std(Split(out / "train").inputs),
            options=options.model_dump(exclude=NOT_OF_MODEL),
            **written,
        )

    def stream(self, source: str, spec: DataSpec) -> Generator[Asked]:
        """Read one clip, or all below a folder; see `Modality.stream`."""
        options = VideoOptions(**spec.options)
        clips = decoded_at(source, "video", as_asked(options))
        return from_files(clips)

    def step_labels(self, steps: Array, spec: DataSpec) -> list[str]:
        """Name each step by its number: ``1``, ``2``, …"""
        return [str(number + 1) for number in range(len(steps))]


def as_asked(options: VideoOptions) -> Decode:
    """Return the decoder of clips by these options."""
    return partial(decode, **options.model_dump(exclude=set(FilesOptions.model_fields)))
