from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, PngImagePlugin

from seqarena.config import parse
from seqarena.data.folders import asked_at
from seqarena.data.modalities.image import ImageOptions, Images, decode
from seqarena.data.store import Array, Prepared, write_spec
from seqarena.datasets import dataset
from seqarena.errors import InputError

OPTIONS = ImageOptions(height=16, width=24, regions=(2, 3))
RED, WHITE, BLUE = (255, 0, 0), (255, 255, 255), (0, 0, 255)


def even(width: int, height: int, colour: tuple[int, ...] = RED, mode: str = "RGB") -> Image.Image:
    return Image.new(mode, (width, height), colour)


def halves(width: int = 40, height: int = 20) -> Image.Image:
    """Red on the left, blue on the right."""
    picture = even(width, height)
    picture.paste(BLUE, (width // 2, 0, width, height))
    return picture


def pixels_of(picture: Image.Image, path: Path, options: ImageOptions = OPTIONS) -> Array:
    picture.save(path)
    return decode(path, options)[0]


def at(pixels: Array, row: int, column: int) -> tuple[int, ...]:
    return tuple(pixels[:, row, column].tolist())


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Twelve even pictures of several sizes, with a text each."""
    rows = [("file", "target", "split")]
    for number in range(12):
        split = "test" if number >= 10 else "valid" if number >= 8 else "train"
        name = f"{number}.{'png' if number % 2 else 'jpg'}"
        even(20 + number, 16, (20 * number, 99, 0)).save(tmp_path / name)
        rows.append((name, f"shade {number % 4}", split))
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return tmp_path


def test_pictures_are_one_step_each(raw: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    options = parse(
        ImageOptions,
        {"height": 16, "width": 24, "targets": "words", "regions": [2, 3]},
        "prepare",
    )
    spec = Images().prepare(raw, out, options, seed=0)
    write_spec(out / "spec.json", spec)
    train, test = Prepared(out).split("train"), Prepared(out).split("test")
    assert spec.feature_shape == (3, 16, 24)
    assert (spec.max_length, spec.sizes) == (1, {"train": 8, "valid": 2, "test": 2})
    assert spec.target_vocabulary[3:] == ("shade", "0", "1", "2", "3")
    assert spec.options["regions"] == [2, 3]
    assert train.inputs.shape == (8, 3, 16, 24) and train.inputs.dtype == np.uint8
    levels = train.inputs[:].astype(float).swapaxes(0, 1).reshape(3, -1)
    assert spec.pixel_stats["mean"] == pytest.approx(levels.mean(1))
    assert spec.pixel_stats["std"] == pytest.approx(np.maximum(levels.std(1), 1))
    spec = Prepared(out).spec
    for index, example in enumerate(test.examples()):
        ((name, steps, *_),) = Images().read(str(raw / example["file"]), spec)
        assert name == example["file"]
        assert np.array_equal(steps, test.sequence(index)) and len(steps) == 1
    assert len(Images().read(str(raw), spec)) == 12
    labels = Images().step_labels(steps, spec)
    assert len(labels) == 6
    assert labels[2:4] == ["row 1, column 3", "row 2, column 1"]


def test_regions_must_fit() -> None:
    with pytest.raises(InputError, match=r"regions 3 x 50 of 48 x 48 pixels"):
        parse(ImageOptions, {"regions": [3, 50]}, "prepare")


def test_another_shape_is_shown_whole_on_its_own_background(tmp_path: Path) -> None:
    picture = even(100, 100, (240, 230, 220))
    picture.paste(BLUE, (10, 10, 90, 90))
    pixels = pixels_of(picture, tmp_path / "a.png")  # 16 of 24 columns
    assert np.array_equal(pixels[:, :, :4].min((1, 2)), [240, 230, 220])
    assert np.array_equal(pixels[:, :, -4:].max((1, 2)), [240, 230, 220])
    assert at(pixels, 8, 12) == BLUE
    blue = pixels[0] < 100
    assert 11 <= blue.sum(0).max() <= 14 and 11 <= blue.sum(1).max() <= 14


def test_a_picture_of_the_size_is_kept_as_it_is(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8)
    assert np.array_equal(
        pixels_of(Image.fromarray(noise), tmp_path / "a.png"), noise.transpose(2, 0, 1)
    )


def test_transparent_is_white(tmp_path: Path) -> None:
    clear = even(24, 16, (255, 0, 0, 0), "RGBA")
    assert (pixels_of(clear, tmp_path / "a.png") == 255).all()
    palette = halves(24, 16).convert("P", palette=Image.Palette.ADAPTIVE, colors=2)
    red = min(range(2), key=lambda index: palette.getpalette()[3 * index + 2])
    palette.info["transparency"] = red
    pixels = pixels_of(palette, tmp_path / "b.png")
    assert at(pixels, 8, 2) == WHITE and at(pixels, 8, 20) == BLUE
    half = even(24, 16, (0, 128), "LA")
    grey = pixels_of(half, tmp_path / "c.png", OPTIONS.model_copy(update={"colour": False}))
    assert grey.shape == (1, 16, 24)
    assert abs(int(grey[0, 0, 0]) - 127) <= 1


def test_sixteen_bits_are_scaled_to_eight(tmp_path: Path) -> None:
    levels = np.repeat(np.linspace(0, 65535, 24).astype(np.uint16)[None], 16, axis=0)
    pixels = pixels_of(Image.fromarray(levels), tmp_path / "a.png")
    assert np.array_equal(pixels[1, 0], levels[0] >> 8)


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_the_way_up_is_honoured(tmp_path: Path, name: str) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # to be turned right: left comes to the top
    halves(32, 48).rotate(90, expand=True).resize((32, 48)).save(tmp_path / "plain.png")
    halves(48, 32).save(tmp_path / name, exif=exif, quality=95)
    pixels = decode(tmp_path / name, ImageOptions(height=24, width=16))[0]
    top, bottom = pixels[:, :8].mean((1, 2)), pixels[:, -8:].mean((1, 2))
    assert top[0] > 200 > 50 > top[2]
    assert bottom[2] > 200 > 50 > bottom[0]


def test_the_first_picture_of_a_phone_s_jpeg(tmp_path: Path) -> None:
    halves(24, 16).save(
        tmp_path / "a.mpo", format="MPO", save_all=True, append_images=[even(8, 8, WHITE)]
    )
    (tmp_path / "a.mpo").rename(tmp_path / "a.jpg")
    pixels = decode(tmp_path / "a.jpg", OPTIONS)[0]
    assert pixels[2, 8, 2] < 60 and pixels[2, 8, 20] > 200


def noise(side: int = 64) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8))


def cut(keep: float, kind: str) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        noise().save(path, format=kind)
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * keep)])

    return make


def flip(path: Path) -> None:
    """Change one byte amid the pixels."""
    noise().save(path, format="PNG")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def output_from_predictions(width: int, height: int) -> Callable[[Path], object]:
    """Write a header that claims a size, its checksum right."""

    def make(path: Path) -> None:
        with path.open("wb") as file:
            file.write(b"\x89PNG\r\n\x1a\n")
            size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
            PngImagePlugin.putchunk(file, b"IHDR", size, bytes([8, 2, 0, 0, 0]))
            PngImagePlugin.putchunk(file, b"IDAT", bytes(9))

    return make


def animate(path: Path) -> None:
    frames = [even(8, 8, colour) for colour in (RED, BLUE)]
    frames[0].save(path, format="PNG", save_all=True, append_images=frames[1:])


def without_pixels(path: Path) -> None:
    """Write a PNG that ends, its sums in order, where its pixels should begin."""
    even(8, 8).save(path, format="PNG")
    content = path.read_bytes()
    path.write_bytes(content[:33] + content[-12:])


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda p: None, "no such picture"),
    "empty": (lambda p: p.write_bytes(b""), "empty file"),
    "text": (lambda p: p.write_text("hello " * 99), "none of PNG, JPEG"),
    "another format": (lambda p: even(8, 8).save(p, format="GIF"), "none of PNG, JPEG"),
    "head": (cut(0.001, "PNG"), "not a readable picture"),
    "cut PNG": (cut(0.7, "PNG"), "not a readable picture"),
    "no pixels": (without_pixels, "not a readable picture"),
    "cut JPEG": (cut(0.7, "JPEG"), "truncated"),
    "damaged": (flip, "broken PNG file"),
    "large": (output_from_predictions(9_000, 9_000), "9000 x 9000; at most 64000000 pixels"),
    "bomb": (output_from_predictions(1 << 30, 1 << 30), "not a readable picture"),
    "animated": (animate, "animated or of several pages"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_picture_is_told_in_one_line(kind: str, tmp_path: Path) -> None:
    make, message = BAD[kind]
    make(tmp_path / "bad.png")
    with pytest.raises(InputError) as caught:
        decode(tmp_path / "bad.png", OPTIONS)
    assert message in str(caught.value)
    assert "bad.png" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_damage_gets_past(tmp_path: Path) -> None:
    """Bytes changed anywhere give pixels or an `InputError` of one line, nothing else."""
    random = np.random.default_rng(0)
    errors = []
    for kind in ("PNG", "JPEG"):
        noise(24).save(tmp_path / "whole", format=kind)
        whole = (tmp_path / "whole").read_bytes()
        for _ in range(100):
            content = bytearray(whole)
            content[random.integers(len(content))] = random.integers(256)
            (tmp_path / "bad").write_bytes(content[: random.integers(1, 2 * len(content))])
            try:
                assert decode(tmp_path / "bad", OPTIONS).shape == (1, 3, 16, 24)
            except InputError as error:
                errors.append(str(error))
    assert 100 < len(errors) < 200
    assert not any("\n" in message for message in errors)


def test_one_bad_picture_ends_prepare_with_its_name(raw: Path, tmp_path: Path) -> None:
    cut(0.7, "PNG")(raw / "3.png")
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match=r"3\.png: not a readable picture"):
        Images().prepare(raw, tmp_path / "out", ImageOptions(targets="words"), seed=0)


def test_a_folder_without_pictures_is_told(raw: Path) -> None:
    (raw / "none").mkdir()
    with pytest.raises(InputError, match=r"none: no files of image \(\.png, \.jpg"):
        asked_at(raw / "none", "image")


def test_own_folders(tmp_path: Path) -> None:
    own, raw, out = (tmp_path / name for name in ("own", "raw", "out"))
    for number in range(6):
        for label, colour in (("red", RED), ("blue", BLUE)):
            (own / label).mkdir(parents=True, exist_ok=True)
            even(8, 8 + number, colour).save(
                own / label / f"{number}.{('png', 'JPEG')[number % 2]}"
            )
    (own / "red" / "notes.txt").write_text("not a picture")
    raw.mkdir()
    out.mkdir()
    dataset(str(own), "image").write(raw)
    spec = Images().prepare(raw, out, ImageOptions(valid=0.2, test=0.2), seed=0)
    assert spec.classes == ("blue", "red")
    assert sum(spec.sizes.values()) == 12


def test_own_pictures_with_a_text_each(raw: Path, tmp_path: Path) -> None:
    for name in ("copy", "out"):
        (tmp_path / name).mkdir()
    dataset(str(raw), "image", targets="words").write(tmp_path / "copy")
    options = ImageOptions(targets="characters")
    spec = Images().prepare(tmp_path / "copy", tmp_path / "out", options, seed=0)
    assert (spec.target_unit, spec.max_target_length) == ("characters", 8)
    (tmp_path / "pieces").mkdir()
    pieces = ImageOptions(targets="subwords", vocabulary=20)
    spec = Images().prepare(tmp_path / "copy", tmp_path / "pieces", pieces, seed=0)
    assert (spec.target_unit, " shade" in spec.target_vocabulary) == ("subwords", True)
    assert "vocabulary" not in spec.options
