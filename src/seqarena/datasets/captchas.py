"""Pictures of characters to be read: rendered by the package captcha, and real ones."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path, PurePosixPath
from typing import TypeVar

import numpy as np
from captcha import image

from seqarena.datasets import sources
from seqarena.datasets.base import Dataset
from seqarena.files import write_records

Item = TypeVar("Item")

# Of characters that look alike once they are turned and bent (0 O Q D, 1 I, 2 Z, 5 S, 8 B, U V),
# one stays or none.
ALPHABET = "23456789ACEFGHJKLMNPRTVWXY"
LENGTHS = (4, 5, 6)
WIDTH, HEIGHT = 160, 50
FONT_SIZES = (32, 36, 40)
SIZES = {"train": 4_000, "valid": 500, "test": 500}
PROCESSES = 2
CHUNK = 100  # pictures handed to a process at once


@dataclass(frozen=True)
class Picture:
    """One picture to render: a row of ``labels.csv``."""

    file: str
    target: str
    split: str


class ImageCaptchas(Dataset):
    """Four to six letters and digits, bent, turned and spotted by `captcha.image.ImageCaptcha`.

    No string occurs twice. The package draws all chance from the system's entropy, as a captcha
    should; see `render` for how it comes from a seed here.
    """

    modality = "image"
    origin = "rendered by captcha 0.7.1 (Yang) in its own font, Droid Sans Mono"
    licence = "BSD-3-Clause (captcha), Apache-2.0 (Droid Sans Mono); the pictures are your own"

    def __init__(
        self,
        *,
        train: int = SIZES["train"],
        valid: int = SIZES["valid"],
        test: int = SIZES["test"],
        seed: int = 0,
    ) -> None:
        self.sizes = {"train": train, "valid": valid, "test": test}
        self.seed = seed

    def write(self, raw: Path) -> None:
        """Render every picture in child processes; see `Dataset.write`."""
        pictures = self.plan()
        (raw / "pictures").mkdir(parents=True)
        # Spawned, not forked: a child has none of the threads and locks of its parent.
        with ProcessPoolExecutor(PROCESSES, get_context("spawn")) as pool:
            draw = partial(render, raw, seed=self.seed)
            list(pool.map(draw, range(len(pictures)), pictures, chunksize=CHUNK))
        write_records(raw / "labels.csv", [asdict(picture) for picture in pictures])

    def plan(self) -> list[Picture]:
        """Choose the characters and the split of every picture."""
        rng = np.random.default_rng([self.seed, 0])
        splits = [split for split, count in self.sizes.items() for _ in range(count)]
        characters, texts = np.array(list(ALPHABET)), dict[str, None]()
        while len(texts) < len(splits):
            length = LENGTHS[rng.integers(len(LENGTHS))]
            texts["".join(characters[rng.integers(len(ALPHABET), size=length)])] = None
        return [
            Picture(f"pictures/{number:05}.png", text, split)
            for number, (text, split) in enumerate(zip(texts, splits, strict=True))
        ]


class CaptchaV2(Dataset):
    """1,040 real captchas of five characters out of 19, each named after its answer."""

    modality = "image"
    origin = "captcha_images_v2 of github.com/woosal1337/captcha-recognition-pytorch-CRNN"
    licence = "MIT, as the repository"

    REPOSITORY = "captcha-recognition-pytorch-CRNN"
    COMMIT = "113ee0eac907058fe17a710cca7001e6539348e7"
    ADDRESS = f"https://github.com/woosal1337/{REPOSITORY}/archive/{COMMIT}.zip"
    FOLDER = "input/captcha_images_v2/"
    CONTENT = "ce4fcffea6ddb33b2ddf22a8bc28aa21413da630815d348f923fbb07133aa046"

    def write(self, raw: Path) -> None:
        """Copy the pictures; there is no official split, so none is named."""
        archive = sources.url(
            "captcha_v2",
            "images.zip",
            self.ADDRESS,
            content_sha256=self.CONTENT,
            within=self.FOLDER,
        )
        pictures = sources.members(archive, f"{self.REPOSITORY}-{self.COMMIT}/{self.FOLDER}")
        (raw / "pictures").mkdir(parents=True)
        rows = []
        for name, content in sorted(pictures.items()):
            path = PurePosixPath(name)
            file = f"pictures/{path.name}"
            (raw / file).write_bytes(content)
            rows.append({"file": file, "target": path.stem})
        write_records(raw / "labels.csv", rows)


class Draws:
    """The functions of `secrets` that the package calls, drawn from a seeded generator."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def randbelow(self, bound: int) -> int:
        return int(self.rng.integers(bound))

    def randbits(self, bits: int) -> int:
        return int(self.rng.integers(1 << bits))

    def choice(self, items: Sequence[Item]) -> Item:
        return items[self.randbelow(len(items))]


def render(raw: Path, number: int, picture: Picture, seed: int) -> None:
    """Render one picture, the same for the same `seed` and `number`; only for child processes.

    The package takes no seed: in this process its name ``secrets`` stands for a `Draws` from here
    on, so this process must render nothing that is to keep anyone out.
    """
    vars(image)["secrets"] = Draws(np.random.default_rng([seed, 1, number]))
    captcha = image.ImageCaptcha(WIDTH, HEIGHT, font_sizes=FONT_SIZES)
    captcha.generate_image(picture.target).save(raw / picture.file)
