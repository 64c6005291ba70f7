from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seqarena.data.modalities.image import ImageOptions, Images
from seqarena.datasets.drawings import (
    DRAWN,
    SIDE,
    SIZES,
    TAUGHT,
    EmojiDrawings,
    base_of,
    composed,
    lay,
    name_of,
    rasterise,
    split_of,
)
from seqarena.files import digest_of
from support import rows_of

SOME = {"bases": 200, "valid": 12, "test": 12, "copies": 2}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    raw = tmp_path_factory.mktemp("drawings")
    EmojiDrawings(**SOME).write(raw)
    return raw


def test_rows_and_pictures(written: Path) -> None:
    rows = rows_of(written)
    assert list(rows[0]) == ["file", "target", "split", "group"]
    assert len(list((written / "drawings").iterdir())) == len(rows)
    assert len({row["group"] for row in rows}) <= SOME["bases"]
    times = Counter((row["target"], row["split"]) for row in rows)
    for (name, split), count in times.items():
        assert count == (SOME["copies"] if split == "train" else 1)
        assert all(word.replace("'", "").isalnum() for word in name.split())
        assert name == name.lower()
    seen = set()
    for row in rows:
        with Image.open(written / row["file"]) as picture:
            assert (picture.size, picture.mode) == ((SIDE, SIDE), "RGB")
            pixels = np.asarray(picture)
        assert (pixels < 128).any()
        seen.add(pixels.tobytes())
    assert len(seen) == len(rows)  # copies differ, and no picture has two names


def test_held_out_names_are_new_and_made_of_words_of_train(written: Path) -> None:
    rows = rows_of(written)
    sides = defaultdict(set)
    for row in rows:
        sides[row["group"]].add(row["split"])
    assert all(len(found) == 1 for found in sides.values())
    counts = Counter(row["split"] for row in rows)
    assert 0 < counts["valid"] <= 12 and 0 < counts["test"] <= 12
    teachers = defaultdict(set)
    for row in rows:
        if row["split"] == "train":
            for word in row["target"].split():
                teachers[word].add(row["group"])
    learned = {row["target"] for row in rows if row["split"] == "train"}
    held_out = {row["target"] for row in rows if row["split"] != "train"}
    assert not held_out & learned
    assert all(len(teachers[word]) >= 2 for name in held_out for word in name.split())


def test_the_same_bytes_again(written: Path, tmp_path: Path) -> None:
    EmojiDrawings(**SOME).write(tmp_path / "again")
    assert digest_of(tmp_path / "again") == digest_of(written)


@pytest.mark.parametrize("drawings", ["👍 👍🏻 👍🏿", "👩‍🍳 👩🏽‍🍳 👩🏿‍🍳", "🏃‍♀️ 🏃🏼‍♀️", "❤ ❤️"])
def test_a_base_emoji_is_one_group(drawings: str) -> None:
    assert len({base_of(emoji) for emoji in drawings.split()}) == 1


def test_base_emoji_are_told_apart() -> None:
    each = "👍 👎 🧑‍🍳 👩‍🍳 👨‍🍳 🍳 🏃 🏃‍♀️ 🏃‍♀️‍➡️ 👩 👩‍🦰 🐈 🐈‍⬛ 🕐 🕑"
    emoji = each.split()
    assert len({base_of(one) for one in emoji}) == len(emoji)


def test_each_word_of_a_name_is_in_others() -> None:
    colours = {"❤": "red heart", "🔴": "red circle", "🟥": "red square"}
    hearts = {"💙": "blue heart", "💚": "green heart"}
    circles = {"🔵": "blue circle", "🟢": "green circle"}
    squares = {"🟦": "blue square", "🟩": "green square"}
    grid = {**colours, **hearts, **circles, **squares}
    assert TAUGHT == 3
    assert composed({**grid, "🦄": "unicorn", "🧡": "orange heart"}) == grid
    assert composed({**colours, **hearts}) == {}  # without circles no word but two is left thrice
    hand = {"👍": "thumbs up", "👍🏻": "thumbs up light", "👍🏿": "thumbs up dark"}
    assert composed(hand) == {}  # three drawings, one base emoji


def test_names_are_plain_words() -> None:
    assert name_of(":man_cook_medium-light_skin_tone:") == "man cook medium light skin tone"
    assert name_of(":one_o’clock:") == "one o'clock"
    assert name_of(":AB_button_(blood_type):") == "ab button blood type"
    assert name_of(":Japanese_“here”_button:") == "japanese here button"
    assert name_of(":piñata:") == "piñata"


def test_what_nothing_else_teaches_stays_in_train() -> None:
    names = {
        **{"❤": "red heart", "💙": "blue heart", "💚": "green heart"},
        **{"🔴": "red circle", "🔵": "blue circle", "🟢": "green circle"},
        **{"🟥": "red square", "🟦": "blue square", "🦄": "unicorn"},
    }
    held_out = set()
    for seed in range(20):
        splits = split_of(names, {"test": 2, "valid": 2}, np.random.default_rng(seed))
        out = [names[emoji] for emoji, split in splits.items() if split != "train"]
        held_out |= set(out)
        times = Counter(w for e, n in names.items() if splits[e] == "train" for w in n.split())
        assert out and all(times[word] >= 2 for name in out for word in name.split())
    assert held_out == {"red heart", "blue heart", "red circle", "blue circle"}


def test_drawn_and_laid_on_white_in_colour() -> None:
    svg = (
        '<svg viewBox="0 0 72 72" xmlns="http://www.w3.org/2000/svg">'
        '<rect width="72" height="72" fill="#ff0000"/></svg>'
    )
    drawing = rasterise(svg)
    assert drawing.size == (DRAWN, DRAWN)
    rng = np.random.default_rng(0)
    places = set()
    for _ in range(20):
        pixels = np.asarray(lay(drawing, rng))
        assert pixels.shape == (SIDE, SIDE, 3)
        red = (pixels == [255, 0, 0]).all(-1)
        assert SIZES[0] ** 2 * 0.8 < red.mean() < SIZES[1] ** 2
        rows, columns = red.nonzero()
        places.add((round(rows.mean()), round(columns.mean())))
    assert len(places) > 3


def test_prepares_as_images(written: Path, tmp_path: Path) -> None:
    spec = Images().prepare(written, tmp_path, ImageOptions(targets="words"), seed=0)
    rows = rows_of(written)
    assert spec.feature_shape == (3, SIDE, SIDE)
    assert spec.sizes == dict(Counter(row["split"] for row in rows))
    words = {word for row in rows for word in row["target"].split()}
    assert set(spec.target_vocabulary[3:]) == words
