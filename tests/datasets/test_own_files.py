"""Data sets by name, and the user's own files in every layout."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from seqarena.config import OwnData, parse
from seqarena.data.labelled import read_manifest
from seqarena.data.modalities import MODALITIES
from seqarena.data.splits import assign_splits
from seqarena.data.store import SPLITS
from seqarena.data.targets import Characters, LabelSets
from seqarena.datasets import DATASETS, dataset
from seqarena.errors import InputError, InputWarning

TABLE = pd.DataFrame({"text": ['a "b", c', "NA", "x\ty"], "label": ["p", "n", "p"]})


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(path.name.encode())


@pytest.mark.parametrize("name", DATASETS)
def test_every_data_set_says_where_it_is_from(name: str) -> None:
    found = dataset(name)
    assert found.origin
    assert found.licence
    assert found.modality in MODALITIES


@pytest.mark.parametrize("name", ["mine.csv", "mine.tsv", "mine.parquet"])
def test_tables_keep_every_cell(tmp_path: Path, raw: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith("parquet"):
        TABLE.to_parquet(path)
    else:
        TABLE.to_csv(path, index=False, sep="\t" if name.endswith("tsv") else ",")
    dataset(str(path), "text").write(raw)
    rows = read_manifest(raw / "examples.csv", "text")
    assert [(row.item, row.target) for row in rows] == list(
        TABLE.itertuples(index=False, name=None)
    )


def test_times_survive_parquet(tmp_path: Path, raw: Path) -> None:
    times = pd.date_range("2020-01-01", periods=3, freq="h")
    pd.DataFrame({"y": [1, 2, 3]}, index=pd.Index(times, name="ts")).to_parquet(
        tmp_path / "s.parquet"
    )
    dataset(str(tmp_path / "s.parquet"), "series").write(raw)
    assert (raw / "series.csv").read_text().splitlines()[:3] == [
        "y,ts,_place",
        f"1,2020-01-01 00:00:00,{tmp_path}/s.parquet row 1",
        f"2,2020-01-01 01:00:00,{tmp_path}/s.parquet row 2",
    ]


def test_class_folders_become_a_manifest(tmp_path: Path, raw: Path) -> None:
    for name in ("cat/1.wav", "cat/2.FLAC", "dog/1.wav", "dog/notes.txt"):
        touch(tmp_path / "own" / name)
    dataset(str(tmp_path / "own"), "audio").write(raw)
    rows = read_manifest(raw / "labels.csv", "file")
    assert [(row.item, row.target, row.split) for row in rows] == [
        ("cat/1.wav", "cat", None),
        ("cat/2.FLAC", "cat", None),
        ("dog/1.wav", "dog", None),
    ]
    assert (raw / "dog/1.wav").read_bytes() == b"1.wav"
    assert not (raw / "dog/notes.txt").exists()


def test_split_folders_are_honoured(tmp_path: Path, raw: Path) -> None:
    for name in ("train/cat/1.mp4", "train/dog/2.mp4", "valid/cat/3.mp4", "test/dog/1.avi"):
        touch(tmp_path / "own" / name)
        (tmp_path / "own" / name).write_bytes(name.encode())  # the same bytes would be a leak
    dataset(str(tmp_path / "own"), "video").write(raw)
    rows = read_manifest(raw / "labels.csv", "file")
    splits = assign_splits(rows, valid=0.1, test=0.1, seed=0)
    assert {name: len(list(splits.of(name))) for name in SPLITS} == {
        "train": 2,
        "valid": 1,
        "test": 1,
    }
    assert next(splits.of("test")).item == "test/dog/1.avi"


def test_listed_files_are_copied_not_linked(tmp_path: Path, raw: Path) -> None:
    own = tmp_path / "own"
    touch(own / "a/1.wav")
    touch(own / "unlisted.wav")
    (own / "labels.csv").write_text("file,label\na/1.wav,x\n")
    dataset(str(own), "audio").write(raw)
    assert sorted(p.name for p in raw.rglob("*.*")) == ["1.wav", "labels.csv"]
    assert not (raw / "a/1.wav").samefile(own / "a/1.wav")


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ("../secret.wav", r"labels\.csv line 2: '\.\./secret\.wav' lies outside"),
        ("gone.wav", r"labels\.csv line 2: no file 'gone\.wav'"),
    ],
)
def test_a_wrong_listing_is_told_by_its_line(
    tmp_path: Path, raw: Path, listed: str, message: str
) -> None:
    own = tmp_path / "own"
    touch(tmp_path / "secret.wav")
    own.mkdir()
    (own / "labels.csv").write_text(f"file,label\n{listed},x\n")
    with pytest.raises(InputError, match=message):
        dataset(str(own), "audio").write(raw)


def test_names_and_paths_that_cannot_be_meant(tmp_path: Path, raw: Path) -> None:
    with pytest.raises(
        InputError, match=r"e\.data: no data set named 'bike_sharin'.*'bike_sharing'"
    ):
        dataset("bike_sharin", where="e.data")
    with pytest.raises(InputError, match="'bike_sharing' is series, not text"):
        dataset("bike_sharing", "text")
    with pytest.raises(InputError, match="need `modality`"):
        dataset(str(tmp_path))
    with pytest.raises(InputError, match="no modality named 'txt'; did you mean 'text'"):
        dataset(str(tmp_path), "txt")
    with pytest.raises(InputError, match="no such file; text is read from a file"):
        dataset("./gone.csv", "text")
    with pytest.raises(
        InputError,
        match=r"expected files of audio .*labels\.\* that lists them, or .* a folder per class",
    ):
        dataset(str(tmp_path), "audio").write(raw)
    touch(tmp_path / "deep/er/cat/1.wav")
    with pytest.raises(InputError, match=r"1\.wav: expected CLASS/FILE"):
        dataset(str(tmp_path), "audio").write(raw)
    touch(tmp_path / "bad.parquet")
    with pytest.raises(InputError, match=r"bad\.parquet: not a readable Arrow or Parquet table"):
        dataset(str(tmp_path / "bad.parquet"), "text").write(raw)
    touch(tmp_path / "bad.xlsx")
    with pytest.raises(InputError, match=r"expected a table .*found '\.xlsx'"):
        dataset(str(tmp_path / "bad.xlsx"), "text").write(raw)


def test_text_and_series_load_no_media_library() -> None:
    heavy = {"soundfile", "soxr", "av", "torch", "kaldi_native_fbank"}
    code = f"""
