"""The pictures of a report: copied beside it, and made small enough to stand in its page."""

from __future__ import annotations

import base64
import shutil
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from PIL import Image, UnidentifiedImageError

from seqarena.errors import InputError

SHADES = 128  # of an embedded picture: what is drawn has few, and takes a third of the bytes


class Gallery(NamedTuple):
    """What stands over the pictures of a kind, and what is told of them to whom cannot see them."""

    title: str
    says: str


# Pictures are called <kind>[-<variant>[-<example>[-<head>]]].
GALLERIES = {
    "pairs": Gallery("How likely one beats another", "how often the row is ahead of the column"),
    "costs": Gallery("Quality against cost", "the score over parameters and seconds"),
    "attention": Gallery("What it attended to", "the weight of each step of a test example"),
    "head": Gallery("What a head attended to", "the weights of one head over a test example"),
    "forecasts": Gallery("Forecasts", "what came and what was forecast, from a few origins"),
    "steps": Gallery("Step by step", "the steps of a few test examples, one by one"),
    "scatter": Gallery("Predicted and true", "predicted over true values, with intervals"),
    "confusion": Gallery("What it confused", "counts of true classes down, predicted across"),
    "reliability": Gallery(
        "How often it is right when it is sure", "the share that is right by how sure it was"
    ),
    "found_labels": Gallery(
        "Which labels it found", "counts of labels found, missed, said wrongly"
    ),
    "lengths": Gallery("Quality by length", "the score over the length of examples, by variant"),
    "decoding": Gallery("Ways of writing, the best variant’s", "the score and time of each way"),
    "gates": Gallery("Gates over one sequence", "how far each unit’s gates are open, by step"),
    "transitions": Gallery("Which label follows which", "the score of each label after each"),
    "gradients": Gallery(
        "How far back gradients reach", "the size of gradients by how far back, by variant"
    ),
    "curves": Gallery("Learning curves", "the score on valid by epoch, by variant"),
    "tuning": Gallery("Would more trials help?", "the best score expected of n trials, by variant"),
    "importances": Gallery("Which hyperparameters mattered", "shares of the variance of scores"),
    "places": Gallery("Where the best values lie", "the best trial of each study in its range"),
    "tried": Gallery("What was tried", "a line per trial through all hyperparameters, by score"),
}


@dataclass(frozen=True)
class Embedded:
    """A picture within the page."""

    uri: str
    width: int
    height: int


@dataclass(frozen=True)
class Picture:
    """One picture of a report."""

    path: Path
    src: str  # from the folder of the report
    kind: str
    parts: tuple[str, ...]  # its variant, example and head, as far as it has them

    @property
    def caption(self) -> str:
        """What stands below it."""
        return ", ".join(self.parts)

    @property
    def says(self) -> str:
        """What it shows, to whom it cannot be seen by."""
        known = zip(("", "example ", "head "), self.parts, strict=False)
        of = ", ".join(f"{what}{part}" for what, part in known)
        return f"{GALLERIES[self.kind].says}{': ' if of else ''}{of}"

    @cached_property
    def embedded(self) -> Embedded:
        """The picture in few colours as WebP without further loss.

        Raises `InputError` naming the file where it is no picture.
        """
        small = BytesIO()
        try:
            with Image.open(self.path) as image:
                # An octree keeps the tints of ink and axes; a median cut gives them up for a photo.
                few = image.convert("RGB").quantize(
                    SHADES, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
                )
                few.convert("RGB").save(small, "WEBP", lossless=True, method=1, quality=20)
                width, height = image.size
        except (UnidentifiedImageError, OSError) as error:
            raise InputError(f"{self.path}: expected a picture: {error}") from error
        uri = f"data:image/webp;base64,{base64.b64encode(small.getvalue()).decode()}"
        return Embedded(uri, width, height)


def pictures_of(source: Path, target: Path) -> dict[str, list[Picture]]:
    """Copy the pictures of an experiment and list them by kind."""
    found: dict[str, list[Picture]] = {kind: [] for kind in ("scores", *GALLERIES)}
    for path in sorted(source.glob("*.png")):
        kind, *parts = path.stem.split("-")
        if kind not in found:
            continue
        target.mkdir(parents=True, exist_ok=True)
        copied = Path(shutil.copyfile(path, target / path.name))
        src = f"plots/{target.name}/{path.name}"
        found[kind].append(Picture(copied, src, kind, tuple(parts)))
    return found
