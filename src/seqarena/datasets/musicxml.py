"""MusicXML scores to notes: as much of the format as the chorales of music21's corpus need.

music21 itself takes a minute for them, and this a few seconds. What is read: partwise scores,
with divisions, chords, voices (backup, forward), rests and ties. Repeats and endings are read once,
as written; grace notes and ornaments, which take no time, are left out. What would move notes
unread, a transposing part, is refused.
"""

from __future__ import annotations

import zipfile
from io import BytesIO
from xml.etree import ElementTree

from seqarena.data.midi import TICKS, Note
from seqarena.errors import InputError

SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def read_score(content: bytes, name: str) -> list[tuple[str, list[Note]]]:
    """Read a score, plain or compressed (.mxl): each part's name and its notes by their start.

    A tied note is one note. Raises `InputError` at `name` for what is no such score, or holds what
    cannot be read exactly.
    """
    try:
        root = ElementTree.fromstring(_unpacked(content))  # noqa: S314 (what is read is pinned)
    except (ElementTree.ParseError, zipfile.BadZipFile) as error:
        raise InputError(f"{name}: not a MusicXML score: {error}") from error
    if root.tag != "score-partwise":
        raise InputError(f"{name}: a '{root.tag}'; expected a 'score-partwise'")
    names = {part.get("id"): part.findtext("part-name", "") for part in root.iter("score-part")}
    return [(names[part.get("id")], _notes(part, name)) for part in root.iterfind("part")]


def _unpacked(content: bytes) -> bytes:
    if not content.startswith(b"PK"):
        return content
    with zipfile.ZipFile(BytesIO(content)) as archive:
        container = ElementTree.fromstring(archive.read("META-INF/container.xml"))  # noqa: S314
        return archive.read(container.findall(".//{*}rootfile")[0].attrib["full-path"])


def _notes(part: ElementTree.Element, name: str) -> list[Note]:
    notes: list[Note] = []
    divisions = now = start = furthest = 0
    for measure in part.iterfind("measure"):
        for element in measure:
            if element.find("transpose") is not None:
                raise InputError(f"{name}: a transposing part, which is not read here")
            if element.tag == "attributes":
                divisions = int(element.findtext("divisions", divisions))
            if (
                element.tag not in ("note", "backup", "forward")
                or element.find("grace") is not None
            ):
                continue
            ticks = _ticks(element, divisions, f"{name} measure {measure.get('number')}")
            if element.find("chord") is None:
                start = now
                now += -ticks if element.tag == "backup" else ticks
                furthest = max(furthest, now)
            if element.find("pitch") is not None:
                _add(notes, Note(start, start + ticks, _pitch(element)), element)
        now = furthest  # a measure ends with its longest voice
    return sorted(notes)


def _ticks(element: ElementTree.Element, divisions: int, where: str) -> int:
    duration = element.findtext("duration")
    if duration is None or not divisions:
        raise InputError(f"{where}: a {element.tag} without duration or divisions")
    ticks, rest = divmod(int(duration) * TICKS, divisions)
    if rest:
        raise InputError(f"{where}: {duration}/{divisions} of a quarter note is no whole tick")
    return ticks


def _pitch(note: ElementTree.Element) -> int:
    step, octave = note.findtext("pitch/step", ""), note.findtext("pitch/octave", "")
    return 12 * (int(octave) + 1) + SEMITONES[step] + int(note.findtext("pitch/alter", "0"))


def _add(notes: list[Note], note: Note, element: ElementTree.Element) -> None:
    """Add a note, or lengthen the one that it is tied to."""
    if any(tie.get("type") == "stop" for tie in element.iterfind("tie")):
        for place in reversed(range(len(notes))):
            if (notes[place].end, notes[place].pitch) == (note.start, note.pitch):
                notes[place] = notes[place]._replace(end=note.end)
                return
    notes.append(note)
