"""Speech by the voices of espeak-ng: who speaks, in which split, how and in what noise."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from abc import abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import soundfile
import soxr

from seqarena.data.store import Array
from seqarena.datasets import noise
from seqarena.datasets.base import Dataset
from seqarena.errors import InputError
from seqarena.files import write_records

ACCENTS = ("en", "en-us", "en-us-nyc", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-029")
RATES = (130, 211)  # words per minute
PITCHES = (10, 91)  # of espeak's 0 to 99; 50 is the voice's own
SNRS = (None, 20, 15, 10)  # decibels; None is clean
NOISES = ("white", "pink", "babble")
SAMPLE_RATE = 8_000
SHORTEST = 0.1  # seconds; less is taken for silence
TALKERS = 8  # voices that speak at once in babble
SHARDS = 4  # each in a fresh process; fixed, since espeak's noise depends on what it spoke before
PROCESSES = 2
TIMEOUT = 120.0  # seconds for one shard

# Voices that sound alike are on one side of the split. They share three or more of the formants
# 1 to 4 in their definitions, or their long-term spectra over three digits differ by less than
# 0.6 nepers (the median pair by 2.2), or one is the numbered sequel of the other. All others
# are a family of their own.
FAMILIES = (
    ("klatt", "klatt2", "klatt3", "klatt4", "klatt5", "klatt6", "announcer", "adam", "benjamin",
     "edward", "edward2", "robosoft", "robosoft2", "robosoft3", "robosoft4", "robosoft5",
     "robosoft6", "robosoft7", "robosoft8", "m8", "Nguyen", "max", "RicishayMax", "RicishayMax2",
     "RicishayMax3", "fast", "croak", "grandpa", "john", "norbert", "Mr serious", "Tweaky"),
    ("Diogo", "Henrique", "Hugo", "michel", "miguel", "anika", "anikaRobot"),
    ("iven", "iven2", "iven3", "iven4"),
    ("steph", "steph2", "steph3"),
    ("f2", "f5", "whisperf"),
    ("aunty", "f4"),
    ("Andy", "AnxiousAndy"),
    ("Denis", "victor"),
    ("Gene", "Gene2"),
    ("Mike", "mike2"),
    ("rob", "robert"),
)  # fmt: skip


@dataclass(frozen=True)
class Utterance:
    """One recording to make."""

    file: str
    text: str
    split: str
    group: str  # the family of the voice
    voice: str
    accent: str
    rate: int
    pitch: int
    noise: str
    snr: int | None


class SyntheticSpeech(Dataset):
    """Speech by espeak-ng's voices, in noise; voices of valid and test are unseen in train."""

    modality = "audio"
    origin = "synthesised by espeak-ng 1.52, the library and voices of espeakng-loader 0.2.4"
    licence = "GPL-3.0-or-later (espeak-ng, run in a child process); the recordings are your own"

    target_column: ClassVar[str]  # the column of ``labels.csv`` for what is said

    def __init__(self, voices: Sequence[str], held_out: int, seed: int) -> None:
        self.voices = voices  # all that are installed when empty
        self.held_out = held_out  # voices in valid, and as many in test; two at least, for babble
        self.seed = seed

    @abstractmethod
    def plan(self, names: Sequence[str]) -> list[Utterance]:
        """Choose what each of the voices says, how, in which noise and split."""

    def write(self, raw: Path) -> None:
        """Speak, add noise and write 8 kHz WAV files; see `Dataset.write`."""
        utterances = self.plan(self.voices or installed_voices())
        speech = speak(utterances)
        rng = np.random.default_rng([self.seed, 1])
        (raw / "recordings").mkdir(parents=True)
        for one in utterances:
            samples = _in_noise(one, utterances, speech, rng)
            soundfile.write(raw / one.file, samples, SAMPLE_RATE, subtype="PCM_16")
        rows = [asdict(one) for one in utterances]
        names = {"text": self.target_column}
        renamed = [{names.get(k, k): v for k, v in row.items()} for row in rows]
        write_records(raw / "labels.csv", renamed)


def installed_voices() -> list[str]:
    """Name the voices that espeak-ng ships, without loading it.

    Raises `InputError` when the optional package is not installed.
    """
    package = find_spec("espeakng_loader")
    if package is None or package.origin is None:
        raise InputError("espeakng-loader: not installed; pip install 'seqarena[speech]'")
    folder = Path(package.origin).parent / "espeak-ng-data" / "voices" / "!v"
    if not folder.is_dir():
        version = metadata.version("espeakng-loader")
        raise InputError(f"espeakng-loader {version}: no voices in {folder}; expected 0.2.4")
    return sorted(path.name for path in folder.iterdir())


def family_of(voice: str) -> str:
    """Name the family of voices that sound like this one."""
    return next((family[0] for family in FAMILIES if voice in family), voice)


