"""Pictures: PNG and JPEG files to bytes of one size, to be read as a grid of regions."""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from pydantic import Field, model_validator

from seqarena.config import Strict
from seqarena.data.folders import decoded_at
from seqarena.data.labelled import (
    NOT_OF_MODEL,
    FilesOptions,
    encode_files,
    read_manifest,
    write_labelled,
)
from seqarena.data.modalities.base import Asked, Modality, from_files
from seqarena.data.pixels import mean_and_std
from seqarena.data.splits import assign_splits
from seqarena.data.store import Array, DataSpec, Split
from seqarena.data.targets import TARGETS
from seqarena.errors import InputError, in_one_line

Image.preinit()  # once here, not in every child process
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP")
MAX_PIXELS = 64_000_000  # beyond, a header is taken for damaged, before it can claim memory
# What Pillow raises at damaged files, and at sizes that it takes for an attack.
UNREADABLE = (
    OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError,
    LookupError, ArithmeticError, TypeError,
)  # fmt: skip

Side = Annotated[int, Field(ge=4, le=512)]
Count = Annotated[int, Field(ge=1, le=512)]


class ImageOptions(FilesOptions):
    """How a picture becomes pixels, and as what sequence they are read."""

    height: Side = 48
    width: Side = 48
    colour: bool = True  # three channels instead of one
    regions: tuple[Count, Count] = (4, 4)  # rows and columns, read row by row

    @model_validator(mode="after")
    def _fits(self) -> ImageOptions:
        rows, columns = self.regions
        if rows > self.height or columns > self.width:
            raise ValueError(f"regions {rows} x {columns} of {self.height} x {self.width} pixels")
        return self


class Images(Modality):
    """Pictures as uint8 ``(1, C, H, W)``, one step each; models scale them by the spec's mean."""

    Options = ImageOptions

    def prepare(self, raw: Path, out: Path, options: Strict, seed: int) -> DataSpec:
        """Decode every picture of ``labels.csv`` once; see `Modality.prepare`."""
        assert isinstance(options, ImageOptions)
        targets = TARGETS[options.targets]
        rows = read_manifest(raw / "labels.csv", "file", targets)
        splits = assign_splits(rows, seed=seed, **options.splitting())
        encode = encode_files(self.decode_all, partial(decode, options=options), raw)
        written = write_labelled(out, splits, encode, targets, **options.writing())
        return DataSpec(
            modality="image",
            dtype="uint8",
            feature_shape=(3 if options.colour else 1, options.height, options.width),
            step="picture",
            step_size=1.0,
            pixel_stats=mean_and_std(Split(out / "train").inputs),
            options=options.model_dump(mode="json", exclude=NOT_OF_MODEL),
            **written,
        )

    def stream(self, source: str, spec: DataSpec) -> Generator[Asked]:
        """Read one picture, or all below a folder; see `Modality.stream`."""
        options = ImageOptions(**spec.options)
        pictures = decoded_at(source, "image", partial(decode, options=options))
        return from_files(pictures)

    def step_labels(self, steps: Array, spec: DataSpec) -> list[str]:
        """Name each region in the order of reading: ``row 1, column 1``, ``row 1, column 2``, …"""
        rows, columns = spec.options["regions"]
        return [f"row {1 + n // columns}, column {1 + n % columns}" for n in range(rows * columns)]


def decode(path: Path, options: ImageOptions) -> Array:
    """Decode one picture to uint8 ``(1, C, H, W)``.

    It is turned as its EXIF data say and laid on white where it is transparent. One of another size
    is resized whole, and its two short sides are padded with the colour of its border. Raises
    `InputError` naming the file when it is missing, empty, damaged, cut short, too large, animated,
    or of none of `FORMATS`.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such picture")
    if not path.stat().st_size:
        raise InputError(f"{path}: empty file")
    with _opened(path) as picture:
        picture.verify()  # the checksums of a PNG, which loading does not look at
    with _opened(path) as picture:
        upright = ImageOps.exif_transpose(picture)
        levels = _on_white(upright).convert("RGB" if options.colour else "L")
        size = (options.width, options.height)
        if levels.size != size:
            levels = ImageOps.pad(levels, size, Image.Resampling.BILINEAR, _border_colour(levels))
    pixels = np.asarray(levels).reshape(options.height, options.width, -1)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open a picture; what Pillow says of a bad one is told in one line with its name."""
    try:
        with Image.open(path, formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise ValueError(f"{picture.width} x {picture.height}; at most {MAX_PIXELS} pixels")
            # A JPEG of several pictures shows its first: what phones add is a preview.
            if picture.format not in ("JPEG", "MPO") and getattr(picture, "is_animated", False):
                raise ValueError("animated or of several pages; expected a single picture")
            yield picture
    except UnidentifiedImageError as error:
        raise InputError(f"{path}: not a readable picture: none of {', '.join(FORMATS)}") from error
    except UNREADABLE as error:
        raise InputError(f"{path}: not a readable picture: {in_one_line(error)}") from error


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I"):  # 16 bits, which Pillow would clip, not scale
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if not picture.has_transparency_data:
        return picture
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture.convert("RGBA"))


def _border_colour(picture: Image.Image) -> int | tuple[int, ...]:
    """Return the median of the outermost pixels, by channel."""
    pixels = np.asarray(picture)
    sides = [pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]
    median = np.median(np.concatenate(sides), axis=0).astype(int)
    return int(median) if median.ndim == 0 else tuple(median.tolist())
