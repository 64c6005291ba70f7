from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from seqarena.data.children import decoders
from seqarena.data.modalities.video import Video, VideoOptions, as_asked
from seqarena.data.store import Array, Prepared, write_spec
from seqarena.datasets.moving_digits import DIRECTIONS, MovingDigits, draw, encode
from seqarena.files import digest_of
from support import rows_of

ORIGINALS = {"train": 3, "valid": 1, "test": 1}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    raw = tmp_path_factory.mktemp("moving")
    MovingDigits(digits=(0, 1), originals=ORIGINALS).write(raw)
    return raw


def original() -> Array:
    """A hollow square, as a digit of 64 grey levels from 0 to 16."""
    square = np.zeros((8, 8))
    square[1:7, 1:7] = 16
    square[3:5, 3:5] = 0
    return square.ravel()


def path_of(frames: Array) -> Array:
    """Find the digit in each frame (T, H, W): its centre (T, 2), row and column."""
    bright = np.maximum(frames.astype(float) - 80, 0)
    grid = np.indices(frames.shape[1:])
    return np.einsum("thw,chw->tc", bright, grid) / bright.sum(axis=(1, 2))[:, None]


def test_clips_and_labels(written: Path) -> None:
    rows = rows_of(written)
    assert len(rows) == 2 * 5 * 4
    assert len(list((written / "clips").glob("*.mp4"))) == len(rows)
    labels = Counter((row["split"], row["label"]) for row in rows)
    for digit in "01":
        for direction in DIRECTIONS:
            for split, count in ORIGINALS.items():
                assert labels[split, f"{digit} {direction}"] == count


@pytest.mark.parametrize("seed", range(2))
def test_no_original_on_two_sides(seed: int) -> None:
    labels = np.arange(1797) % 10
    clips = list(MovingDigits(seed=seed).plan(labels))
    sizes = Counter(clip.split for clip in clips)
    assert sizes == {"train": 1600, "valid": 300, "test": 400}
    sides = defaultdict(set)
    for clip in clips:
        sides[clip.group].add(clip.split)
        assert labels[int(clip.group)] == int(clip.label.split()[0])
    assert all(len(found) == 1 for found in sides.values())
    assert len({clip.file for clip in clips}) == len(clips)


def test_same_seed_same_bytes(written: Path, tmp_path: Path) -> None:
    MovingDigits(digits=(0, 1), originals=ORIGINALS).write(tmp_path / "again")
    assert digest_of(tmp_path / "again") == digest_of(written)
    MovingDigits(digits=(0, 1), originals=ORIGINALS, seed=1).write(tmp_path / "other")
    assert digest_of(tmp_path / "other") != digest_of(written)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_digit_moves_the_way_the_label_says(direction: str) -> None:
    axis, sign = {"left": (1, -1), "right": (1, 1), "up": (0, -1), "down": (0, 1)}[direction]
    for seed in range(20):
        frames = draw(original(), direction, np.random.default_rng(seed))
        assert 8 <= len(frames) <= 14
        path = path_of(frames)
        assert np.abs(np.diff(path[:, 1 - axis])).max() < 0.5
        assert (sign * np.diff(path[:, axis])).min() > 0.3
        assert np.diff(path[:, axis]).std() < 0.3


@pytest.mark.parametrize(("forth", "back"), [("right", "left"), ("down", "up")])
def test_a_clip_backwards_is_a_clip_of_the_opposite_direction(forth: str, back: str) -> None:
    """The same draw gives the same positions in reverse, so frames without order tell nothing."""
    for seed in range(20):
        one, other = (
            path_of(draw(original(), direction, np.random.default_rng(seed)))
            for direction in (forth, back)
        )
        assert np.abs(one - other[::-1]).max() < 0.5


def test_coding_does_not_tell_first_frames_from_last(tmp_path: Path) -> None:
    """Reversing, then coding and decoding, equals coding, decoding, then reversing: exactly."""
    frames = draw(original(), "left", np.random.default_rng(0))
    encode(tmp_path / "forth.mp4", frames)
    encode(tmp_path / "back.mp4", frames[::-1])
    with decoders(as_asked(VideoOptions())) as submit:
        forth, back = (submit(tmp_path / f"{name}.mp4").result() for name in ("forth", "back"))
    assert np.array_equal(forth, back[::-1])
    assert np.abs(forth[:, 0].astype(float) - frames).mean() < 2  # the digit survives the codec


def test_prepares_as_video(written: Path, tmp_path: Path) -> None:
    spec = Video().prepare(written, tmp_path, VideoOptions(), seed=0)
    write_spec(tmp_path / "spec.json", spec)
    assert spec.feature_shape == (1, 32, 32)
    assert spec.sizes == {"train": 24, "valid": 8, "test": 8}
    assert len(spec.classes) == 8
    split = Prepared(tmp_path).split("test")
    for index, example in enumerate(split.examples()):
        down, right = np.sign(np.diff(path_of(split.sequence(index)[:, 0])[[0, -1]], axis=0)[0])
        direction = example["label"].split()[1]
        expected = {"left": right < 0, "right": right > 0, "up": down < 0, "down": down > 0}
        assert expected[direction]
