"""The ten English digits: spoken by every voice of espeak-ng, and by six people (FSDD)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from seqarena.datasets import sources
from seqarena.datasets.base import Dataset
from seqarena.datasets.synthetic_speech import (
    SyntheticSpeech,
    Utterance,
    accents,
    split_of,
    utterance,
)
from seqarena.files import write_records

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class SpokenDigits(SyntheticSpeech):
    """The ten digits by espeak-ng's 104 voices, in noise; voices of valid and test are unseen."""

    target_column = "label"

    def __init__(
        self,
        *,
        voices: Sequence[str] = (),
        repeats: int = 3,
        held_out: int = 16,
        seed: int = 0,
    ) -> None:
        super().__init__(voices, held_out, seed)
        self.repeats = repeats  # recordings of one digit by one voice

    def plan(self, names: Sequence[str]) -> list[Utterance]:
        """Let every voice say each digit `repeats` times; see `SyntheticSpeech.plan`."""
        rng = np.random.default_rng([self.seed, 0])
        splits = split_of(names, self.held_out, rng)
        return [
            utterance(
                f"recordings/{digit}_{voice.replace(' ', '-')}_{take}.wav",
                text,
                splits[voice],
                voice,
                accent,
                rng,
            )
            for voice in names
            for digit, text in enumerate(DIGITS)
            for take, accent in enumerate(accents(self.repeats, rng))
        ]


class FreeSpokenDigits(Dataset):
    """3,000 recordings of the ten digits by six speakers (FSDD), in its official split."""

    modality = "audio"
    origin = "Free Spoken Digit Dataset (Jackson et al., doi:10.5281/zenodo.1342401)"
    licence = "CC BY-SA 4.0"

    COMMIT = "26eb9aaf76e81b692f806f9140c2d2777410d7a1"
    ADDRESS = f"https://github.com/Jakobovski/free-spoken-digit-dataset/archive/{COMMIT}.zip"
    CONTENT = "1971de6d210a657fc0b609a5bb473095188386d232f7540824707d103ddfcd5d"
    TESTED = 5  # takes 0 to 4 of every digit and speaker are the official test split

    def write(self, raw: Path) -> None:
        """Copy the recordings and name their official split; see `Dataset.write`."""
        archive = sources.url(
            "free_spoken_digits",
            "recordings.zip",
            self.ADDRESS,
            content_sha256=self.CONTENT,
            within="recordings/",
        )
        prefix = f"free-spoken-digit-dataset-{self.COMMIT}/"
        rows = []
        (raw / "recordings").mkdir(parents=True)
        for name, content in sources.members(archive, f"{prefix}recordings/").items():
            file = name.removeprefix(prefix)
            digit, _, take = Path(file).stem.split("_")
            (raw / file).write_bytes(content)
            split = "test" if int(take) < self.TESTED else ""  # valid is carved out of the rest
            rows.append({"file": file, "label": DIGITS[int(digit)], "split": split})
        write_records(raw / "labels.csv", rows)
