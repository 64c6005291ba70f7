from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from seqarena.data.modalities.video import Video, VideoOptions
from seqarena.data.store import Array, DataSpec, Prepared, write_spec
from seqarena.errors import InputError

OPTIONS = VideoOptions(height=16, width=24)


def write_clip(
    path: Path, frames: Array, codec: str = "libx264", pix_fmt: str = "yuv420p", **options: str
) -> None:
    """Encode frames (T, H, W) of grey levels or (T, H, W, 3)."""
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=10)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pix_fmt
        for pixels in frames:
            form = "rgb24" if pixels.ndim == 3 else "gray"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format=form)))
        container.mux(stream.encode())


def levels(*values: int, side: int = 32) -> Array:
    """One even frame per grey level."""
    return np.stack([np.full((side, side), value, np.uint8) for value in values])


def read_as(options: VideoOptions) -> DataSpec:
    """Describe clips that are read by these options."""
    return DataSpec(
        modality="video",
        feature_shape=(),
        max_length=1,
        step="frame",
        step_size=1.0,
        options=options.model_dump(exclude={"valid", "test"}),
    )


def decode(path: Path, options: VideoOptions = OPTIONS) -> Array:
    ((_, frames, *_),) = Video().read(str(path), read_as(options))
    return frames


def write_clips(folder: Path) -> Path:
    """Twelve clips that grow lighter or darker."""
    rows = [("file", "label", "split")]
    for index in range(12):
        split = "test" if index >= 10 else "valid" if index >= 8 else "train"
        ramp = range(20, 200, 20 + index)
        write_clip(folder / f"{index}.mp4", levels(*(ramp if index % 2 else reversed(ramp))))
        rows.append((f"{index}.mp4", ("down", "up")[index % 2], split))
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder


def test_frames_come_resized_and_in_order(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", levels(0, 50, 128, 200, 255))
    frames = decode(tmp_path / "a.mp4")
    assert frames.shape == (5, 1, 16, 24)
    assert frames.dtype == np.uint8
    assert np.abs(frames.mean(axis=(1, 2, 3)) - [0, 50, 128, 200, 255]).max() < 3


def test_avi_in_colour(tmp_path: Path) -> None:
    red = np.zeros((3, 32, 32, 3), np.uint8)
    red[..., 0] = 220
    write_clip(tmp_path / "a.avi", red, "mjpeg", "yuvj420p")
    frames = decode(tmp_path / "a.avi", VideoOptions(colour=True))
    assert frames.shape == (3, 3, 32, 32)
    assert np.abs(frames.mean(axis=(0, 2, 3)) - [220, 0, 0]).max() < 6


def test_every_nth_and_max_frames(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", levels(*range(10, 110, 10)))
    frames = decode(tmp_path / "a.mp4", VideoOptions(every_nth=3, max_frames=4))
    assert np.abs(frames.mean(axis=(1, 2, 3)) - [10, 40, 70, 100]).max() < 3
    with pytest.raises(InputError, match=r"a\.mp4.*more than max_frames \(4\)"):
        decode(tmp_path / "a.mp4", VideoOptions(every_nth=2, max_frames=4))


def test_prepared_steps_are_read_alike(tmp_path: Path) -> None:
    raw, out = write_clips(tmp_path), tmp_path / "out"
    out.mkdir()
    spec = Video().prepare(raw, out, OPTIONS, seed=0)
    write_spec(out / "spec.json", spec)
    test = Prepared(out).split("test")
    assert spec.feature_shape == (1, 16, 24)
    pixels = Prepared(tmp_path / "out").split("train").inputs[:].astype(float)
    assert spec.pixel_stats == {
        "mean": [pytest.approx(pixels.mean())],
        "std": [pytest.approx(pixels.std())],
    }
    assert spec.sizes == {"train": 8, "valid": 2, "test": 2}
    assert spec.max_length == Prepared(out).split("train").lengths.max()
    assert test.inputs.dtype == np.uint8
    for index, example in enumerate(test.examples()):
        ((name, steps, *_),) = Video().read(str(tmp_path / example["file"]), spec)
        assert name == example["file"]
        assert np.array_equal(steps, test.sequence(index))
    assert Video().step_labels(steps, spec)[:2] == ["1", "2"]
    assert len(Video().read(str(tmp_path), spec)) == 12


def cut(keep: float, **options: str) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (20, 64, 64), np.uint8)
        write_clip(path, noise, **options)
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * keep)])

    return make


def renamed(old: bytes, new: bytes) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        write_clip(path, levels(50, 100))
        path.write_bytes(path.read_bytes().replace(old, new))

    return make


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda p: p.write_bytes(b""), "not a readable clip"),
    "text": (lambda p: p.write_text("hello " * 99), "not a readable clip"),
    "no index": (cut(0.7), "not a readable clip"),
    "index first": (cut(0.7, movflags="faststart"), "cut short"),
    "head": (cut(0.02), "not a readable clip"),
    "codec": (renamed(b"avc1", b"zzzz"), "of a codec that FFmpeg does not know"),
    "missing": (lambda p: None, "no such clip"),
    "picture": (lambda p: Image.new("L", (64, 48)).save(p, "PNG"), "a picture, not a clip"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_clip_is_told_in_one_line(kind: str, tmp_path: Path) -> None:
    make, message = BAD[kind]
    make(tmp_path / "bad.mp4")
    with pytest.raises(InputError) as caught:
        decode(tmp_path / "bad.mp4")
    assert message in str(caught.value)
    assert "bad.mp4" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_one_bad_clip_ends_prepare_with_its_name(tmp_path: Path) -> None:
    raw = write_clips(tmp_path)
    cut(0.7)(raw / "3.mp4")
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match=r"3\.mp4: not a readable clip"):
        Video().prepare(raw, tmp_path / "out", OPTIONS, seed=0)
