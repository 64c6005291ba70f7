"""Tables that list files, in the layouts in which public sets of recordings come."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from seqarena.config import Experiment, OwnData, Reading, parse
from seqarena.datasets import dataset_of
from seqarena.datasets.own.asked import as_raw
from seqarena.datasets.own.listed import folder_of_files
from seqarena.datasets.own.pin import digest
from seqarena.errors import InputError
from seqarena.proposal.asked import Asked
from support import rows_of

SOUNDS = ("dog", "rain")
LAYOUTS: dict[str, tuple[str, list[str], dict[str, Any]]] = {
    # table, where the files lie, what is asked: as ESC-50, UrbanSound8K, Common Voice, LJSpeech
    "beside": ("meta/esc.csv", [f"audio/1-{n}-A.wav" for n in range(20)], {"targets": ("sound",)}),
    "folds": ("meta/us.csv", [f"audio/fold{n % 3}/{n}-3.wav" for n in range(20)], {}),
    "below": ("validated.tsv", [f"clips/common_{n}.wav" for n in range(20)], {}),
    "stems": (
        "metadata.csv", [f"wavs/LJ-{n:03d}.wav" for n in range(20)],
        {"header": False, "targets": ("2",)},
    ),
}  # fmt: skip


def write(root: Path, layout: str) -> Path:
    """Write a set, whose files a table calls by their names alone, or by the stems of these."""
    name, files, asked = LAYOUTS[layout]
    for number, file in enumerate(files):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(root / file, np.full(800, number / 40), 8000)
    table = root / name
    table.parent.mkdir(exist_ok=True)
    called = [Path(file).stem if layout == "stems" else Path(file).name for file in files]
    rows = [[file, SOUNDS[number % 2]] for number, file in enumerate(called)]
    with table.open("w", newline="") as out:
        header = [["filename", "sound"]] if asked.get("header", True) else []
        csv.writer(out, delimiter="\t" if table.suffix == ".tsv" else ",").writerows(header + rows)
    return table


@pytest.mark.parametrize("layout", LAYOUTS)
def test_files_are_found_by_their_names(
    layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seqarena.cli.add import look_at

    monkeypatch.chdir(tmp_path)
    table = write(Path("set"), layout)
    _, files, asked = LAYOUTS[layout]
    proposal = look_at(table, Asked(**asked)).proposal
    assert (proposal.modality, proposal.task) == ("audio", "classification")
    section = proposal.section(None)
    assert section["data"].get("files") == ("set" if table.parent.name == "meta" else None)
    experiment = parse(Experiment, section, "here")
    (tmp_path / "raw").mkdir()
    dataset_of(experiment, "here").write(tmp_path / "raw")
    assert [row["file"] for row in rows_of(tmp_path / "raw")] == files
    assert all((tmp_path / "raw" / file).read_bytes() for file in files)
    (Path("set") / files[3]).write_bytes((Path("set") / files[4]).read_bytes())
    changed = digest(table, tables=False, listed=section["data"].get("files"))
    assert changed != section["data"]["sha256"]


@pytest.mark.parametrize(
    "cell", ["", "/none/a.wav", f"{'long ' * 99}.mp3", "a\0.wav", "*.wav", "a/.."]
)
def test_a_text_is_no_file(cell: str, tmp_path: Path) -> None:
    table = write(tmp_path, "below")
    table.write_text(f"text\tlabel\n{cell}\tgood\n")
    assert folder_of_files(table, Reading(), None) is None


def test_what_a_table_may_not_mean(tmp_path: Path) -> None:
    table = write(tmp_path, "folds")
    own = {"path": str(table), "columns": {"file": "filename", "label": "sound"}}

    def read(**more: Any) -> None:
        raw = tmp_path / f"raw{len(list(tmp_path.glob('raw*')))}"
        raw.mkdir()
        dataset = {"data": {**own, **more}, "modality": "audio", "task": "classification"}
        dataset |= {"metric": "accuracy", "variants": ["gru"]}
        dataset_of(parse(Experiment, dataset, "here"), "here").write(raw)

    with pytest.raises(InputError, match=r"us\.csv line 2: no file '0-3\.wav' in .*meta"):
        read()
    (tmp_path / "audio" / "fold9").mkdir()
    (tmp_path / "audio" / "fold9" / "2-3.wav").write_bytes(b"")
    with pytest.raises(InputError, match=r"line 4: '2-3\.wav' may be .*fold2/2.* .*fold9/2"):
        read(files=str(tmp_path / "audio"))
    with pytest.raises(InputError, match=r"here\.data\.files: .*nowhere.* no such folder"):
        read(files=str(tmp_path / "nowhere"))


def test_a_model_is_asked_by_names_too(tmp_path: Path) -> None:
    table = write(tmp_path, "stems")
    with table.open("a") as out:
        out.write("LJ-999,\n")
    own = OwnData(path=str(table), header=False, columns={"file": "1", "label": "2"})
    with as_raw(str(table), "audio", own) as raw:
        paths = [row["_path"] for row in rows_of(Path(raw).parent, Path(raw).name)]
    assert Path(paths[2]) == tmp_path / "wavs" / "LJ-002.wav"
    assert not Path(paths[-1]).exists(), "its row stays, and says so"
