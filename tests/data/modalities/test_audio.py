from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import psutil
import pytest
import soundfile

from seqarena.config import parse
from seqarena.data.modalities.audio import Audio, AudioOptions, decode, features, log_mel
from seqarena.data.store import Array, Prepared
from seqarena.errors import InputError
from support import prepare_raw

OPTIONS = AudioOptions(mels=20)


def tone(hertz: float, seconds: float = 0.3, rate: int = 8000, level: float = 0.3) -> Array:
    return level * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


def write_tones(folder: Path, test_level: float = 0.3) -> Path:
    """Twelve recordings, low or high, the last two of them for testing."""
    random = np.random.default_rng(0)
    rows = [("file", "label", "split")]
    for index in range(12):
        split = "test" if index >= 10 else "valid" if index >= 8 else "train"
        samples = tone(300 + 1000 * (index % 2), random.uniform(0.1, 0.3))
        samples *= test_level / 0.3 if split == "test" else 1
        samples += 0.01 * random.standard_normal(len(samples))
        soundfile.write(folder / f"{index}.wav", samples, 8000)
        rows.append((f"{index}.wav", ("low", "high")[index % 2], split))
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder


def prepare(raw: Path, out: Path, options: AudioOptions = OPTIONS) -> Prepared:
    return prepare_raw(Audio(), raw, out, options)


def test_stereo_at_another_rate_becomes_mono_at_ours(tmp_path: Path) -> None:
    left, right = tone(500, 1.0, 44100, level=0.4), np.zeros(44100)
    soundfile.write(tmp_path / "a.flac", np.stack([left, right], axis=1), 44100)
    samples = decode(tmp_path / "a.flac", OPTIONS)
    assert samples.dtype == np.float32
    assert len(samples) == 8000
    assert np.abs(samples[400:-400] - tone(500, 1.0, level=0.2)[400:-400]).max() < 0.01


PACKED = {"a.m4a": "aac", "a.aac": "aac", "a.webm": "libopus", "a.wma": "wmav2"}


