from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from seqarena.data.modalities.signal import Signal, SignalOptions
from seqarena.data.store import Split
from seqarena.datasets import dataset, uea
from seqarena.datasets.uea import BasicMotions, read_ts
from seqarena.errors import InputError
from seqarena.files import sha256_of
from support import rows_of

MOTIONS = ("Standing", "Running", "Walking", "Badminton")
HEAD = "#A comment: 1,2:x\n@problemName T\n@dimensions 2\n@classLabel true a b\n@data\n"


def ts(numbers: np.ndarray, labels: list[str]) -> str:
    """Write series ``(N, D, T)`` as the archive does."""
    head = f"#About\n@problemName Small\n@classLabel true {' '.join(MOTIONS)}\n@data\n"
    series = [[",".join(map(str, channel)) for channel in each] for each in numbers]
    return head + "".join(
        ":".join([*each, label]) + "\n" for each, label in zip(series, labels, strict=True)
    )


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, np.ndarray]]:
    """Make a small wheel of sktime that pip finds: eight TRAIN and four TEST of each motion."""
    random = np.random.default_rng(0)
    made = {"TRAIN": random.normal(size=(32, 6, 5)), "TEST": random.normal(size=(16, 6, 5))}
    folder = tmp_path_factory.mktemp("index")
    path = folder / f"sktime-{uea.VERSION}-py3-none-any.whl"
    about = f"sktime-{uea.VERSION}.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        for part, series in made.items():
            labels = [MOTIONS[number % 4] for number in range(len(series))]
            name = f"sktime/datasets/data/BasicMotions/BasicMotions_{part}.ts"
            wheel.writestr(name, ts(series, labels))
        wheel.writestr(
            f"{about}/METADATA", f"Metadata-Version: 2.1\nName: sktime\nVersion: {uea.VERSION}\n"
        )
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", str(folder))
        patch.setenv("SEQARENA_CACHE", str(folder / "cache"))
        patch.setattr(uea, "SHA256", sha256_of(path))
        yield made


def write(folder: Path, seed: int = 0) -> Path:
    folder.mkdir()
    BasicMotions(seed=seed).write(folder)
    return folder


def test_the_official_test_stays_and_valid_is_drawn_evenly_from_train(
    numbers: dict[str, np.ndarray], tmp_path: Path
) -> None:
    rows = rows_of(write(tmp_path / "raw"))
    assert Counter((row["split"], row["label"]) for row in rows) == {
        (split, motion): count
        for split, count in (("train", 5), ("valid", 3), ("test", 4))
        for motion in MOTIONS
    }
    assert all((row["split"] == "test") == row["file"].startswith("test/") for row in rows)
    assert rows == rows_of(write(tmp_path / "again"))
    assert rows != rows_of(write(tmp_path / "other", seed=1))


def test_every_number_arrives(numbers: dict[str, np.ndarray], tmp_path: Path) -> None:
    raw, out = write(tmp_path / "raw"), tmp_path / "out"
    out.mkdir()
    spec = Signal().prepare(raw, out, SignalOptions(scale=False), seed=0)
    assert spec.sizes == {"train": 20, "valid": 12, "test": 16}
    assert spec.options["channels"] == list(BasicMotions.channels)
    assert spec.classes == tuple(sorted(MOTIONS))
    for name in spec.sizes:
        split = Split(out / name)
        for index, example in enumerate(split.examples()):
            part, number = example["file"].removesuffix(".csv").split("/")
            expected = numbers[part.upper()][int(number) - 1].T
            assert np.array_equal(split.sequence(index), expected.astype(np.float32))
            assert example["label"] == MOTIONS[(int(number) - 1) % 4]


def test_japanese_vowels_name_their_twelve_channels() -> None:
    found = dataset("japanese_vowels", "signal")
    assert isinstance(found, uea.JapaneseVowels)
    assert len(found.channels) == 12
    with pytest.raises(InputError, match="'basic_motions' is signal, not series"):
        dataset("basic_motions", "series")


def test_ts_of_different_lengths() -> None:
    assert read_ts(HEAD + "1,2.5:-3,4e-1:b\n5:6:a\n", "t.ts", 2) == [
        ([["1", "2.5"], ["-3", "4e-1"]], "b"),
        ([["5"], ["6"]], "a"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEAD, "no examples"),
        (HEAD + "1,2:a\n", "line 6: 1 channels, expected 2"),
        (HEAD + "1,2:3,4:a\n1:2:3:a\n", "line 7: 3 channels, expected 2"),
        (HEAD + "1,2:3,4:c\n", "line 6: label 'c', expected one of a, b"),
        (HEAD + "1,2:3:a\n", "line 6: channels of different lengths"),
        (HEAD + "1,2:3,?:a\n", "line 6: could not convert string"),
        (HEAD + "1,:3,4:a\n", "line 6: could not convert string"),
        (HEAD + "1,2:3,4:a\n\n", "line 7: 0 channels, expected 2"),
        ("1,2:3,4:a\n" + HEAD, "line 1: expected a comment or a key before @data"),
    ],
)
def test_a_slip_in_ts_is_told_by_its_line(content: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_ts(content, "t.ts", 2)
    assert str(caught.value).startswith("t.ts")
    assert "\n" not in str(caught.value)
