from __future__ import annotations

import csv
import io
import re
import zipfile
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import soundfile

from seqarena.data.audio import Audio, AudioOptions
from seqarena.data.datasets import noise, spoken_digits
from seqarena.data.datasets.spoken_digits import (
    DIGITS,
    FreeSpokenDigits,
    SpokenDigits,
    Utterance,
    family_of,
    installed_voices,
    speak,
    split_of,
)
from seqarena.data.sources import content_sha256_of
from seqarena.errors import InputError
from seqarena.files import digest_of

SOME = ("f1", "m3", "Annie", "Mr serious", "whisper", "iven2", "zac")


@pytest.fixture(scope="module")
def espeak() -> Path:
    """The folder of espeak-ng's voice definitions, where the optional package is installed."""
    package = pytest.importorskip("espeakng_loader")
    return Path(package.get_data_path()) / "voices" / "!v"


@pytest.fixture(scope="module")
def written(espeak: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    raw = tmp_path_factory.mktemp("spoken")
    SpokenDigits(voices=SOME, repeats=1, held_out=2).write(raw)
    return raw


def rows_of(raw: Path) -> list[dict[str, str]]:
    with (raw / "labels.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def utterance(voice: str, digit: int = 7) -> Utterance:
    name = f"recordings/{digit}_{voice}_0.wav"
    return Utterance(name, DIGITS[digit], "train", voice, voice, "en", 160, 50, "none", None)


def formants(definition: Path) -> dict[str, list[str]]:
    """Read the first three numbers of the formants 1 to 4 of a voice."""
    found = {}
    for line in definition.read_text(encoding="latin-1").splitlines():
        match = re.match(r"\s*formant\s+([1-4])\s+(.*)", line)
        if match:
            found[match[1]] = re.findall(r"-?\d+", match[2].split("//")[0])[:3]
    return found


def test_voices_with_the_same_formants_are_one_family(espeak: Path) -> None:
    voices = {path.name: formants(path) for path in espeak.iterdir()}
    assert len(voices) == 104
    alike = [
        (one, other)
        for (one, a), (other, b) in combinations(sorted(voices.items()), 2)
        if sum(a[n] == b[n] for n in a.keys() & b.keys()) >= 3
    ]
    assert len(alike) > 50
    assert [pair for pair in alike if family_of(pair[0]) != family_of(pair[1])] == []


def test_numbered_namesakes_are_one_family(espeak: Path) -> None:
    families = defaultdict(set)
    for voice in installed_voices():
        stem = re.sub(r"(Robot|\d)$", "", voice).lower()
        if len(stem) > 1:  # f1 … f5 and m1 … m8 are different people
            families[stem].add(family_of(voice))
    assert {stem: found for stem, found in families.items() if len(found) > 1} == {}


def test_families_name_installed_voices_once(espeak: Path) -> None:
    named = [voice for family in spoken_digits.FAMILIES for voice in family]
    assert len(named) == len(set(named))
    assert set(named) <= set(installed_voices())


@pytest.mark.parametrize("seed", range(3))
def test_no_family_on_two_sides(espeak: Path, seed: int) -> None:
    splits = split_of(installed_voices(), 16, np.random.default_rng(seed))
    sides = defaultdict(set)
    for voice, split in splits.items():
        sides[family_of(voice)].add(split)
    assert all(len(found) == 1 for found in sides.values())
    counts = {name: list(splits.values()).count(name) for name in ("train", "valid", "test")}
    assert counts == {"train": 72, "valid": 16, "test": 16}


def test_every_voice_is_heard_and_none_twice(espeak: Path) -> None:
    speech = speak([utterance(voice) for voice in installed_voices()])
    assert len(speech) == 104
    assert len({samples.tobytes() for samples in speech.values()}) == 104
    assert min(map(noise.loudness, speech.values())) > 0.01
    assert all(0.1 < len(samples) / 8000 < 2 for samples in speech.values())


def test_library_never_enters_this_process(written: Path) -> None:
    maps = Path("/proc/self/maps")
    if not maps.is_file():
        pytest.skip("needs /proc")
    assert "espeak" not in maps.read_text()


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


@pytest.mark.parametrize("snr", [5, 20])
@pytest.mark.parametrize("kind", ["white", "pink", "babble"])
def test_noise_has_the_stated_level(kind: str, snr: int) -> None:
    rng = np.random.default_rng(0)
    speech = np.sin(np.arange(8000) * 0.3).astype(np.float32)
    talkers = [rng.standard_normal(count) for count in (3000, 9000)]
    background = (
        noise.babble(8000, talkers, rng) if kind == "babble" else getattr(noise, kind)(8000, rng)
    )
    added = noise.mix(speech, background, snr) - noise.mix(speech, None, None)
    measured = 20 * np.log10(noise.LEVEL / noise.loudness(added))
    assert measured == pytest.approx(snr, abs=0.1)


def test_pink_noise_falls_by_half_an_octave() -> None:
    power = np.abs(np.fft.rfft(noise.pink(1 << 16, np.random.default_rng(0)))) ** 2
    low, high = power[1000:2000].mean(), power[8000:16000].mean()
    assert low / high == pytest.approx(8, rel=0.15)


def test_trim_keeps_the_middle() -> None:
    tone = np.sin(np.arange(800))
    silence = np.zeros(400)
    assert np.array_equal(noise.trim(np.concatenate([silence, tone, silence])), tone)
    assert len(noise.trim(silence)) == 0


def test_unknown_voice_is_named(espeak: Path) -> None:
    with pytest.raises(InputError, match=r"espeak-ng: .*no voice 'xx\+f1'") as caught:
        speak([utterance("f1"), Utterance(**{**vars(utterance("f1")), "accent": "xx"})])
    assert "\n" not in str(caught.value)


def test_hanging_child_is_told(espeak: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spoken_digits, "TIMEOUT", 0.01)
    with pytest.raises(InputError, match=r"did not finish within 0\.01 s, at 'seven' by .*en\+f1"):
        speak([utterance("f1")])


def test_free_spoken_digits_keep_the_official_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "free_spoken_digits"
    folder.mkdir()
    sound = io.BytesIO()
    soundfile.write(sound, 0.1 * np.sin(np.arange(2400)), 8000, format="WAV")
    with zipfile.ZipFile(folder / "recordings.zip", "w") as archive:
        top = f"free-spoken-digit-dataset-{FreeSpokenDigits.COMMIT}"
        archive.writestr(f"{top}/README.md", "about")
        for digit in range(10):
            for take in (0, 4, 5, 6, 7, 49):
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
