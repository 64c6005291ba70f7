from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from seqarena.data.midi import Note, read_notes
from seqarena.data.modalities.music import Music, MusicOptions, piano_roll
from seqarena.datasets.chorales import BachChorales, JsbChorales, families
from seqarena.datasets.musicxml import read_score
from seqarena.errors import InputError
from seqarena.files import digest_of, sha256_of
from support import rows_of

VOICES = ("Soprano", "Alto", "Tenor", "Bass")
NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def pitch(number: int) -> str:
    name = NAMES[number % 12]
    alter = f"<alter>{len(name) - 1}</alter>"
    return f"<pitch><step>{name[0]}</step>{alter}<octave>{number // 12 - 1}</octave></pitch>"


def note(number: int, duration: int, more: str = "") -> str:
    """Write a note; `more` are the elements before its pitch, or a tie."""
    tie, first = (more, "") if more.startswith("<tie") else ("", more)
    return f"<note>{first}{pitch(number)}<duration>{duration}</duration>{tie}</note>"


def score(parts: dict[str, Iterable[str]], divisions: int = 2) -> bytes:
    """Write a score of one measure after another for each part."""
    listed = "".join(
        f'<score-part id="P{n}"><part-name>{name}</part-name></score-part>'
        for n, name in enumerate(parts)
    )
    attributes = f"<attributes><divisions>{divisions}</divisions></attributes>"
    written = "".join(
        f'<part id="P{n}">'
        + "".join(
            f'<measure number="{m}">{"" if m else attributes}{measure}</measure>'
            for m, measure in enumerate(measures)
        )
        + "</part>"
        for n, measures in enumerate(parts.values())
    )
    root = f"<score-partwise><part-list>{listed}</part-list>{written}</score-partwise>"
    return root.encode()


def notes_of(*measures: str, divisions: int = 2) -> list[tuple[int, int, int]]:
    ((name, notes),) = read_score(score({"Solo": measures}, divisions), "solo.xml")
    assert name == "Solo"
    return [tuple(note) for note in notes]


def test_notes_rests_and_pauses_follow_each_other() -> None:
    rest = "<note><rest/><duration>1</duration></note>"
    forward = "<forward><duration>2</duration></forward>"
    found = notes_of(note(60, 2) + rest + note(61, 1), forward + note(70, 4))
    assert found == [(0, 480, 60), (720, 960, 61), (1440, 2400, 70)]


def test_chords_and_voices_sound_together() -> None:
    back = "<backup><duration>4</duration></backup>"
    chord = note(60, 4) + note(64, 4, "<chord/>")
    found = notes_of(chord + back + note(48, 1) + note(50, 1), note(72, 2))
    # The second voice is shorter than the first: the measure ends with the longer.
    assert found == [(0, 240, 48), (0, 960, 60), (0, 960, 64), (240, 480, 50), (960, 1440, 72)]


def test_tied_notes_are_one_and_repeated_ones_are_not() -> None:
    start, stop = '<tie type="start"/>', '<tie type="stop"/>'
    tied = (note(60, 2) + note(60, 2, start), note(60, 1, stop + start), note(60, 1, stop))
    assert notes_of(*tied) == [(0, 480, 60), (480, 1440, 60)]
    assert notes_of(note(60, 2, start) + note(62, 2, stop)) == [(0, 480, 60), (480, 960, 62)]
    apart = note(60, 2, start) + note(62, 2) + note(60, 2, stop)
    assert notes_of(apart) == [(0, 480, 60), (480, 960, 62), (960, 1440, 60)]


def test_divisions_may_change_and_grace_notes_take_no_time() -> None:
    grace = f"<note><grace/>{pitch(72)}</note>"
    finer = "<attributes><divisions>6</divisions></attributes>"
    found = notes_of(grace + note(60, 1), finer + note(61, 2) + note(62, 2) + note(63, 2))
    assert found == [(0, 240, 60), (240, 400, 61), (400, 560, 62), (560, 720, 63)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no score", r"a\.xml: not a MusicXML score: syntax error"),
        (b"PK\x03\x04 damaged", r"a\.xml: not a MusicXML score: File is not a zip"),
        (b"<score-timewise/>", r"a 'score-timewise'; expected a 'score-partwise'"),
        (score({"Horn": [note(60, 1) + "<attributes><transpose/></attributes>"]}), "transposing"),
        (score({"Solo": [note(60, 1)]}, 7), r"measure 0: 1/7 of a quarter note is no whole tick"),
        (score({"Solo": [note(60, 1)]}, 0), "a note without duration or divisions"),
    ],
)
def test_what_cannot_be_read_exactly_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_score(content, "a.xml")


def line(seed: int, transposed: int = 0, count: int = 24) -> list[Note]:
    """Write a melody of quarter notes with its own seed."""
    pitches = np.random.default_rng(seed).permutation(np.arange(count)) + 55 + transposed
    return [Note(480 * n, 480 * n + 480, int(p)) for n, p in enumerate(pitches)]


