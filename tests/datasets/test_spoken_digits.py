from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from seqarena.data.modalities.audio import Audio, AudioOptions
from seqarena.datasets import noise
from seqarena.datasets.sources import content_sha256_of
from seqarena.datasets.spoken_digits import DIGITS, FreeSpokenDigits, SpokenDigits
from seqarena.errors import InputError
from seqarena.files import digest_of
from support import rows_of

SOME = ("f1", "m3", "Annie", "Mr serious", "whisper", "iven2", "zac")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("espeakng_loader")
    raw = tmp_path_factory.mktemp("spoken")
    SpokenDigits(voices=SOME, repeats=1, held_out=2).write(raw)
    return raw


def test_recordings_are_telephone_wav_in_every_label(written: Path) -> None:
    rows = rows_of(written)
    assert len(rows) == 10 * len(SOME)
    for row in rows:
        samples, rate = soundfile.read(written / row["file"])
        assert (rate, samples.ndim) == (8000, 1)
        assert soundfile.info(written / row["file"]).subtype == "PCM_16"
        assert 0.03 < noise.loudness(samples) < 0.08
        assert np.abs(samples).max() < 1
        assert (row["snr"] == "") == (row["noise"] == "none")
    for split in ("train", "valid", "test"):
        assert {row["label"] for row in rows if row["split"] == split} == set(DIGITS)
    assert len({row["voice"] for row in rows if row["split"] == "test"}) == 2


def test_same_seed_same_bytes(written: Path, tmp_path: Path) -> None:
    SpokenDigits(voices=SOME, repeats=1, held_out=2).write(tmp_path / "again")
    assert digest_of(tmp_path / "again") == digest_of(written)
    SpokenDigits(voices=SOME, repeats=1, held_out=2, seed=1).write(tmp_path / "other")
    assert digest_of(tmp_path / "other") != digest_of(written)


def test_prepares_as_audio(written: Path, tmp_path: Path) -> None:
    spec = Audio().prepare(written, tmp_path, AudioOptions(), seed=0)
    assert spec.classes == tuple(sorted(DIGITS))
    assert spec.sizes == {"train": 30, "valid": 20, "test": 20}


def test_free_spoken_digits_keep_the_official_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "free_spoken_digits"
    folder.mkdir()
    with zipfile.ZipFile(folder / "recordings.zip", "w") as archive:
        top = f"free-spoken-digit-dataset-{FreeSpokenDigits.COMMIT}"
        archive.writestr(f"{top}/README.md", "about")
        for digit in range(10):
            for take in (0, 4, 5, 6, 7, 49):
                sound = io.BytesIO()
                wave = 0.1 * np.sin((1 + 0.01 * digit) * np.arange(2400 + take))
                soundfile.write(sound, wave, 8000, format="WAV")
                name = f"{top}/recordings/{digit}_theo_{take}.wav"
                archive.writestr(name, sound.getvalue())
    monkeypatch.setenv("SEQARENA_MIRROR", str(tmp_path))
    raw = tmp_path / "raw"
    with pytest.raises(InputError, match=r"recordings\.zip: sha256 is"):
        FreeSpokenDigits().write(raw)
    assert not raw.exists()
    content = content_sha256_of(folder / "recordings.zip", "recordings/")
    monkeypatch.setattr(FreeSpokenDigits, "CONTENT", content)
    FreeSpokenDigits().write(raw)
    splits = {row["file"]: row["split"] for row in rows_of(raw)}
    assert len(splits) == 60
    tested = {file for file, split in splits.items() if split == "test"}
    assert tested == {f"recordings/{d}_theo_{take}.wav" for d in range(10) for take in (0, 4)}
    assert {row["label"] for row in rows_of(raw)} == set(DIGITS)
    spec = Audio().prepare(raw, tmp_path / "out", AudioOptions(valid=0.1), seed=0)
    assert spec.sizes == {"train": 36, "valid": 4, "test": 20}
