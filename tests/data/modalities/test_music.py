from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import mido
import numpy as np
import pytest

from seqarena.config import parse
from seqarena.data.batches import Batches
from seqarena.data.midi import Note, read_notes, write_notes
from seqarena.data.modalities.music import Music, MusicOptions, piano_roll, shifted
from seqarena.data.sound import write_midi
from seqarena.data.store import Array, Prepared
from seqarena.datasets import dataset
from seqarena.errors import InputError
from support import prepare_raw

MIDDLE_C = 60 - 21


def rolls(count: int = 10) -> list[Array]:
    """Pieces of 3 to 12 frames of random keys, the last frame never silent."""
    random = np.random.default_rng(0)
    pieces = [(random.random((n, 88)) < 0.05).astype(np.uint8) for n in range(3, 3 + count)]
    for piece in pieces:
        piece[-1, MIDDLE_C] = 1
    return pieces


def write_pieces(folder: Path, **columns: list[str]) -> Path:
    """Write the pieces on a grid of two steps, and their manifest."""
    folder.mkdir()
    for number, roll in enumerate(rolls()):
        write_midi(folder / f"{number}.mid", roll, 2)
    with (folder / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", *columns])
        writer.writerows(zip((f"{n}.mid" for n in range(10)), *columns.values(), strict=True))
    return folder


def prepare(raw: Path, out: Path, **options: object) -> Prepared:
    return prepare_raw(Music(), raw, out, parse(MusicOptions, options, "prepare"))


def save(path: Path, *messages: mido.Message | mido.MetaMessage, ticks: int = 480) -> Path:
    mido.MidiFile(ticks_per_beat=ticks, tracks=[mido.MidiTrack(messages)]).save(path)
    return path


def on(note: int, time: int, **more: int) -> mido.Message:
    return mido.Message("note_on", note=note, time=time, **more)


def off(note: int, time: int, **more: int) -> mido.Message:
    return mido.Message("note_off", note=note, time=time, **more)


def keys(roll: Array) -> list[list[int]]:
    """Name the MIDI numbers that sound in each frame."""
    return [(np.flatnonzero(frame) + 21).tolist() for frame in roll]


@pytest.mark.parametrize("steps", [1, 2, 7, 48])
def test_a_roll_survives_midi_on_any_grid(tmp_path: Path, steps: int) -> None:
    for roll in [*rolls(), np.pad(rolls()[0], ((2, 3), (0, 0)))]:
        write_midi(tmp_path / "a.mid", roll, steps)
        assert np.array_equal(piano_roll(tmp_path / "a.mid", steps), roll)


def test_notes_survive_midi_each_in_its_voice(tmp_path: Path) -> None:
    high, low = [Note(0, 240, 67), Note(240, 960, 67)], [Note(120, 960, 67), Note(960, 961, 40)]
    write_notes(tmp_path / "a.mid", [high, low], tempo=90)
    assert read_notes(tmp_path / "a.mid").notes == sorted(high + low)
    assert read_notes(tmp_path / "a.mid").length == 961
    assert [len(track) for track in mido.MidiFile(tmp_path / "a.mid").tracks] == [6, 5]


def test_a_held_key_is_one_note(tmp_path: Path) -> None:
    roll = np.zeros((6, 88), np.uint8)
    roll[[0, 1, 2, 4], MIDDLE_C] = 1
    write_midi(tmp_path / "a.mid", roll, 2)
    assert read_notes(tmp_path / "a.mid").notes == [Note(0, 720, 60), Note(960, 1200, 60)]


def test_a_frame_holds_what_sounds_at_its_point_of_the_grid(tmp_path: Path) -> None:
    path = save(
        tmp_path / "a.mid",
        on(60, 0),
        on(61, 1),  # after the first point, so not in it
        off(60, 239),
        on(62, 5),  # between two points, never heard
        off(62, 100),
        on(64, 135),
        off(61, 1),  # just after the third point, so in it
        off(64, 239),
    )
    assert keys(piano_roll(path, 2)) == [[60], [61], [61, 64]]
    assert keys(piano_roll(path, 1)) == [[60], [61, 64]]
    assert len(piano_roll(path, 4)) == 6


def test_neither_tempo_nor_time_signature_moves_the_grid(tmp_path: Path) -> None:
    changes = [
        mido.MetaMessage("set_tempo", tempo=900_000, time=100),
        mido.MetaMessage("time_signature", numerator=3, denominator=8, time=60),
        mido.MetaMessage("set_tempo", tempo=100_000, time=80),
    ]
    path = save(tmp_path / "a.mid", on(60, 0), *changes, off(60, 0), on(62, 0), off(62, 240))
    assert keys(piano_roll(path, 2)) == [[60], [62]]


def test_unisons_hanging_notes_and_drums(tmp_path: Path) -> None:
    path = save(
        tmp_path / "a.mid",
        off(70, 0),  # was never on
        on(60, 0),
        on(60, 240),  # a second voice on the same key and channel
        on(38, 0, channel=9),  # a drum, not a pitch
        on(60, 240, velocity=0),
        off(60, 240),
        on(72, 0),  # never ends
        on(20, 0, channel=9),
        mido.MetaMessage("end_of_track", time=480),
    )
    assert keys(piano_roll(path, 2)) == [[60], [60], [60], [72], [72]]
    voices = [Note(0, 480, 60), Note(240, 720, 60)]
    assert read_notes(path).notes == [*voices, Note(720, 1200, 72)]


def test_each_step_holds_the_frame_before_the_one_it_asks_for(tmp_path: Path) -> None:
    raw = write_pieces(tmp_path / "raw")
    prepared = prepare(raw, tmp_path / "out")
    assert prepared.spec.sizes == {"train": 6, "valid": 2, "test": 2}
    seen = []
    for name in ("train", "valid", "test"):
        split = prepared.split(name)
        assert split.inputs.dtype == np.float32
        assert split.targets.dtype == np.uint8
        for index, example in enumerate(split.examples()):
            roll = rolls()[int(example["file"].removesuffix(".mid"))]
            seen.append(example["file"])
            assert np.array_equal(split.target(index), roll)
            assert not split.sequence(index)[0].any()
            assert np.array_equal(split.sequence(index)[1:], roll[:-1])
    assert sorted(seen) == [f"{n}.mid" for n in range(10)]
    spec, train = prepared.spec, prepared.split("train")
    assert spec.max_length == spec.max_target_length == train.lengths.max()
    assert (spec.feature_shape, spec.step, spec.step_size) == ((88,), "beat", 0.5)


def test_frames_are_batched_as_targets(tmp_path: Path) -> None:
    split = prepare(write_pieces(tmp_path / "raw"), tmp_path / "out").split("train")
    for indices, batch in Batches(split, 4).in_order():
        assert batch.target_lengths is not None
        assert batch.target_lengths.tolist() == batch.lengths.tolist()
        assert batch.targets.shape == batch.inputs.shape
        for row, index in enumerate(indices):
            length = int(batch.lengths[row])
            assert np.array_equal(batch.targets[row, :length], split.target(index))
            assert not batch.targets[row, length:].any()


def test_a_long_piece_is_cut_and_nothing_is_lost(tmp_path: Path) -> None:
    prepared = prepare(write_pieces(tmp_path / "raw"), tmp_path / "out", max_length=5)
    for name in ("train", "valid", "test"):
        split = prepared.split(name)
        assert split.lengths.max() == 5
        examples = split.examples()
        for file in {example["file"] for example in examples}:
            parts = [n for n, example in enumerate(examples) if example["file"] == file]
            roll = rolls()[int(file.removesuffix(".mid"))]
            assert np.array_equal(np.concatenate([split.target(n) for n in parts]), roll)
            inputs = np.concatenate([split.sequence(n) for n in parts])
            assert np.array_equal(inputs, shifted(roll)[:-1])
            assert {examples[n]["group"] for n in parts} == {file}
        assert len({example["id"] for example in examples}) == len(examples)
    assert "9.mid from frame 11" in str([prepared.split(n).examples() for n in prepared.spec.sizes])


def test_the_manifest_says_what_is_held_out(tmp_path: Path) -> None:
    split = ["train"] * 6 + ["test"] * 2 + ["valid"] * 2
    prepared = prepare(write_pieces(tmp_path / "a", split=split), tmp_path / "b")
    assert [e["id"] for e in prepared.split("test").examples()] == ["6.mid", "7.mid"]
    group = ["one", "two", "three", "four", "five"] * 2
    prepared = prepare(write_pieces(tmp_path / "c", group=group), tmp_path / "d")
    sides = [{e["group"] for e in prepared.split(name).examples()} for name in prepared.spec.sizes]
    assert sum(map(len, sides)) == 5


def test_a_file_is_read_as_it_was_prepared_and_one_step_on(tmp_path: Path) -> None:
    raw = write_pieces(tmp_path / "raw")
    prepared = prepare(raw, tmp_path / "out", max_length=5)
    ((name, steps, *_),) = Music().read(str(raw / "9.mid"), prepared.spec)
    assert name == "9.mid"
    assert steps.dtype == np.float32
    assert np.array_equal(steps, shifted(rolls()[9]))
    assert np.array_equal(steps[-1], rolls()[9][-1])
    assert Music().step_labels(steps, prepared.spec)[:4] == ["1", "1.5", "2", "2.5"]
    assert [name for name, *_ in Music().read(str(raw), prepared.spec)] == [
        f"{n}.mid" for n in range(10)
    ]
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match=r"no files of music \(\.mid, \.midi\)"):
        Music().read(str(tmp_path / "none"), prepared.spec)