def test_melodies_are_known_again_transposed_ornamented_and_in_part() -> None:
    ornamented = [
        part
        for n in line(1, 3)
        for part in (Note(n.start, n.start + 240, n.pitch), Note(n.start + 240, n.end, 99))
    ]
    repeated = [Note(n.start * 2, n.end * 2, n.pitch) for n in line(2)]
    half = [*line(3)[:10], *(Note(n.start + 960, n.end + 960, n.pitch) for n in line(1)[11:])]
    found = families(
        {"p/a.mid": line(1), "b": line(2), "c": ornamented, "d": repeated, "e": half, "f": line(4)}
    )
    assert found == {"p/a.mid": "a", "b": "b", "c": "a", "d": "b", "e": "a", "f": "f"}
    assert families({"a": line(1)[:12], "b": line(1)[:12]}) == {"a": "a", "b": "b"}, "too short"
    assert families({"a": line(1)[:13], "b": line(1)[:13]}) == {"a": "a", "b": "a"}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel like music21's, with twenty chorales: of two in a row the soprano is the same."""
    folder = tmp_path_factory.mktemp("index")
    path = folder / f"music21-{BachChorales.VERSION}-py3-none-any.whl"
    about = f"music21-{BachChorales.VERSION}.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        for number in range(20):
            lines = [line(number // 2, number % 2), *(line(100 * v + number) for v in (1, 2, 3))]
            parts = {
                name: ["".join(note(n.pitch - 9 * v, 2) for n in notes)]
                for v, (name, notes) in enumerate(zip(VOICES, lines, strict=True))
            }
            wheel.writestr(f"{BachChorales.SCORES}{number}.mxl", packed(score(parts)))
        horn = score({"Horn": [note(60, 2)], **{name: [note(60, 2)] for name in VOICES}})
        wheel.writestr(f"{BachChorales.SCORES}99.xml", horn)
        wheel.writestr(f"{BachChorales.SCORES}99.krn", "**kern")
        wheel.writestr(
            f"{about}/METADATA", "Metadata-Version: 2.1\nName: music21\nVersion: 10.5.1\n"
        )
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    return path


def packed(content: bytes) -> bytes:
    with zipfile.ZipFile(file := io.BytesIO(), "w") as archive:
        archive.writestr("sheet.pdf", "another file")
        archive.writestr("score.xml", content)
        archive.writestr(
            "META-INF/container.xml",
            '<container><rootfiles><rootfile full-path="score.xml"/></rootfiles></container>',
        )
    return file.getvalue()


@pytest.fixture(scope="module")
def written(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chorales")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", str(corpus.parent))
        patch.setenv("SEQARENA_CACHE", str(folder / "cache"))
        patch.setattr(BachChorales, "SHA256", sha256_of(corpus))
        for name, seed in (("raw", 0), ("again", 0), ("other", 1)):
            BachChorales(seed=seed).write(folder / name)
    return folder / "raw"


def test_chorales_are_the_scores_for_four_voices(written: Path) -> None:
    rows = rows_of(written)
    assert sorted(row["file"] for row in rows) == sorted(f"pieces/bwv{n}.mid" for n in range(20))
    lowered = [n._replace(pitch=n.pitch - 27) for n in line(307)]
    assert set(lowered) <= set(read_notes(written / "pieces/bwv7.mid").notes)


def test_same_seed_same_bytes(written: Path) -> None:
    assert digest_of(written.with_name("again")) == digest_of(written)
    assert rows_of(written.with_name("other")) != rows_of(written)


def test_no_melody_is_on_two_sides(written: Path) -> None:
    sides: dict[str, set[str]] = {}
    for row in rows_of(written):
        sides.setdefault(row["group"], set()).add(row["split"])
    assert len(sides) == 10
    assert all(len(side) == 1 for side in sides.values())
    held_out = [row["split"] for row in rows_of(written) if row["split"] != "train"]
    assert sorted(held_out) == ["test"] * 4 + ["valid"] * 4


def test_chorales_prepare_as_music(written: Path, tmp_path: Path) -> None:
    spec = Music().prepare(written, tmp_path, MusicOptions(), seed=0)
    assert spec.sizes == {"train": 12, "valid": 4, "test": 4}
    assert spec.max_length == 48


def test_jsb_chorales_keep_the_official_split_and_every_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    rolls = {
        split: [(random.random((length, 88)) < 0.04).astype(np.uint8) for length in lengths]
        for split, lengths in {"train": (5, 9, 30), "valid": (7, 8), "test": (6,)}.items()
    }
    cells = {f"{split}data": np.empty((1, len(held)), object) for split, held in rolls.items()}
    for split, held in rolls.items():
        cells[f"{split}data"][0, :] = held
    (tmp_path / "jsb_chorales").mkdir()
    savemat(tmp_path / "jsb_chorales/JSB_Chorales.mat", cells)
    monkeypatch.setenv("SEQARENA_MIRROR", str(tmp_path))
    (raw := tmp_path / "raw").mkdir()
    with pytest.raises(InputError, match=r"JSB_Chorales\.mat: sha256 is"):
        JsbChorales().write(raw)
    found = sha256_of(tmp_path / "jsb_chorales/JSB_Chorales.mat")
    monkeypatch.setattr(JsbChorales, "SHA256", found)
    JsbChorales().write(raw)
    for row in rows_of(raw):
        number = int(Path(row["file"]).stem.split("_")[1])
        grid = MusicOptions().steps_per_quarter
        assert np.array_equal(piano_roll(raw / row["file"], grid), rolls[row["split"]][number])
    spec = Music().prepare(raw, tmp_path / "out", MusicOptions(), seed=0)
    assert spec.sizes == {"train": 3, "valid": 2, "test": 1}
