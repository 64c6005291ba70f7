from __future__ import annotations

import re
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from seqarena.datasets import noise, synthetic_speech
from seqarena.datasets.synthetic_speech import (
    Utterance,
    family_of,
    installed_voices,
    speak,
    split_of,
)
from seqarena.errors import InputError


@pytest.fixture(scope="module")
def espeak() -> Path:
    """The folder of espeak-ng's voice definitions, where the optional package is installed."""
    package = pytest.importorskip("espeakng_loader")
    return Path(package.get_data_path()) / "voices" / "!v"


def utterance(voice: str) -> Utterance:
    name = f"recordings/{voice}.wav"
    return Utterance(name, "seven", "train", voice, voice, "en", 160, 50, "none", None)


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
    named = [voice for family in synthetic_speech.FAMILIES for voice in family]
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


def test_library_never_enters_this_process(espeak: Path) -> None:
    speak([utterance("f1")])
    maps = Path("/proc/self/maps")
    if not maps.is_file():
        pytest.skip("needs /proc")
    assert "espeak" not in maps.read_text()


def test_unknown_voice_is_named(espeak: Path) -> None:
    with pytest.raises(InputError, match=r"espeak-ng: .*no voice 'xx\+f1'") as caught:
        speak([utterance("f1"), Utterance(**{**vars(utterance("f1")), "accent": "xx"})])
    assert "\n" not in str(caught.value)


def test_hanging_child_is_told(espeak: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic_speech, "TIMEOUT", 0.01)
    with pytest.raises(InputError, match=r"did not finish within 0\.01 s, at 'seven' by .*en\+f1"):
        speak([utterance("f1")])


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
