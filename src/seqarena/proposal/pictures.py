"""What the sizes of pictures suggest: how large models see them, and as what sequence."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.ExifTags import Base

from seqarena.data.modalities.image import UNREADABLE

PIXELS = 64 * 64  # of a picture as models see it; a smaller one keeps its own
SIDES = 8, 512  # pixels
STRIP = 2.0  # times as long as high: then it is read along its length, as writing is
REGION = 4  # pixels of a strip that are one step
PER_LETTER = 2  # steps: CTC says nothing between two letters that are alike
UPRIGHT = 4  # of EXIF's ways in which a picture lies; the others turn it by a quarter
GREY = 16  # levels between the channels of a picture that was grey before it was packed


def options_of(files: Sequence[Path]) -> dict[str, Any]:
    """Return the options that suit some pictures: their usual shape, and colour if they have any.

    One that cannot be read is left to prepare, which tells.
    """
    sizes, grey = [], True
    for file in files:
        with suppress(*UNREADABLE), Image.open(file) as picture:
            lies = picture.getexif().get(Base.Orientation, 1) > UPRIGHT
            size = picture.size[::-1] if lies else picture.size
            grey = grey and _is_grey(picture)
            sizes.append(size)
    if not sizes:
        return {}
    width, height = np.median(sizes, axis=0)
    scale = min(1.0, (PIXELS / (width * height)) ** 0.5)
    return _shaped(height * scale, width * scale) | ({"colour": False} if grey else {})


def for_letters(options: dict[str, Any], letters: int) -> dict[str, Any]:
    """Return the options with steps enough to write so many letters, for pictures of writing."""
    if "regions" not in options:  # a square is no line of writing
        return options
    scale = max(1.0, PER_LETTER * letters / max(options["regions"]))
    return options | _shaped(options["height"] * scale, options["width"] * scale)


def _shaped(height: float, width: float) -> dict[str, Any]:
    rows, columns = (int(np.clip(round(side), *SIDES)) for side in (height, width))
    shape: dict[str, Any] = {"height": rows, "width": columns}
    if columns >= STRIP * rows:
        shape["regions"] = [1, columns // REGION]
    elif rows >= STRIP * columns:
        shape["regions"] = [rows // REGION, 1]
    return shape


def _is_grey(picture: Image.Image) -> bool:
    picture.draft("RGB", (64, 64))  # a JPEG is decoded small
    small = picture.convert("RGB")
    small.thumbnail((64, 64))
    levels = np.asarray(small).astype(int)
    return bool(np.ptp(levels, axis=-1).max() <= GREY)
