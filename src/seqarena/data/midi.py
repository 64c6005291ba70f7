"""Notes in MIDI files, in ticks: whatever the tempo and the time signature, a beat is a beat."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import mido

from seqarena.errors import InputError

TICKS = 480  # of a quarter note in what is written
VELOCITY = 80
PERCUSSION = 9  # a channel (the tenth) whose numbers are instruments, not pitches
# What mido raises at bytes that are no MIDI, found by damaging files at random.
UNREADABLE = (OSError, EOFError, ValueError, LookupError, mido.KeySignatureError)


class Note(NamedTuple):
    """One note; it sounds from its start up to its end, that tick not included."""

    start: int
    end: int
    pitch: int  # MIDI number; 60 is middle C


class Score(NamedTuple):
    """The notes of a file."""

    notes: list[Note]
    ticks: int  # of a quarter note
    length: int  # ticks up to the end of the longest track


def read_notes(path: Path) -> Score:
    """Read the notes of all tracks; percussion and pedals are left out.

    Raises `InputError` naming the file when it is missing, damaged, or counts no quarter notes.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such MIDI file")
    try:
        file = mido.MidiFile(path)
    except UNREADABLE as error:
        message = str(error) or "cut short"
        raise InputError(f"{path}: not a readable MIDI file: {message}") from error
    if file.type not in (0, 1):
        raise InputError(f"{path}: MIDI of type {file.type}; expected 0 or 1")
    if file.ticks_per_beat <= 0:
        message = f"a division of {file.ticks_per_beat}"
        raise InputError(f"{path}: {message}; expected ticks in a quarter note")
    tracks = [_track(track) for track in file.tracks]
    notes = sorted(note for track, _ in tracks for note in track)
    return Score(notes, file.ticks_per_beat, max((length for _, length in tracks), default=0))


def _track(track: Iterable[mido.Message]) -> tuple[list[Note], int]:
    """Pair each note's beginning with its end, the earliest first; return the track's length too.

    One that never ends sounds until the track does.
    """
    now, notes = 0, []
    sounding: dict[tuple[int, int], list[int]] = defaultdict(list)
    for message in track:
        now += message.time
        if message.type not in ("note_on", "note_off") or message.channel == PERCUSSION:
            continue
        starts = sounding[message.channel, message.note]
        if message.type == "note_on" and message.velocity:
            starts.append(now)
        elif starts:
            notes.append(Note(starts.pop(0), now, message.note))
    left = [Note(start, now, key[1]) for key, starts in sounding.items() for start in starts]
    return notes + left, now


def write_notes(
    path: Path, voices: Sequence[Sequence[Note]], *, tempo: float, length: int | None = None
) -> None:
    """Write each voice as a track and channel of its own, `tempo` quarter notes to a minute.

    The file ends with its last note, or after `length` ticks.
    """
    end = max((note.end for voice in voices for note in voice), default=0)
    file = mido.MidiFile(ticks_per_beat=TICKS)
    for channel, voice in enumerate(voices):
        track = file.add_track()
        if channel == 0:
            track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(tempo)))
        # At one tick notes end before others start, so that a repeated note is struck again.
        events = [(note.end, 0, note.pitch) for note in voice]
        events += [(note.start, VELOCITY, note.pitch) for note in voice]
        now = 0
        for tick, velocity, pitch in sorted(events):
            kind = "note_on" if velocity else "note_off"
            track.append(
                mido.Message(kind, channel=channel, note=pitch, velocity=velocity, time=tick - now)
            )
            now = tick
        track.append(mido.MetaMessage("end_of_track", time=(length or end) - now))
    file.save(path)
