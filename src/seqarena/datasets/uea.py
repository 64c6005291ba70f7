"""Multivariate signals of the UEA archive, in its official split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from seqarena.datasets.base import Dataset
from seqarena.datasets.sources import members, pypi
from seqarena.errors import InputError
from seqarena.files import write_csv

VERSION = "1.2.0"
SHA256 = "dbffc6731d2d683b668dceb5e2bbc5804bebc8446b4c580803a281684d90e4ae"
FOLDER = "sktime/datasets/data"
ARCHIVE = f"UEA archive (Bagnall et al., 2018, arXiv:1811.00075), in the wheel of sktime {VERSION}"

Example = tuple[list[list[str]], str]  # channels of numbers as written, and the label


class _Archived(Dataset):
    """A problem of the archive; its TEST is test, its TRAIN is divided into train and valid."""

    modality = "signal"
    problem: ClassVar[str]
    channels: ClassVar[tuple[str, ...]]
    held_out: ClassVar[int]  # examples of each class that are valid

    def __init__(self, *, seed: int = 0) -> None:
        self.seed = seed

    def write(self, raw: Path) -> None:
        """Write a CSV per example, its numbers as published, and ``labels.csv``."""
        prefix = f"{FOLDER}/{self.problem}/{self.problem}"
        files = members(pypi("sktime", VERSION, SHA256), prefix)
        rows = []
        for part in ("train", "test"):
            name = f"{prefix}_{part.upper()}.ts"
            examples = read_ts(files[name].decode(), Path(name).name, len(self.channels))
            held = self._held_out([label for _, label in examples]) if part == "train" else set()
            (raw / part).mkdir()
            for number, (series, label) in enumerate(examples):
                file = f"{part}/{number + 1}.csv"
                write_csv(raw / file, self.channels, zip(*series, strict=True))
                rows.append((file, label, "valid" if number in held else part))
        write_csv(raw / "labels.csv", ["file", "label", "split"], rows)

    def _held_out(self, labels: Sequence[str]) -> set[int]:
        """Draw as many of each class: a draw from all of them would leave a rare one without."""
        random = np.random.default_rng(self.seed)
        places = [np.flatnonzero(np.array(labels) == label) for label in sorted(set(labels))]
        drawn = [random.choice(of_class, self.held_out, replace=False) for of_class in places]
        return set(np.concatenate(drawn).tolist())


class JapaneseVowels(_Archived):
    """640 utterances of /ae/ by nine men, 7 to 29 frames of 12 cepstrum coefficients: who speaks?

    TRAIN has 30 of each speaker, TEST 24 to 88; six of each are held out of TRAIN for valid.
    """

    origin = (
        "Kudo, Toyama and Shimbo (1999), Pattern Recognition Letters 20 (11-13), at UCI, "
        f"doi:10.24432/C5NS47; {ARCHIVE}"
    )
    licence = "CC BY 4.0 (UCI); BSD-3-Clause (sktime)"

    problem = "JapaneseVowels"
    channels = tuple(f"cepstrum_{number}" for number in range(1, 13))
    held_out = 6


class BasicMotions(_Archived):
    """80 recordings of a smart watch, 10 s at 10 Hz: standing, walking, running or badminton?

    Four students did each five times, and who did which is not published, so the same person may
    be in train and in test. TRAIN and TEST have ten of each motion; three of each are held out of
    TRAIN for valid.
    """

    origin = f"four students with a smart watch; {ARCHIVE}"
    licence = "none stated by the UEA archive; BSD-3-Clause (sktime, which carries it)"

    problem = "BasicMotions"
    channels = tuple(f"{what}_{axis}" for what in ("acceleration", "rotation") for axis in "xyz")
    held_out = 3


def read_ts(text: str, name: str, channels: int) -> list[Example]:
    """Read sktime's ``.ts``: a line per example, its channels and its label parted by colons.

    Raises `InputError` naming the line that has other channels, an unknown label, channels of
    different lengths, or what is no number.
    """
    classes: list[str] = []
    examples: list[Example] = []
    inside = False
    for line, content in enumerate(text.splitlines(), start=1):
        where = f"{name} line {line}"
        if inside:
            examples.append(_example(content, where, channels, classes))
        elif content.startswith("@classLabel true "):
            classes = content.split()[2:]
        elif content.startswith("@data"):
            inside = True
        elif not content.startswith(("#", "@")):
            raise InputError(f"{where}: expected a comment or a key before @data")
    if not examples:
        raise InputError(f"{name}: no examples")
    return examples


def _example(content: str, where: str, channels: int, classes: list[str]) -> Example:
    *written, label = content.split(":")
    series = [channel.split(",") for channel in written]
    if len(series) != channels:
        raise InputError(f"{where}: {len(series)} channels, expected {channels}")
    if label not in classes:
        raise InputError(f"{where}: label '{label}', expected one of {', '.join(classes)}")
    if len({len(channel) for channel in series}) != 1:
        raise InputError(f"{where}: channels of different lengths")
    try:
        np.array(series, np.float64)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error
    return series, label