import sys
from seqarena.data.targets import Characters
from seqarena.datasets import dataset
from seqarena.data.modalities import modality
for name in ("movie_reviews", "bike_sharing"):
    modality(dataset(name).modality)
print({heavy!r} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_parquet_of_other_bytes_than_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pd.DataFrame({"text": ["film"] * 9, "label": ["x"] * 9}).to_parquet(path, compression=None)
    path.write_bytes(path.read_bytes().replace(b"film", b"fi\xff\xfe"))
    with pytest.raises(InputError, match=r"a\.parquet: not a ") as caught:
        dataset(str(path), "text").write(tmp_path)
    assert "\n" not in str(caught.value)


def test_what_is_left_out_of_a_folder_is_told(tmp_path: Path, raw: Path) -> None:
    kept = ("cat/1.wav", "cat/2.Mp3", "dog/1.OGG")
    passed_over = (".DS_Store", "cat/.ipynb_checkpoints/1.wav", "__MACOSX/cat/1.wav")
    for name in (*kept, *passed_over, "dog/notes.txt", "cat/1.doc", "cat/2.doc"):
        touch(tmp_path / "own" / name)
    with pytest.warns(InputWarning, match=r"own: left out: 2 \.doc, 1 \.txt"):
        dataset(str(tmp_path / "own"), "audio").write(raw)
    assert tuple(row.item for row in read_manifest(raw / "labels.csv", "file")) == kept


def test_names_of_files_say_what_they_are(tmp_path: Path, raw: Path) -> None:
    names = ("7_ann_0.wav", "7_bob_b_1.wav", "3_ann_12.WAV")
    for name in names:
        touch(tmp_path / "own" / name)
    asked = OwnData(path=str(tmp_path / "own"), names="{label}_{group}_*")
    dataset(asked, "audio").write(raw)
    rows = {row.item: (row.target, row.group) for row in read_manifest(raw / "labels.csv", "file")}
    assert rows == dict(zip(names, [("7", "ann"), ("7", "bob"), ("3", "ann")], strict=True))
    touch(tmp_path / "own" / "notes.wav")
    with pytest.raises(
        InputError, match=r"notes\.wav: expected a name like '{label}_{group}_\*\.wav'"
    ):
        dataset(asked, "audio").write(raw)
    (tmp_path / "own" / "notes.wav").unlink()
    with pytest.raises(InputError, match=r"no column 'target'; expected {target} in `names: "):
        dataset(asked, "audio", targets="characters").write(raw)
    with pytest.raises(InputError, match=r"names: no part 'lable' is read; did you mean 'label'"):
        parse(OwnData, {"path": "own", "names": "{lable}_*"}, "data")


def test_names_of_files_may_say_several_labels(tmp_path: Path, raw: Path) -> None:
    names = {"rain+cars_1.wav": "rain;cars", "rain_2.wav": "rain", "_3.wav": "", "a,b_4.wav": "a;b"}
    for name in names:
        touch(tmp_path / "own" / name)
    asked = OwnData(path=str(tmp_path / "own"), names="{labels}_*")
    dataset(asked, "audio", targets="label_set").write(raw)
    rows = read_manifest(raw / "labels.csv", "file", LabelSets)
    assert {row.item: row.target for row in rows} == names


def test_a_list_of_files_may_be_any_table(tmp_path: Path, raw: Path) -> None:
    own = tmp_path / "own"
    touch(own / "clips/1.wav")
    listed = pd.DataFrame({"path": ["clips/1.wav"], "sentence": ["hello"], "who": ["ann"]})
    listed.to_parquet(own / "validated.parquet")
    columns = {"file": "path", "target": "sentence", "group": "who"}
    asked = OwnData(path=str(own / "validated.parquet"), columns=columns)
    dataset(asked, "audio", targets="characters").write(raw)
    (row,) = read_manifest(raw / "labels.csv", "file", Characters)
    assert (row.item, row.target, row.group) == ("clips/1.wav", "hello", "ann")
    listed.assign(path="gone.wav").to_parquet(own / "validated.parquet")
    with pytest.raises(InputError, match=r"validated\.parquet row 1: no file 'gone\.wav'"):
        dataset(asked, "audio", targets="characters").write(raw)
