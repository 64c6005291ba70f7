"""Real handwritten digits that turn as they move through MP4 clips: which way at each frame?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from seqarena.data.store import Array
from seqarena.datasets.base import Dataset
from seqarena.datasets.moving_digits import (
    DIRECTIONS,
    ROOM,
    SPEED,
    MovingDigits,
    choose,
    drawings,
    paint,
    write_clips,
)

FRAMES = (12, 25)
MOST_TURNS = 3
STEPS = {"left": (0, -1), "right": (0, 1), "up": (-1, 0), "down": (1, 0)}  # down, right
ACROSS = dict.fromkeys(("left", "right"), ("up", "down"))
ACROSS |= dict.fromkeys(("up", "down"), ("left", "right"))
OPPOSITE = {"left": "right", "right": "left", "up": "down", "down": "up"}
ORIGINALS = {"train": 50, "valid": 10, "test": 15}  # of each digit


class TurningDigits(Dataset):
    """Scikit-learn's handwritten digits wandering through clips; each frame has its direction.

    The direction at a frame is that of the step out of it, to the next frame; at the last frame,
    that of the step into it. So a model that reads forwards has seen every step but the one that it
    is asked for. That the digit goes on as it came is right at four frames of five, but at no turn,
    and of the first frame it knows nothing. A bidirectional model sees every step. By the step into
    a frame the two would differ at the first frame alone.

    Turns are right angles, and half of the walks are played backwards. So the reverse of a walk is
    as likely as the walk, and gives each frame another label: the opposite of the step into it.
    Without the order of the frames at most half of the labels can be right, and of a frame by
    itself a third, since a digit at an edge goes no further.
    """

    modality = "video"
    origin = MovingDigits.origin
    licence = MovingDigits.licence

    def __init__(
        self,
        *,
        digits: Sequence[int] = range(10),
        originals: Mapping[str, int] = ORIGINALS,
        seed: int = 0,
    ) -> None:
        self.digits = digits
        self.originals = originals
        self.seed = seed

    def write(self, raw: Path) -> None:
        """Draw and encode a clip of every original; ``labels.csv`` has ``labels``, a word a frame.

        See `Dataset.write`.
        """
        pixels, labels = drawings()
        chosen = list(choose(labels, self.digits, self.originals, self.seed))
        rngs = [np.random.default_rng([self.seed, index]) for index in range(len(chosen))]
        walks = [wander(rng) for rng in rngs]
        rows = [
            {
                "file": f"clips/{digit}_{original}.mp4",
                "labels": " ".join(walk.directions),
                "split": split,
                "group": str(original),
            }
            for (digit, split, original), walk in zip(chosen, walks, strict=True)
        ]

        def frames(index: int) -> Array:
            down, right = walks[index].places.T
            return paint(pixels[chosen[index][2]], down, right, rngs[index])

        write_clips(raw, rows, frames)


@dataclass(frozen=True)
class Walk:
    """Where a digit's corner is at each frame, ``(T, 2)`` pixels down and right, and where it goes.

    `directions` are those of the ``T`` frames, the last one that of the step before it.
    """

    places: Array
    directions: list[str]

    def turns(self) -> int:
        """Count the turns."""
        return sum(one != other for one, other in pairwise(self.directions))

    def backwards(self) -> Walk:
        """Return the walk as it looks when played backwards."""
        steps = [OPPOSITE[direction] for direction in reversed(self.directions[:-1])]
        return Walk(self.places[::-1], [*steps, steps[-1]])


def wander(rng: np.random.Generator) -> Walk:
    """Draw a walk of one to `MOST_TURNS` turns, half of all walks backwards."""
    walk = _forwards(rng)
    while walk.turns() > MOST_TURNS:
        walk = _forwards(rng)
    return walk if rng.random() < 0.5 else walk.backwards()


def _forwards(rng: np.random.Generator) -> Walk:
    """Walk at one speed; turn to either side at random frames, and where the frame ends."""
    count, speed = int(rng.integers(*FRAMES)), rng.uniform(*SPEED)
    some = int(rng.integers(1, MOST_TURNS + 1))
    turns = rng.choice(np.arange(1, count - 1), some, replace=False)
    down, right = rng.uniform(0, ROOM, 2)
    direction = DIRECTIONS[int(rng.integers(len(DIRECTIONS)))]
    places, steps = [(down, right)], []
    for frame in range(count - 1):
        ahead = {way: (down + speed * y, right + speed * x) for way, (y, x) in STEPS.items()}
        inside = [way for way, place in ahead.items() if min(place) >= 0 and max(place) <= ROOM]
        if frame in turns or direction not in inside:
            sides = [side for side in ACROSS[direction] if side in inside]
            direction = sides[int(rng.integers(len(sides)))]
        down, right = ahead[direction]
        places.append((down, right))
        steps.append(direction)
    return Walk(np.array(places), [*steps, steps[-1]])
