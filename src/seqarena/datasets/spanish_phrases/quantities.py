"""Numbers of something: units, money, halves, times ago, and lists of them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import Literal

from babel.dates import TIMEDELTA_UNITS, format_timedelta
from babel.lists import format_list
from babel.numbers import get_currency_name
from babel.units import format_unit
from num2words import CONVERTER_CLASSES

from seqarena.datasets.spanish_phrases.numerals import english, spanish
from seqarena.datasets.spanish_phrases.pair import LOCALES, Pair

Span = Literal["year", "month", "week", "day", "hour", "minute", "second"]


@cache
def noun(name: str, one: bool = False) -> Pair:
    """Name a unit of CLDR ("length-meter") or a currency ("EUR"), in the plural or as `one`."""
    count = 1 if one else 2
    if name.isupper():
        texts = [get_currency_name(name, count, locale) for locale in LOCALES]
    else:
        units = [format_unit(count, name, "long", locale=locale) for locale in LOCALES]
        texts = [unit.split(maxsplit=1)[1] for unit in units]
    return Pair(texts[0].lower(), texts[1].lower())


def gender_of(word: str) -> str:
    """Tell the gender of a Spanish noun in the singular by its ending: babel leaves it out."""
    head = word.split()[0]
    feminine = head.endswith(("a", "ión")) or head in ("noche", "parte")
    return "f" if feminine and head != "día" else "m"


def unit_gender(name: str) -> str:
    """Tell the Spanish gender of a unit or a currency."""
    return gender_of(noun(name, one=True).es)


def quantity(number: int, name: str) -> Pair:
    """Count a unit or a currency."""
    es, en = noun(name, number == 1)
    of = "de " if number and number % 10**6 == 0 else ""
    return Pair(f"{spanish(number, unit_gender(name))} {of}{es}", f"{english(number)} {en}")


def amount(number: int, code: str, cents: int) -> Pair:
    """Name an amount of money with `cents`, in one of the currencies COINS."""
    money = quantity(number, code)
    es, en = (CONVERTER_CLASSES[lang].CURRENCY_FORMS[code][1][cents > 1] for lang in LOCALES)
    return Pair(
        f"{money.es} con {spanish(cents, 'm')} {es}", f"{money.en} and {english(cents)} {en}"
    )


def and_half(number: int, name: str) -> Pair:
    """Count a unit of one word, and a half; at 0 only the half."""
    half = "media" if unit_gender(name) == "f" else "medio"
    if number == 0:
        es, en = noun(name, one=True)
        return Pair(f"{half} {es}", f"half {article(en)} {en}")
    es = quantity(number, name).es
    return Pair(f"{es} y {half}", f"{english(number)} and a half {noun(name).en}")


def article(unit: str) -> str:
    """Choose "a" or "an" before an English unit."""
    return "an" if re.match("hour|[aeio]", unit) else "a"


def relative(number: int, name: Span, past: bool) -> Pair:
    """Say how long ago, or in how long."""
    delta = timedelta(seconds=number * dict(TIMEDELTA_UNITS)[name] * (-1 if past else 1))
    counted = quantity(number, f"duration-{name}")
    es, en = (
        # babel writes digits; at its threshold it would go over to a larger unit
        re.sub(r"\d\S* \w+", words, format_timedelta(delta, name, math.inf, True, locale=locale))
        for words, locale in zip(counted, LOCALES, strict=True)
    )
    return Pair(es, en)


def enumeration(pairs: Sequence[Pair], style: Literal["standard", "or"] = "standard") -> Pair:
    """Join phrases by commas and "and" or "or" as CLDR does; "o" is "u" before an o."""
    es = format_list([pair.es for pair in pairs], style, "es")
    en = format_list([pair.en for pair in pairs], style, "en")
    return Pair(re.sub(r"\bo (?=h?o)", "u ", es), en)
