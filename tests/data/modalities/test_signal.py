from __future__ import annotations

import csv
import time
from pathlib import Path

import numpy as np
import pytest

from seqarena.config import parse
from seqarena.data.modalities import modality
from seqarena.data.modalities.signal import Signal, SignalOptions, read_channels, read_steps
from seqarena.data.store import Array, Prepared
from seqarena.datasets import dataset
from seqarena.errors import InputError, InputWarning
from support import prepare_raw, rows_of

OPTIONS = SignalOptions()
CHANNELS = ["x", "y", "still"]


def write_signals(folder: Path, test_gain: float = 1.0) -> Path:
    """Twelve signals, up or down, of 3 to 14 steps; the last two of them for testing."""
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    rows = [("file", "label", "split")]
    for index in range(12):
        split = "test" if index >= 10 else "valid" if index >= 8 else "train"
        steps = random.normal(100 * (index % 2), 50, (3 + index, 3))
        steps[:, 1] *= 1e-6
        steps[:, 2] = 0.1
        steps *= test_gain if split == "test" else 1
        write_csv(folder / f"{index}.csv", CHANNELS, steps)
        rows.append((f"{index}.csv", ("down", "up")[index % 2], split))
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder


def write_csv(path: Path, channels: list[str], steps: Array) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([channels, *steps.tolist()])


def prepare(raw: Path, out: Path, options: SignalOptions = OPTIONS) -> Prepared:
    return prepare_raw(Signal(), raw, out, options)


def test_prepared_steps_are_scaled_and_read_alike(tmp_path: Path) -> None:
    raw = write_signals(tmp_path / "raw")
    prepared = prepare(raw, tmp_path / "out")
    train, test, spec = prepared.split("train"), prepared.split("test"), prepared.spec
    assert train.inputs.dtype == np.float32
    assert train.lengths.tolist() == list(range(3, 11))
    assert np.abs(train.inputs.mean(axis=0)).max() < 1e-5
    assert np.abs(train.inputs.std(axis=0) - [1, 1, 0]).max() < 1e-5
    assert (spec.feature_shape, spec.max_length, spec.step) == ((3,), 10, "step")
    assert (spec.classes, spec.sizes) == (("down", "up"), {"train": 8, "valid": 2, "test": 2})
    assert spec.options["channels"] == CHANNELS
    for index, example in enumerate(test.examples()):
        ((name, steps, *_),) = Signal().read(str(raw / example["file"]), spec)
        assert name == example["file"]
        assert np.array_equal(steps, test.sequence(index))
    assert Signal().step_labels(steps, spec)[:2] == ["1", "2"]
    assert len(Signal().read(str(raw), spec)) == 12  # labels.csv is no signal


def test_scale_is_learned_from_train_alone(tmp_path: Path) -> None:
    first, second = (
        prepare(write_signals(tmp_path / f"raw{gain}", gain), tmp_path / f"out{gain}")
        for gain in (1, 3)
    )
    assert first.spec == second.spec
    assert np.array_equal(first.split("train").inputs, second.split("train").inputs)
    assert not np.array_equal(first.split("test").inputs, second.split("test").inputs)


def test_without_scale_numbers_stay_and_what_is_too_long_is_cut(tmp_path: Path) -> None:
    raw = write_signals(tmp_path / "raw")
    prepared = prepare(raw, tmp_path / "out", SignalOptions(scale=False, max_length=5))
    written = np.loadtxt(raw / "7.csv", delimiter=",", skiprows=1, dtype=np.float32)
    assert np.array_equal(prepared.split("train").sequence(7), written[:5])
    assert prepared.split("train").lengths.tolist() == [3, 4, 5, 5, 5, 5, 5, 5]
    ((_, steps, *_),) = Signal().read(str(raw / "7.csv"), prepared.spec)
    assert np.array_equal(steps, written[:5])


def test_a_new_signal_that_is_cut_is_told(tmp_path: Path) -> None:
    raw = write_signals(tmp_path / "raw")
    data = prepare(raw, tmp_path / "out", SignalOptions(max_length=2))
    channels = data.spec.options["channels"]
    write_csv(tmp_path / "new.csv", channels, np.zeros((5, len(channels))))
    with pytest.warns(InputWarning, match=r"new\.csv: 5 steps; the first 2 are read"):
        ((_, steps, *_),) = Signal().read(str(tmp_path / "new.csv"), data.spec)
    assert len(steps) == 2


def test_columns_follow_the_first_file_of_train(tmp_path: Path) -> None:
    raw = write_signals(tmp_path / "raw")
    (raw / "3.csv").write_text('\ufeff"still", y ,x\r\n3,2,1\r\n\r\n"6",5e0, 4\r\n')
    prepared = prepare(raw, tmp_path / "out", SignalOptions(scale=False))
    assert prepared.split("train").sequence(3).tolist() == [[1, 2, 3], [4, 5, 6]]


