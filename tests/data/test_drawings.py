from __future__ import annotations

import csv
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seqarena.data.datasets.drawings import (
    SIDE,
    EmojiDrawings,
    family_of,
    name_of,
    rasterise,
    split_of,
)
from seqarena.data.image import ImageOptions, Images
from seqarena.files import digest_of

SOME = {"families": 300, "valid": 12, "test": 12}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    raw = tmp_path_factory.mktemp("drawings")
    EmojiDrawings(**SOME).write(raw)
    return raw


def rows_of(raw: Path) -> list[dict[str, str]]:
    with (raw / "labels.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_rows_and_pictures(written: Path) -> None:
    rows = rows_of(written)
    assert list(rows[0]) == ["file", "target", "split", "group"]
    assert len({row["target"] for row in rows}) == len(rows)
    assert len(list((written / "drawings").iterdir())) == len(rows)
    assert len({row["group"] for row in rows}) == SOME["families"]
    seen = set()
    for row in rows:
        with Image.open(written / row["file"]) as picture:
            assert (picture.size, picture.mode) == ((SIDE, SIDE), "RGB")
            pixels = np.asarray(picture)
        assert (pixels[0, 0] == 255).all() and (pixels < 128).any()
        seen.add(pixels.tobytes())
        assert all(word.replace("'", "").isalnum() for word in row["target"].split())
        assert row["target"] == row["target"].lower()
    assert len(seen) > 0.98 * len(rows)  # no drawing has two names, but for rare slips of OpenMoji


def test_held_out_names_are_new_and_made_of_words_of_train(written: Path) -> None:
    rows = rows_of(written)
    sides = defaultdict(set)
    for row in rows:
        sides[row["group"]].add(row["split"])
    assert all(len(found) == 1 for found in sides.values())
    counts = Counter(row["split"] for row in rows)
    assert 0 < counts["valid"] <= 12 and 0 < counts["test"] <= 12
    known = {word for row in rows if row["split"] == "train" for word in row["target"].split()}
    held_out = [row["target"] for row in rows if row["split"] != "train"]
    assert all(word in known for name in held_out for word in name.split())


def test_the_same_bytes_again(written: Path, tmp_path: Path) -> None:
    EmojiDrawings(**SOME).write(tmp_path / "again")
    assert digest_of(tmp_path / "again") == digest_of(written)


@pytest.mark.parametrize(
    "family",
    [
        "👍 👍🏻 👍🏿",
        "🧑‍🍳 👨‍🍳 👩🏽‍🍳",
        "🏃 🏃🏼‍♀️ 🏃‍♂️‍➡️",
        "🧑 👨 👩🏿 👱‍♀️ 🧔🏾‍♂️ 👩‍🦰 🧑🏻‍🦲",
        "👫 👭 👬🏽 🧑‍🤝‍🧑",
        "💏 👩‍❤️‍💋‍👨",
        "💑 👨‍❤️‍👨",
        "👪 👨‍👩‍👧 👩‍👦‍👦 🧑‍🧑‍🧒",
        "🧒 👦 👧🏾",
        "🎅 🤶🏻 🧑‍🎄",
        "🐈 🐈‍⬛",
        "🏴 🏴‍☠️",
    ],
)
def test_a_family_is_one_group(family: str) -> None:
    assert len({family_of(emoji) for emoji in family.split()}) == 1


def test_families_are_told_apart() -> None:
    each = "👍 👎 🧑‍🍳 🍳 🧑 🧒 🧓 👫 🤝 💏 💋 💑 ❤️ 👪 🎄 🎅 🏃 ♀️ ♂️ ➡️ 🕐 🕑 1️⃣ 2️⃣"
    emoji = each.split()
    assert len({family_of(one) for one in emoji}) == len(emoji)


def test_names_are_plain_words() -> None:
    assert name_of(":man_cook_medium-light_skin_tone:") == "man cook medium light skin tone"
    assert name_of(":one_o’clock:") == "one o'clock"
    assert name_of(":AB_button_(blood_type):") == "ab button blood type"
    assert name_of(":Japanese_“here”_button:") == "japanese here button"
    assert name_of(":piñata:") == "piñata"


def test_a_family_with_a_word_of_its_own_stays_in_train() -> None:
    names = {"❤": "red heart", "💙": "blue heart", "🔴": "red circle", "🔵": "blue circle"}
    for seed in range(20):
        rng = np.random.default_rng(seed)
        splits = split_of({**names, "🦄": "unicorn"}, {"test": 2, "valid": 2}, rng)
        held_out = [names[emoji] for emoji, split in splits.items() if split != "train"]
        assert len(held_out) in (1, 2)  # two that share no word, or one beside which none can go
        assert splits["🦄"] == "train"
        words = [word for name in held_out for word in name.split()]
        assert len(words) == len(set(words))


def test_drawn_on_white_in_colour() -> None:
    svg = (
        '<svg viewBox="0 0 72 72" xmlns="http://www.w3.org/2000/svg">'
        '<rect x="36" width="36" height="72" fill="#ff0000"/></svg>'
    )
    pixels = np.asarray(rasterise(svg))
    assert pixels.shape == (SIDE, SIDE, 3)
    assert (pixels[:, : SIDE // 2] == 255).all()
    assert (pixels[:, SIDE // 2 :] == [255, 0, 0]).all()


def test_prepares_as_images(written: Path, tmp_path: Path) -> None:
    spec = Images().prepare(written, tmp_path, ImageOptions(targets="words"), seed=0)
    rows = rows_of(written)
    assert spec.feature_shape == (3, SIDE, SIDE)
    assert spec.sizes == dict(Counter(row["split"] for row in rows))
    words = {word for row in rows for word in row["target"].split()}
    assert set(spec.target_vocabulary[3:]) == words
