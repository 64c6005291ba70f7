from __future__ import annotations

from collections import Counter, defaultdict
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import soundfile

from seqarena.data.modalities.audio import Audio, AudioOptions
from seqarena.datasets import noise
from seqarena.datasets.spoken_phrases import SpokenPhrases, cardinal, ordinal, phrases
from seqarena.datasets.synthetic_speech import Utterance, installed_voices
from seqarena.files import digest_of
from support import rows_of

SOME = ("f1", "m3", "Annie", "Mr serious", "whisper", "iven2", "zac")
FEW = {"train": 40, "valid": 16, "test": 16}
WORDS = """
zero oh one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred
first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth
fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth thirtieth
monday tuesday wednesday thursday friday saturday sunday
january february march april may june july august september october november december
o'clock half quarter past to at the of and
"""


def write(raw: Path, seed: int = 0) -> Path:
    SpokenPhrases(voices=SOME, sizes=FEW, held_out=2, seed=seed).write(raw)
    return raw


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("espeakng_loader")
    return write(tmp_path_factory.mktemp("spoken"))


@pytest.fixture(scope="module")
def planned() -> list[Utterance]:
    pytest.importorskip("espeakng_loader")
    return SpokenPhrases().plan(installed_voices())


def test_sizes_and_no_phrase_twice(planned: list[Utterance]) -> None:
    assert Counter(one.split for one in planned) == {"train": 3_500, "valid": 300, "test": 400}
    assert len({one.text for one in planned}) == len(planned)
    assert len({one.file for one in planned}) == len(planned)


def test_voices_of_valid_and_test_are_unseen(planned: list[Utterance]) -> None:
    for part in ("voice", "group"):
        sides = defaultdict(set)
        for one in planned:
            sides[getattr(one, part)].add(one.split)
        assert all(len(found) == 1 for found in sides.values())
    per_voice = Counter(one.voice for one in planned if one.split == "test")
    assert len(per_voice) == 16
    assert set(per_voice.values()) == {25}


def test_rates_and_noise_are_those_stated(planned: list[Utterance]) -> None:
    assert {one.snr for one in planned} == {None, 20, 15}
    assert (min(one.rate for one in planned), max(one.rate for one in planned)) == (130, 180)


def test_train_has_every_word(planned: list[Utterance]) -> None:
    counts = Counter(w for one in planned if one.split == "train" for w in one.text.split())
    assert set(counts) == set(WORDS.split())
    assert min(counts.values()) >= 8
    assert {word for one in planned for word in one.text.split()} == set(counts)


def test_splits_are_alike(planned: list[Utterance]) -> None:
    for word in ("the", "at", "hundred", "seven"):
        train, test = (
            np.mean([word in one.text.split() for one in planned if one.split == split])
            for split in ("train", "test")
        )
        assert test == pytest.approx(train, abs=0.07)


def test_numbers_in_words() -> None:
    assert cardinal(312) == "three hundred and twelve"
    assert cardinal(45) == "forty five"
    assert ordinal(31) == "thirty first"


def test_only_days_that_are() -> None:
    drawn = set(islice(phrases(np.random.default_rng(0)), 3_000))
    assert "half past six" in drawn
    assert not any("half to" in text for text in drawn)
    for month in ("february", "april", "june", "september", "november"):
        dates = [text for text in drawn if month in text]
        assert len(dates) > 30
        assert not any("thirty first" in text for text in dates)
    assert not any("february" in text and "thirtieth" in text for text in drawn)


def test_recordings_are_telephone_wav_in_every_split(written: Path) -> None:
    rows = rows_of(written)
    assert list(rows[0])[:4] == ["file", "target", "split", "group"]
    assert Counter(row["split"] for row in rows) == FEW
    for row in rows:
        samples, rate = soundfile.read(written / row["file"])
        assert (rate, samples.ndim) == (8000, 1)
        assert soundfile.info(written / row["file"]).subtype == "PCM_16"
        assert 0.03 < noise.loudness(samples) < 0.08
        assert len(row["target"]) / 30 < len(samples) / rate < 5  # characters have time for CTC


def test_same_seed_same_bytes(written: Path, tmp_path: Path) -> None:
    assert digest_of(write(tmp_path / "again")) == digest_of(written)
    assert digest_of(write(tmp_path / "other", seed=1)) != digest_of(written)


def test_prepares_as_audio(written: Path, tmp_path: Path) -> None:
    spec = Audio().prepare(written, tmp_path, AudioOptions(targets="characters"), seed=0)
    assert spec.sizes == FEW
    assert set("".join(row["target"] for row in rows_of(written))) >= set(
        spec.target_vocabulary[3:]
    )
    assert spec.target_unit == "characters"