def pack(path: Path, samples: Array, rate: int = 48_000) -> None:
    """Write mono samples as a phone or a browser does, by FFmpeg."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(PACKED[path.name], rate=rate)
        stream.layout, stream.bit_rate = "mono", 96_000
        wave = av.AudioFrame.from_ndarray(np.float32(samples)[None], format="fltp", layout="mono")
        wave.sample_rate = rate
        to_codec = av.AudioResampler(format=stream.format, layout="mono", rate=rate)
        for frame in to_codec.resample(wave):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize("name", PACKED)
def test_what_phones_and_browsers_record_is_read(name: str, tmp_path: Path) -> None:
    pack(tmp_path / name, tone(500, 1.0, 48_000))
    samples = decode(tmp_path / name, OPTIONS)
    assert abs(len(samples) - 8000) < 600, "but for what a codec puts before and behind"
    spectrum = np.abs(np.fft.rfft(samples[2000:6000]))
    assert spectrum.argmax() == 500 * 4000 // 8000
    assert np.abs(samples[2000:6000]).max() == pytest.approx(0.3, abs=0.03)


def test_a_packed_recording_that_is_damaged_or_too_long_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.m4a"
    pack(path, tone(500, 1.0, 48_000))
    with pytest.raises(InputError, match=r"a\.m4a: .* s, more than max_seconds \(0\.5\)"):
        decode(path, OPTIONS.model_copy(update={"max_seconds": 0.5}))
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(InputError, match=r"a\.m4a: not a readable recording: "):
        decode(path, OPTIONS)


def test_steps_are_one_shift_apart_and_bands_rise_with_frequency() -> None:
    peaks = []
    for hertz in (200, 1000, 3000):
        frames = log_mel(tone(hertz).astype(np.float32), OPTIONS)
        assert frames.shape == (1 + (2400 - 200) // 80, 20)
        assert frames.dtype == np.float32
        peaks.append(int(frames.mean(axis=0).argmax()))
    assert peaks == sorted(set(peaks))


def test_silence_is_finite_and_encoding_repeats() -> None:
    assert np.isfinite(log_mel(np.zeros(800, np.float32), OPTIONS)).all()
    noise = np.random.default_rng(0).standard_normal(800).astype(np.float32)
    assert np.array_equal(log_mel(noise, OPTIONS), log_mel(noise, OPTIONS))


def test_cmn_takes_the_level_of_a_recording_away(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).uniform(-0.2, 0.2, 4000)
    for name, gain in (("loud", 1.0), ("soft", 0.25)):
        soundfile.write(tmp_path / f"{name}.wav", gain * noise, 8000, subtype="FLOAT")
    for cmn, apart in ((True, 0.0), (False, 2 * np.log(4))):
        options = AudioOptions(mels=20, cmn=cmn)
        loud, soft = (features(tmp_path / f"{name}.wav", options) for name in ("loud", "soft"))
        assert np.mean(loud - soft) == pytest.approx(apart, abs=0.01)


def test_prepared_steps_are_scaled_and_read_alike(tmp_path: Path) -> None:
    prepared = prepare(write_tones(tmp_path), tmp_path / "out")
    train, test = prepared.split("train"), prepared.split("test")
    assert np.abs(train.inputs.mean(axis=0)).max() < 1e-3
    assert np.abs(train.inputs.std(axis=0) - 1).max() < 1e-3
    assert train.inputs.dtype == np.float32
    assert prepared.spec.classes == ("high", "low")
    assert prepared.spec.sizes == {"train": 8, "valid": 2, "test": 2}
    assert prepared.spec.max_length == train.lengths.max()
    for index, example in enumerate(test.examples()):
        ((name, steps, *_),) = Audio().read(str(tmp_path / example["file"]), prepared.spec)
        assert name == example["file"]
        assert np.array_equal(steps, test.sequence(index))
    assert Audio().step_labels(steps, prepared.spec)[:2] == ["0.00", "0.01"]
    assert len(Audio().read(str(tmp_path), prepared.spec)) == 12


def test_scale_is_learned_from_train_alone(tmp_path: Path) -> None:
    learned = []
    for name, level in (("soft", 0.3), ("loud", 0.9)):
        (tmp_path / name).mkdir()
        raw = write_tones(tmp_path / name, test_level=level)
        prepared = prepare(raw, raw / "out", AudioOptions(mels=20, cmn=False))
        learned.append((prepared.spec.options["mean"], prepared.spec.options["std"]))
        learned.append(prepared.split("test").inputs.mean())
    assert learned[0] == learned[2]
    assert learned[1] != learned[3]


def test_same_files_same_bytes(tmp_path: Path) -> None:
    raw = write_tones(tmp_path)
    first, second = (prepare(raw, tmp_path / name) for name in ("first", "second"))
    assert first.spec == second.spec
    assert np.array_equal(first.split("train").inputs, second.split("train").inputs)


def cut(path: Path) -> None:
    soundfile.write(path, tone(500), 8000)
    path.write_bytes(path.read_bytes()[:3000])


def damaged_flac(path: Path) -> None:
    soundfile.write(path, tone(500), 8000, format="FLAC")
    content = path.read_bytes()
    path.write_bytes(content[:200] + b"\0" * (len(content) - 200))


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "noise": (lambda p: p.write_bytes(b"RIFFnoise and no more than noise"), "not a readable"),
    "text": (lambda p: p.write_text("hello " * 99), "not a readable"),
    "empty": (lambda p: p.write_bytes(b""), "empty file"),
    "cut": (cut, "cut short: 3000 bytes of 4844"),
    "flac": (damaged_flac, "not a readable"),
    "silent": (lambda p: soundfile.write(p, np.zeros(0), 8000), "no samples"),
    "nan": (lambda p: soundfile.write(p, np.full(4000, np.nan), 8000, "FLOAT"), "not finite"),
    "short": (lambda p: soundfile.write(p, np.zeros(100), 8000), "shorter than one window"),
    "long": (lambda p: soundfile.write(p, np.zeros(31 * 4000), 4000), "more than max_seconds"),
    "wide": (lambda p: soundfile.write(p, np.zeros((4000, 9)), 8000), "9 channels"),
    "missing": (lambda p: None, "no such recording"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_recording_is_told_in_one_line(kind: str, tmp_path: Path) -> None:
    make, message = BAD[kind]
    make(tmp_path / "bad.wav")
    with pytest.raises(InputError) as caught:
        decode(tmp_path / "bad.wav", OPTIONS)
    assert message in str(caught.value)
    assert "bad.wav" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_one_bad_recording_ends_prepare_with_its_name(tmp_path: Path) -> None:
    raw = write_tones(tmp_path)
    cut(raw / "5.wav")
    with pytest.raises(InputError, match=r"5\.wav: cut short"):
        prepare(raw, tmp_path / "out")


def test_a_read_that_fails_leaves_no_process_that_decodes(tmp_path: Path) -> None:
    raw = write_tones(tmp_path)
    spec = prepare(raw, tmp_path / "out").spec
    cut(raw / "5.wav")
    before = psutil.Process().children(recursive=True)
    with pytest.raises(InputError, match=r"5\.wav: cut short") as held:
        Audio().read(str(raw), spec)
    assert held.traceback  # which holds all that was under way
    assert psutil.Process().children(recursive=True) == before


def test_folder_without_recordings(tmp_path: Path) -> None:
    raw = write_tones(tmp_path)
    spec = replace(prepare(raw, tmp_path / "out").spec)
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="no files of audio"):
        Audio().read(str(tmp_path / "none"), spec)


def test_shift_above_window() -> None:
    with pytest.raises(InputError, match=r"shift 0\.05 is above window"):
        parse(AudioOptions, {"shift": 0.05}, "prepare")
