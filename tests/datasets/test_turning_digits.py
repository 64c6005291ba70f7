from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from seqarena.data.children import decoders
from seqarena.data.modalities.video import VideoOptions, as_asked
from seqarena.data.store import Array
from seqarena.datasets.moving_digits import DIRECTIONS, ROOM
from seqarena.datasets.turning_digits import OPPOSITE, TurningDigits, Walk, wander
from seqarena.files import digest_of
from support import rows_of

ORIGINALS = {"train": 3, "valid": 1, "test": 1}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    raw = tmp_path_factory.mktemp("turning")
    TurningDigits(originals=ORIGINALS).write(raw)
    return raw


@pytest.fixture(scope="module")
def rows(written: Path) -> list[dict[str, str]]:
    return rows_of(written)


@pytest.fixture(scope="module")
def walks() -> list[Walk]:
    return [wander(np.random.default_rng(seed)) for seed in range(1_500)]


def steps_of(frames: Array) -> Array:
    """Find the digit in each frame (T, H, W); return its steps (T - 1, 2), down and right."""
    bright = np.maximum(frames.astype(float) - 80, 0)
    return np.diff([ndimage.center_of_mass(frame) for frame in bright], axis=0)


def test_clips_and_splits(written: Path, rows: list[dict[str, str]]) -> None:
    assert list(rows[0]) == ["file", "labels", "split", "group"]
    assert Counter(row["split"] for row in rows) == {"train": 30, "valid": 10, "test": 10}
    assert {(written / row["file"]).is_file() for row in rows} == {True}
    assert len(list((written / "clips").iterdir())) == len({row["file"] for row in rows}) == 50
    sides = defaultdict(set)
    for row in rows:
        sides[row["group"]].add(row["split"])
    assert all(len(found) == 1 for found in sides.values())


def test_decoded_digits_move_as_the_labels_say(written: Path, rows: list[dict[str, str]]) -> None:
    with decoders(as_asked(VideoOptions())) as submit:
        clips = [submit(written / row["file"]) for row in rows]
        steps = [steps_of(clip.result()[:, 0]) for clip in clips]
    right = [
        seen == label
        for row, found in zip(rows, steps, strict=True)
        for seen, label in zip(map(seen_as, found), row["labels"].split()[:-1], strict=True)
    ]
    assert np.mean(right) > 0.99


def seen_as(step: Array) -> str:
    down, right = step
    if abs(right) > abs(down):
        return "right" if right > 0 else "left"
    return "down" if down > 0 else "up"


def test_same_seed_same_bytes(written: Path, tmp_path: Path) -> None:
    TurningDigits(originals=ORIGINALS).write(tmp_path / "again")
    assert digest_of(tmp_path / "again") == digest_of(written)
    TurningDigits(digits=(3,), originals=ORIGINALS, seed=1).write(tmp_path / "other")
    TurningDigits(digits=(3,), originals=ORIGINALS, seed=2).write(tmp_path / "another")
    assert digest_of(tmp_path / "other") != digest_of(tmp_path / "another")


def test_walks(walks: list[Walk]) -> None:
    assert {len(walk.places) for walk in walks} == set(range(12, 25))
    assert {walk.turns() for walk in walks} == {1, 2, 3}
    for walk in walks:
        assert walk.places.min() >= 0 and walk.places.max() <= ROOM
        steps = np.diff(walk.places, axis=0)
        assert [seen_as(step) for step in steps] == walk.directions[:-1]
        assert walk.directions[-1] == walk.directions[-2]
        assert np.ptp(np.abs(steps).sum(axis=1)) < 1e-9  # one speed
        for one, other in pairwise(walk.directions):
            assert other != OPPOSITE[one]


def test_directions_are_balanced(walks: list[Walk]) -> None:
    counts = Counter(direction for walk in walks for direction in walk.directions)
    for direction in DIRECTIONS:
        assert abs(counts[direction] / counts.total() - 0.25) < 0.02


def test_backwards_no_frame_keeps_its_label(walks: list[Walk]) -> None:
    """So whoever sees the frames without their order is right on half of them at most."""
    for walk in walks:
        back = walk.backwards()
        assert [seen_as(step) for step in np.diff(back.places, axis=0)] == back.directions[:-1]
        for label, reverse in zip(walk.directions, reversed(back.directions), strict=True):
            assert label != reverse


def test_first_frames_are_like_last_frames(walks: list[Walk]) -> None:
    """Walks forwards begin anywhere and end at an edge too often: which end is which would show."""
    first, last = (np.array([walk.places[end] for walk in walks]) for end in (0, -1))
    assert abs(at_an_edge(first) - at_an_edge(last)) < 0.04


def at_an_edge(places: Array) -> float:
    return float((np.abs(places - ROOM / 2).max(axis=1) > ROOM / 2 - 1.2).mean())


def test_the_place_tells_little(walks: list[Walk]) -> None:
    """A grid of places, each with its commonest label, learned from one half of the walks."""
    half = len(walks) // 2
    seen: dict[tuple[int, ...], Counter[str]] = defaultdict(Counter)
    for walk in walks[:half]:
        for cell, direction in zip(cells_of(walk), walk.directions, strict=True):
            seen[cell][direction] += 1
    right = [
        direction == max(seen[cell], key=seen[cell].__getitem__, default="")
        for walk in walks[half:]
        for cell, direction in zip(cells_of(walk), walk.directions, strict=True)
    ]
    assert np.mean(right) < 0.36


def cells_of(walk: Walk) -> list[tuple[int, ...]]:
    return [tuple(cell) for cell in (walk.places // 2).astype(int)]


def test_going_on_as_before_is_not_enough(walks: list[Walk]) -> None:
    """What is behind tells most directions but no turn: the room that a model both ways has."""
    ahead = [one == other for walk in walks for one, other in pairwise(walk.directions)]
    frames = sum(len(walk.directions) for walk in walks)
    assert 0.75 < sum(ahead) / frames < 0.85