BAD = {
    "": "bad.csv: empty file",
    "\n1,2,3\n": "bad.csv line 1: expected the names of the channels",
    "x,,still\n1,2,3\n": "bad.csv line 1: expected the names of the channels",
    "x,y,x\n1,2,3\n": "bad.csv line 1: the channel 'x' is named twice",
    "x,y,Still\n1,2,3\n": "bad.csv line 1: no channel named 'still'; did you mean 'Still'?",
    "x,y,still,z\n1,2,3,4\n": "bad.csv line 1: 'z' is no channel of train",
    "x,y,still\n": "bad.csv: no steps below the header",
    "x,y,still\n\n\n": "bad.csv: no steps below the header",
    "x,y,still\n1,2,3\n4,5\n": "bad.csv line 3: expected 3 cells",
    "x,y,still\n1,2,3,4\n4,5,6,7\n": "bad.csv line 2: expected 3 cells",
    "x,y,still\n1,2,3\n\n4,five,6\n": "bad.csv line 4: channel 'y': 'five' is not a finite number",
    "x,y,still\n1,2,3\n4,,6\n": "bad.csv line 3: channel 'y': '' is not a finite number",
    "x,y,still\n1,2,nan\n": "bad.csv line 2: channel 'still': 'nan' is not a finite number",
    "x,y,still\n1,-inf,3\n": "bad.csv line 2: channel 'y': '-inf' is not a finite number",
    "x,y,still\n1,2,3\n1e39,2,3\n": "bad.csv line 3: channel 'x': '1e39' is not a finite number",
    "x,y,still\n1_0,2,3\n": "bad.csv: could not convert string '1_0'",
    '"x,y,still\n1,2,3\n': "bad.csv line 1: no channel named 'x'",
}


@pytest.mark.parametrize("content", BAD)
def test_a_bad_signal_is_told_by_its_line(content: str, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text(content)
    with pytest.raises(InputError) as caught:
        read_steps(tmp_path / "bad.csv", CHANNELS)
    assert BAD[content] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_file_or_no_text_is_told(tmp_path: Path) -> None:
    raw = write_signals(tmp_path / "raw")
    spec = prepare(raw, tmp_path / "out").spec
    with pytest.raises(InputError, match=r"gone\.csv: cannot be read: No such file"):
        Signal().read(str(tmp_path / "gone.csv"), spec)
    (tmp_path / "bytes.csv").write_bytes(b"x,y\n\xff\xfe\n")
    with pytest.raises(InputError, match=r"bytes\.csv: not a CSV table in UTF-8"):
        Signal().read(str(tmp_path / "bytes.csv"), spec)
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="no files of signal"):
        Signal().read(str(tmp_path / "none"), spec)
    (raw / "5.csv").write_text("x,y,still\n1,2,-\n")
    with pytest.raises(InputError, match=r"5\.csv line 2: channel 'still'"):
        prepare(raw, tmp_path / "again")
    with pytest.raises(InputError, match=r"prepare\.max_length: .*greater than or equal to 1"):
        parse(SignalOptions, {"max_length": 0}, "prepare")


@pytest.mark.parametrize("listed", [True, False])
def test_own_folders_of_signals(tmp_path: Path, listed: bool) -> None:
    own = write_signals(tmp_path / "own")
    if not listed:
        for row in rows_of(own):
            (own / row["split"] / row["label"]).mkdir(parents=True, exist_ok=True)
            (own / row["file"]).rename(own / row["split"] / row["label"] / row["file"])
        (own / "labels.csv").unlink()
    (tmp_path / "raw").mkdir()
    found = dataset(str(own), "signal")
    found.write(tmp_path / "raw")
    prepared = prepare(tmp_path / "raw", tmp_path / "out")
    assert prepared.spec.sizes == {"train": 8, "valid": 2, "test": 2}
    assert isinstance(modality(found.modality), Signal)
    if not listed:
        (own / "train" / "labels.csv").write_text("file,label\n")
        with pytest.raises(InputError, match=r"train/labels\.csv: expected at .*own/labels\.csv"):
            found.write(tmp_path / "raw")


def test_many_small_files_are_read_in_no_time(tmp_path: Path) -> None:
    steps = np.random.default_rng(0).normal(size=(20, 12))
    channels = [f"c{number}" for number in range(12)]
    for number in range(500):
        write_csv(tmp_path / f"{number}.csv", channels, steps)
    began = time.process_time()
    for number in range(500):
        read_steps(tmp_path / f"{number}.csv", channels)
    assert time.process_time() - began < 1  # a reader that starts threads for each takes twice that


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85"])
def test_a_channel_is_named_with_whatever_separator(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"left{separator}ear,right\n1,2\n3,4\n")
    assert read_channels(path) == [f"left{separator}ear", "right"]
    assert read_steps(path, read_channels(path)).tolist() == [[1, 2], [3, 4]]
