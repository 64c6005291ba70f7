from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from seqarena.data.sound import RATE, RELEASE, held, rendered, write_wav
from seqarena.data.store import Array


def roll_of(*frames: list[int]) -> Array:
    roll = np.zeros((len(frames), 88), np.uint8)
    for frame, keys in zip(roll, frames, strict=True):
        frame[[key - 21 for key in keys]] = 1
    return roll


def test_everything_held_is_listed_once() -> None:
    roll = roll_of([21, 60], [60, 108], [], [60])
    assert list(held(roll)) == [(0, 0, 1), (39, 0, 2), (39, 3, 4), (87, 1, 2)]


def test_a_wav_is_as_long_as_its_frames_and_the_release(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", roll_of(*[[60]] * 7), 2, tempo=90)
    samples, rate = soundfile.read(tmp_path / "a.wav")
    assert rate == RATE == 22_050
    assert len(samples) / rate == pytest.approx(7 * 60 / 90 / 2 + RELEASE, abs=1e-4)


@pytest.mark.parametrize(("key", "hertz"), [(21, 27.5), (60, 261.63), (69, 440), (108, 4186.01)])
def test_a_key_sounds_at_its_frequency(key: int, hertz: float) -> None:
    sound = rendered(roll_of([key], [key]), 0.5)
    spectrum = np.abs(np.fft.rfft(sound))
    peaks = np.fft.rfftfreq(len(sound), 1 / RATE)
    assert peaks[spectrum.argmax()] == pytest.approx(hertz, abs=1)
    between = spectrum[(peaks > 0.2 * hertz) & (peaks < 0.7 * hertz)]
    assert between.max() < 0.05 * spectrum.max()


def test_a_held_key_is_not_struck_again() -> None:
    def loudness(roll: Array) -> Array:
        return np.abs(rendered(roll, 0.2)[: int(0.8 * RATE)].reshape(8, -1)).max(axis=1)

    once, twice = loudness(roll_of([60], [60], [60], [60])), loudness(roll_of([60], [], [60], []))
    assert (np.diff(once) < 0).all(), "it only dies away"
    assert (np.diff(twice) > 0).any()


def test_levels_are_safe_and_nothing_clicks() -> None:
    random = np.random.default_rng(0)
    sound = rendered(random.random((40, 88)) < 0.1, 0.25)
    assert np.abs(sound).max() == pytest.approx(0.7)
    assert abs(sound.mean()) < 1e-3
    assert np.abs(sound[:20]).max() < 0.05
    assert np.abs(sound[-20:]).max() < 0.01
    low = rendered(roll_of([45], [], [45], []), 0.25)  # 110 Hz: eight harmonics, all below 900 Hz
    spectrum = np.abs(np.fft.rfft(low)) / len(low)
    assert spectrum[np.fft.rfftfreq(len(low), 1 / RATE) > 3000].max() < 1e-4 * spectrum.max()


def test_silence_stays_silent() -> None:
    assert not rendered(np.zeros((4, 88), np.uint8), 0.25).any()
