"""Background noise at a stated signal-to-noise ratio, and the trim of silent ends."""

from __future__ import annotations

import numpy as np

from seqarena.data.store import Array

LEVEL = 10 ** (-26 / 20)  # root mean square of the speech, of full scale: leaves room for peaks
SILENCE = 10 ** (-40 / 20)  # of the loudest stretch: quieter ends are trimmed
STRETCH = 80  # samples


def loudness(samples: Array) -> float:
    """Return the root mean square of samples ``(n,)``."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def trim(samples: Array) -> Array:
    """Cut the silent ends off samples ``(n,)``; of silence alone nothing is left."""
    whole = len(samples) // STRETCH * STRETCH
    power = np.square(samples[:whole]).reshape(-1, STRETCH).mean(axis=1)
    loud = np.flatnonzero(power > power.max(initial=0.0) * SILENCE**2)
    if not len(loud):
        return samples[:0]
    return samples[loud[0] * STRETCH : (loud[-1] + 1) * STRETCH]


def white(count: int, rng: np.random.Generator) -> Array:
    """Draw noise with the same power at every frequency, float32 ``(count,)``."""
    return rng.standard_normal(count, dtype=np.float32)


def pink(count: int, rng: np.random.Generator) -> Array:
    """Draw noise with the same power in every octave, ``(count,)``."""
    spectrum = np.fft.rfft(white(count, rng))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0
    return np.fft.irfft(spectrum, count).astype(np.float32)


def babble(count: int, talkers: list[Array], rng: np.random.Generator) -> Array:
    """Let talkers ``[(n,), …]`` speak at once, equally loud, each over and over, ``(count,)``."""
    mixed = np.zeros(count, np.float32)
    for talker in talkers:
        mixed += np.roll(np.resize(talker / loudness(talker), count), rng.integers(count))
    return mixed


def mix(speech: Array, noise: Array | None, snr: float | None) -> Array:
    """Add noise at `snr` decibels below the speech, both ``(n,)``, at one level and unclipped."""
    mixed = speech * (LEVEL / loudness(speech))
    if noise is not None and snr is not None:
        mixed = mixed + noise * (LEVEL * 10 ** (-snr / 20) / loudness(noise))
    return np.asarray(mixed / max(1.0, float(np.abs(mixed).max()) / 0.99), np.float32)
