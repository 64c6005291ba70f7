"""The keys of a piano."""

from __future__ import annotations

KEYS = 88
LOWEST = 21  # MIDI number of key 0
NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def key_name(key: int) -> str:
    """Name a key by its pitch and octave: key 0 is ``A0``, middle C ``C4``."""
    octave, pitch = divmod(LOWEST + key, 12)
    return f"{NAMES[pitch]}{octave - 1}"
