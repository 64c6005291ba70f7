"""Real handwritten digits that move through MP4 clips: which digit, and which way does it go?"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import av
import numpy as np
from scipy import ndimage

from seqarena.data.store import Array
from seqarena.datasets import sources
from seqarena.datasets.base import Dataset
from seqarena.files import write_records

SIDE, DIGIT = 32, 16  # pixels of the frame, and of the digit in it
ROOM = SIDE - DIGIT  # where the digit's corner can be
FRAMES = (8, 15)
SPEED = (0.7, 1.2)  # pixels a frame: the longest walk just fits
NOISE = 10.0  # grey levels of the background
FPS = 10
THREADS = 2  # encoding releases the GIL
DIRECTIONS = ("left", "right", "up", "down")
ORIGINALS = {"train": 80, "valid": 15, "test": 20}  # of each digit
# Each frame is coded by itself and at one quality, so that a frame looks the same wherever it
# stands: with predicted frames the first would give the direction away to a model that ignores
# order.
CODEC = {"qp": "16", "g": "1", "bf": "0", "preset": "veryfast"}

SOURCE = "sklearn/datasets/data/digits.csv.gz"
SHA256 = "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"


@dataclass(frozen=True)
class Clip:
    """One clip to make: a row of ``labels.csv``."""

    file: str
    label: str
    split: str
    group: str  # the original drawing; never in two splits


class MovingDigits(Dataset):
    """Scikit-learn's handwritten digits moving through clips; the label names digit and direction.

    A clip played backwards is an equally likely clip of the opposite direction, so no model can
    tell left from right, or up from down, without the order of the frames: on shuffled frames
    at most half of the labels can be right. All four directions need both axes of motion; five
    digits then keep it to 20 classes of 80 training clips, which a CPU learns in minutes.
    """

    modality = "video"
    origin = (
        "digits.csv.gz of scikit-learn: Optical Recognition of Handwritten Digits, "
        "Alpaydin and Kaynak 1998, doi:10.24432/C50P49"
    )
    licence = "BSD-3-Clause (scikit-learn); CC BY 4.0 (UCI)"

    def __init__(
        self,
        *,
        digits: tuple[int, ...] = (0, 1, 2, 3, 4),
        directions: tuple[str, ...] = DIRECTIONS,
        originals: Mapping[str, int] = ORIGINALS,
        seed: int = 0,
    ) -> None:
        self.digits = digits
        self.directions = directions
        self.originals = originals
        self.seed = seed

    def write(self, raw: Path) -> None:
        """Draw and encode every clip; see `Dataset.write`."""
        pixels, digits = drawings()
        clips = list(self.plan(digits))

        def frames(index: int) -> Array:
            clip = clips[index]
            rng = np.random.default_rng([self.seed, index])
            return draw(pixels[int(clip.group)], clip.label.split()[1], rng)

        write_clips(raw, [asdict(clip) for clip in clips], frames)

    def plan(self, labels: Array) -> Iterator[Clip]:
        """Choose originals for every split; each moves once in every direction."""
        for digit, split, original in choose(labels, self.digits, self.originals, self.seed):
            for direction in self.directions:
                file = f"clips/{digit}_{direction}_{original}.mp4"
                yield Clip(file, f"{digit} {direction}", split, str(original))


def drawings() -> tuple[Array, Array]:
    """Read the handwritten digits: grey levels ``(N, 64)`` of 0 to 16, and which digit, ``(N,)``.

    Raises `InputError` when scikit-learn is missing or has another file.
    """
    with gzip.open(sources.installed("scikit-learn", SOURCE, SHA256), "rt") as file:
        table = np.loadtxt(file, delimiter=",")
    return table[:, :-1], table[:, -1].astype(int)


def choose(
    labels: Array, digits: Iterable[int], originals: Mapping[str, int], seed: int
) -> Iterator[tuple[int, str, int]]:
    """Choose as many drawings of each digit for each split as `originals` says, none twice.

    Yields the digit, the split, and which of all drawings it is.
    """
    rng = np.random.default_rng(seed)
    for digit in digits:
        drawn = iter(rng.permutation(np.flatnonzero(labels == digit)))
        for split, count in originals.items():
            for original in islice(drawn, count):
                yield digit, split, int(original)


def write_clips(raw: Path, rows: Sequence[dict[str, str]], frames: Callable[[int], Array]) -> None:
    """Encode what `frames` draws for each row, uint8 ``(T, H, W)``, and write ``labels.csv``."""
    (raw / "clips").mkdir(parents=True)

    def make(index: int) -> None:
        encode(raw / rows[index]["file"], frames(index))

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(make, range(len(rows))))
    write_records(raw / "labels.csv", rows)


def draw(original: Array, direction: str, rng: np.random.Generator) -> Array:
    """Move a digit ``(64,)`` of 0 to 16 through frames, uint8 ``(T, 32, 32)``."""
    steps = int(rng.integers(*FRAMES)) - 1
    walk = steps * rng.uniform(*SPEED)
    along = rng.uniform(0, ROOM - walk) + np.linspace(0, walk, steps + 1)
    across = np.full(steps + 1, rng.uniform(0, ROOM))
    if direction in ("left", "up"):  # a walk to the right or down, backwards
        along = along[::-1]
    down, right = (across, along) if direction in ("left", "right") else (along, across)
    return paint(original, down, right, rng)


def paint(original: Array, down: Array, right: Array, rng: np.random.Generator) -> Array:
    """Paint a digit ``(64,)`` at places ``(T,)`` and ``(T,)`` from the corner, in noise.

    Gives uint8 ``(T, 32, 32)``; places are in pixels, with fractions.
    """
    pixels = ndimage.zoom(original.reshape(8, 8) / 16, DIGIT / 8, order=3, mode="nearest")
    frames: Array = 230 * _place(down) @ pixels.clip(0, 1) @ _place(right).transpose(0, 2, 1)
    frames += 2 * NOISE + NOISE * rng.standard_normal(frames.shape)
    return np.asarray(frames.clip(0, 255), np.uint8)


def _place(offsets: Array) -> Array:
    """Weigh a digit's rows for each row of the frame, linearly between pixels: ``(T, 32, 16)``."""
    rows, own = np.arange(SIDE)[:, None], np.arange(DIGIT)
    return np.asarray(np.maximum(0, 1 - np.abs(rows - own - offsets[:, None, None])))


def encode(path: Path, frames: Array) -> None:
    """Write frames ``(T, H, W)`` of grey levels as an H.264 clip."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options=CODEC)
        stream.height, stream.width = frames.shape[1:]
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="gray")))
        container.mux(stream.encode())