def cut(path: Path) -> None:
    write_midi(path, rolls()[9], 2)
    path.write_bytes(path.read_bytes()[:100])


def division(path: Path, ticks: bytes) -> None:
    write_midi(path, rolls()[0], 2)
    content = path.read_bytes()
    path.write_bytes(content[:12] + ticks + content[14:])


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "text": (lambda p: p.write_text("hello " * 99), "not a readable MIDI file: MThd not found"),
    "empty": (lambda p: p.write_bytes(b""), "not a readable MIDI file: cut short"),
    "cut": (cut, "not a readable MIDI file: cut short"),
    "missing": (lambda p: None, "no such MIDI file"),
    "zero": (lambda p: division(p, b"\0\0"), "a division of 0; expected ticks"),
    "seconds": (lambda p: division(p, b"\xe7\x28"), "expected ticks in a quarter note"),
    "type 2": (lambda p: mido.MidiFile(type=2).save(p), "MIDI of type 2"),
    "no track": (lambda p: mido.MidiFile().save(p), "no note sounds"),
    "no notes": (lambda p: save(p, mido.MetaMessage("end_of_track", time=999)), "no note sounds"),
    "unheard": (lambda p: save(p, on(60, 5), off(60, 5)), "no note sounds on a grid of 2 steps"),
    "low": (lambda p: save(p, on(20, 240), off(20, 240)), "note 20 at beat 1.5; expected the keys"),
    "high": (lambda p: save(p, on(109, 0), off(109, 240)), "the keys 21 to 108"),
    "endless": (lambda p: save(p, on(60, 0), off(60, 1 << 27)), "559241 frames; at most 100000"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_told_in_one_line(kind: str, tmp_path: Path) -> None:
    make, message = BAD[kind]
    make(tmp_path / "bad.mid")
    with pytest.raises(InputError) as caught:
        piano_roll(tmp_path / "bad.mid", 2)
    assert message in str(caught.value)
    assert "bad.mid" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_one_bad_file_ends_prepare_with_its_name(tmp_path: Path) -> None:
    raw = write_pieces(tmp_path / "raw")
    cut(raw / "4.mid")
    with pytest.raises(InputError, match=r"4\.mid: not a readable"):
        prepare(raw, tmp_path / "out")


def test_a_folder_of_your_own(tmp_path: Path) -> None:
    own, raw = tmp_path / "own", tmp_path / "raw"
    (own / "sub").mkdir(parents=True)
    for number, roll in enumerate(rolls()):
        write_midi(own / "sub" / f"{number}.MIDI", roll, 2)
    raw.mkdir()
    dataset(str(own), "music").write(raw)
    assert prepare(raw, tmp_path / "out").spec.sizes == {"train": 6, "valid": 2, "test": 2}
    (own / "labels.csv").write_text(
        "file,split\nsub/3.MIDI,train\nsub/1.MIDI,valid\nsub/2.MIDI,test\n"
    )
    (tmp_path / "listed").mkdir()
    dataset(str(own), "music").write(tmp_path / "listed")
    prepared = prepare(tmp_path / "listed", tmp_path / "out2")
    assert prepared.spec.sizes == {"train": 1, "valid": 1, "test": 1}
    assert np.array_equal(prepared.split("test").target(0), rolls()[2])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"expected files of music \(\.mid, \.midi\)"):
        dataset(str(tmp_path / "empty"), "music").write(raw)
