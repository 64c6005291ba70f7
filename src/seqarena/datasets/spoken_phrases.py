"""Short English phrases of digits, numbers, times and dates, spoken by the voices of espeak-ng."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, islice

import numpy as np
from num2words import num2words

from seqarena.datasets.synthetic_speech import (
    SyntheticSpeech,
    Utterance,
    accents,
    split_of,
    utterance,
)

Rng = np.random.Generator

SIZES = {"train": 3_500, "valid": 300, "test": 400}
RATES = (130, 181)  # words per minute; a quick voice at 210 outruns 30 characters a second
SNRS = (None, 20, 15)  # decibels; None is clean
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = {
    "january": 31, "february": 29, "march": 31, "april": 30, "may": 31, "june": 30, "july": 31,
    "august": 31, "september": 30, "october": 31, "november": 30, "december": 31,
}  # fmt: skip


class SpokenPhrases(SyntheticSpeech):
    """4,200 different phrases over 79 words, in noise; voices of valid and test are unseen.

    A phrase is said once, by one voice: test shares its words with train, but no phrase.
    """

    target_column = "target"

    def __init__(
        self,
        *,
        voices: Sequence[str] = (),
        sizes: Mapping[str, int] = SIZES,
        held_out: int = 16,
        seed: int = 0,
    ) -> None:
        super().__init__(voices, held_out, seed)
        self.sizes = sizes  # phrases of each split; of two voices 16 at least, for babble

    def plan(self, names: Sequence[str]) -> list[Utterance]:
        """Share the phrases out among the voices of each split; see `SyntheticSpeech.plan`."""
        rng = np.random.default_rng([self.seed, 0])
        splits = split_of(names, self.held_out, rng)
        drawn = list(islice(phrases(rng), sum(self.sizes.values())))
        # A kind with few phrases runs out, so the first and the last drawn are not alike.
        texts = (drawn[index] for index in rng.permutation(len(drawn)))
        planned: list[Utterance] = []
        for split, size in self.sizes.items():
            voices = cycle([voice for voice in names if splits[voice] == split])
            for voice, accent in zip(voices, accents(size, rng), strict=False):
                file = f"recordings/{len(planned):04d}_{voice.replace(' ', '-')}.wav"
                how = utterance(file, next(texts), split, voice, accent, rng, RATES, SNRS)
                planned.append(how)
        return planned


def phrases(rng: Rng) -> Iterator[str]:
    """Draw phrases, none twice."""
    known: set[str] = set()
    while True:
        text = KINDS[int(rng.integers(len(KINDS)))](rng)
        if text not in known:
            known.add(text)
            yield text


def cardinal(number: int) -> str:
    """Write a number in words without hyphens: "three hundred and twenty one"."""
    return str(num2words(number)).replace("-", " ")


def ordinal(number: int) -> str:
    """Write an ordinal in words without hyphens: "twenty first"."""
    return str(num2words(number, to="ordinal")).replace("-", " ")


def _pick(rng: Rng, items: Sequence[str]) -> str:
    return items[int(rng.integers(len(items)))]


def _digits(rng: Rng) -> str:
    return " ".join(cardinal(int(digit)) for digit in rng.integers(10, size=rng.integers(2, 6)))


def _number(rng: Rng) -> str:
    return cardinal(int(rng.integers(1_000)))


def _time(rng: Rng) -> str:
    hour, minute = cardinal(int(rng.integers(1, 13))), int(rng.integers(1, 60))
    shown = f"{hour} {'oh ' if minute < 10 else ''}{cardinal(minute)}"
    offset = _pick(rng, ("five", "ten", "quarter", "twenty", "half"))
    spoken = f"{offset} {'past' if offset == 'half' else _pick(rng, ('past', 'to'))} {hour}"
    time = _pick(rng, (f"{hour} o'clock", spoken, shown))
    return time if rng.random() < 0.5 else f"{_pick(rng, WEEKDAYS)} at {time}"


def _date(rng: Rng) -> str:
    weekday, month = _pick(rng, WEEKDAYS), _pick(rng, tuple(MONTHS))
    day = f"the {ordinal(int(rng.integers(1, MONTHS[month] + 1)))}"
    forms = (f"{day} of {month}", f"{month} {day}", f"{weekday} {day}")
    return _pick(rng, (*forms, f"{weekday} {day} of {month}"))


KINDS = (_digits, _digits, _number, _time, _time, _date, _date)