def split_of(names: Sequence[str], held_out: int, rng: np.random.Generator) -> dict[str, str]:
    """Draw whole families until valid and test hold at most `held_out` voices each."""
    families: dict[str, list[str]] = {}
    for name in names:
        families.setdefault(family_of(name), []).append(name)
    heads = list(families)
    room = {"test": held_out, "valid": held_out}
    splits = {}
    for index in rng.permutation(len(heads)):
        members = families[heads[index]]
        split = next((name for name, left in room.items() if left >= len(members)), "train")
        if split in room:
            room[split] -= len(members)
        splits.update(dict.fromkeys(members, split))
    return splits


def accents(count: int, rng: np.random.Generator) -> list[str]:
    """Draw accents, each once before any comes twice."""
    rounds = -(-count // len(ACCENTS))
    order = np.concatenate([rng.permutation(len(ACCENTS)) for _ in range(rounds)])
    return [ACCENTS[index] for index in order[:count]]


def utterance(
    file: str,
    text: str,
    split: str,
    voice: str,
    accent: str,
    rng: np.random.Generator,
    rates: tuple[int, int] = RATES,
    snrs: Sequence[int | None] = SNRS,
) -> Utterance:
    """Draw the noise, rate and pitch of a recording."""
    snr = snrs[int(rng.integers(len(snrs)))]
    kind = NOISES[rng.integers(len(NOISES))]
    return Utterance(
        file=file,
        text=text,
        split=split,
        group=family_of(voice),
        voice=voice,
        accent=accent,
        rate=int(rng.integers(*rates)),
        pitch=int(rng.integers(*PITCHES)),
        noise="none" if snr is None else kind,
        snr=snr,
    )


def speak(utterances: list[Utterance]) -> dict[str, Array]:
    """Speak every utterance in child processes: trimmed clean samples ``(n,)`` by file name.

    Raises `InputError` naming the voice at which espeak-ng crashed, hung or stayed silent.
    """
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(PROCESSES) as pool:
        shards = [utterances[start::SHARDS] for start in range(SHARDS)]
        spoken = pool.map(lambda shard: _speak_shard(shard, Path(folder)), shards)
        return {name: samples for shard in spoken for name, samples in shard.items()}


def _speak_shard(shard: list[Utterance], folder: Path) -> dict[str, Array]:
    jobs = [
        {
            "voice": f"{one.accent}+{one.voice}",
            "text": one.text,
            "rate": one.rate,
            "pitch": one.pitch,
            "file": str(folder / Path(one.file).name),
        }
        for one in shard
    ]
    _run_child("".join(json.dumps(job) + "\n" for job in jobs), jobs)
    return {one.file: _heard(job) for one, job in zip(shard, jobs, strict=True)}


def _run_child(lines: str, jobs: list[dict[str, Any]]) -> None:
    # By its path, not -m: the package of the data sets would be imported first, eight times slower.
    command = [sys.executable, "-P", str(Path(__file__).with_name("espeak.py"))]
    try:
        child = subprocess.run(
            command, check=False, input=lines.encode(), capture_output=True, timeout=TIMEOUT
        )
    except subprocess.TimeoutExpired as error:
        done, reason = error.stdout or b"", f"did not finish within {TIMEOUT:g} s"
    else:
        if child.returncode == 0:
            return
        errors = child.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        killed = f"was ended by signal {-child.returncode}"
        done, reason = child.stdout, killed if child.returncode < 0 else f"failed: {errors[-1]}"
    job = jobs[min(done.count(b"\n"), len(jobs) - 1)]  # the first that it did not report
    raise InputError(f"espeak-ng: {reason}, at '{job['text']}' by the voice '{job['voice']}'")


def _heard(job: dict[str, Any]) -> Array:
    samples, rate = soundfile.read(job["file"], dtype="float32")
    samples = noise.trim(soxr.resample(samples, rate, SAMPLE_RATE))
    if len(samples) < SHORTEST * SAMPLE_RATE:
        raise InputError(f"espeak-ng: the voice '{job['voice']}' is silent at '{job['text']}'")
    return samples


def _in_noise(
    one: Utterance, everyone: list[Utterance], speech: dict[str, Array], rng: np.random.Generator
) -> Array:
    clean = speech[one.file]
    if one.noise == "none":
        return noise.mix(clean, None, None)
    if one.noise == "babble":  # by voices of the same split, so that none is heard in two
        others = [o for o in everyone if o.split == one.split and o.group != one.group]
        chosen = rng.choice(len(others), TALKERS, replace=False)
        background = noise.babble(len(clean), [speech[others[i].file] for i in chosen], rng)
    else:
        background = getattr(noise, one.noise)(len(clean), rng)
    return noise.mix(clean, background, one.snr)
