"""Piano rolls for people: as MIDI, and as sound."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import soundfile

from seqarena.data.midi import TICKS, Note, write_notes
from seqarena.data.pitches import LOWEST
from seqarena.data.store import Array

TEMPO = 80.0  # quarter notes to a minute
RATE = 22_050  # samples to a second
HARMONICS = 8
ATTACK, RELEASE = 0.015, 0.25  # seconds
PEAK = 0.7  # of full scale


def write_midi(path: Path, roll: Array, steps_per_quarter: int, *, tempo: float = TEMPO) -> None:
    """Write a roll ``(T, 88)``; a key that stays down is one note, and silence at the end counts.

    Read back on the same grid it is the same roll.
    """

    def tick(frame: int) -> int:
        return frame * TICKS // steps_per_quarter  # rounded down: not after its grid point

    notes = [Note(tick(start), tick(end), LOWEST + key) for key, start, end in held(roll)]
    write_notes(path, [notes], tempo=tempo, length=tick(len(roll)))


def write_wav(path: Path, roll: Array, steps_per_quarter: int, *, tempo: float = TEMPO) -> None:
    """Write a roll ``(T, 88)`` as mono sound at 22,050 Hz, with `RELEASE` seconds to die away."""
    soundfile.write(
        path, rendered(roll, 60 / tempo / steps_per_quarter), RATE, subtype="PCM_16", format="WAV"
    )


def rendered(roll: Array, step: float) -> Array:
    """Sound a roll ``(T, 88)`` of `step` seconds a frame: float32 ``(samples,)`` within ±`PEAK`."""
    ends = [round(frame * step * RATE) for frame in range(len(roll) + 1)]
    sound = np.zeros(ends[-1] + round(RELEASE * RATE), np.float32)
    tone = cache(_tone)  # the same few notes come again and again
    for key, start, end in held(roll):
        samples = tone(key, ends[end] - ends[start])
        sound[ends[start] :][: len(samples)] += samples
    loudest = np.abs(sound).max()
    return sound * np.float32(PEAK / loudest) if loudest else sound


def held(roll: Array) -> Iterator[tuple[int, int, int]]:
    """Yield key, first frame and the frame after the last of everything held in ``(T, 88)``."""
    edges = np.diff(np.pad(roll.astype(np.int8), ((1, 1), (0, 0))), axis=0).T
    keys, starts = np.nonzero(edges == 1)
    ends = np.nonzero(edges == -1)[1]
    yield from zip(keys.tolist(), starts.tolist(), ends.tolist(), strict=True)


def _tone(key: int, samples: int) -> Array:
    """Sum decaying harmonics of a key, the higher the fainter and shorter: ``(samples + tail,)``.

    Attack and release are cosine slopes, so that neither clicks.
    """
    pitch = 440 * 2 ** ((LOWEST + key - 69) / 12)
    number = np.arange(1, HARMONICS + 1)[:, None]
    number = number[number[:, 0] * pitch < 0.45 * RATE]
    tail = round(RELEASE * RATE)
    seconds = np.arange(samples + tail, dtype=np.float32) / RATE
    waves = np.sin((2 * np.pi * pitch * number * seconds).astype(np.float32))
    waves *= number**-1.5 * np.exp(-(0.2 + 0.4 * number) * seconds)
    sound = waves.sum(axis=0)
    rising = min(round(ATTACK * RATE), samples)
    sound[:rising] *= _slope(rising)
    sound[samples:] *= _slope(tail)[::-1]
    return np.asarray(sound, np.float32)


def _slope(samples: int) -> Array:
    return 0.5 - 0.5 * np.cos(np.pi * np.arange(samples) / samples)
