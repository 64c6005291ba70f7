"""Dates and times of the day."""

from __future__ import annotations

from datetime import date, time
from functools import cache

from babel import Locale
from babel.dates import get_period_id, get_period_names

from seqarena.datasets.spanish_phrases.numerals import (
    cardinal,
    english,
    ordinal,
    spanish,
    year,
)
from seqarena.datasets.spanish_phrases.pair import LOCALES, Pair
from seqarena.datasets.spanish_phrases.quantities import noun

# The formats of CLDR in Spanish and in English. One that a language has in short alone (MMM) has
# the same order, and is filled with whole names.
DATES = {
    "long": ("long", "long"),
    "full": ("full", "full"),
    "weekdayed": ("MMMMEd", "MMMEd"),
    "monthed": ("MMMMd", "MMMMd"),
    "my": ("yMMMM", "yMMMM"),
}

# The periods of the day in CLDR, of which babel has the English names alone.
PERIODS = {
    "morning1": "de la madrugada",
    "morning2": "de la mañana",
    "evening1": "de la tarde",
    "night1": "de la noche",
}


def name_of(kind: str, number: int) -> Pair:
    """Name a month, 1 for January, or a weekday, 0 for Monday; `kind` is "months" or "days"."""
    es, en = (str(getattr(Locale(lang), kind)["format"]["wide"][number]) for lang in LOCALES)
    return Pair(es.lower(), en.lower())


@cache
def _format(locale: str, name: str) -> str:
    known = Locale(locale)
    formats = known.date_formats if name in known.date_formats else known.datetime_skeletons
    return str(formats[name].format)


def calendar(form: str, day: date) -> Pair:
    """Write a date in a format of DATES."""
    weekday, month = name_of("days", day.weekday()), name_of("months", day.month)
    number = Pair("primero" if day.day == 1 else spanish(day.day), ordinal(day.day).en)
    fields = {"EEEE": weekday, "E": weekday, "MMMM": month, "MMM": month, "d": number}
    fields["y"] = year(day.year)
    es, en = map(_format, LOCALES, DATES[form])
    return Pair(
        es % {name: pair.es for name, pair in fields.items()},
        en % {name: pair.en for name, pair in fields.items()},
    )


def the(form: str, day: date) -> Pair:
    """Write a date as it stands in a sentence: in Spanish with an article, and no comma."""
    es, en = calendar(form, day)
    return Pair(f"el {es.replace(',', '')}", en)


def clock(moment: time, period: bool = True) -> Pair:
    """Tell the time, if wanted with the period of the day; noon and midnight have names.

    By CLDR "tarde" goes to eight, "afternoon" to six and "evening" to nine.
    """
    if moment in (time(0), time(12)):
        return Pair("el mediodía", "noon") if moment.hour else Pair("la medianoche", "midnight")
    until = moment.minute > 30 and moment.minute % 5 == 0
    hour = (moment.hour + until - 1) % 12 + 1
    es, en = _minutes(_hour(hour), moment.minute, until)
    if not period:
        return Pair(es, en)
    name = get_period_names("wide", "format", "en")[get_period_id(moment, locale="en")]
    return Pair(f"{es} {PERIODS[get_period_id(moment, locale='es')]}", f"{en} {name}")


def _hour(hour: int) -> Pair:
    return Pair(f"{'la' if hour == 1 else 'las'} {spanish(hour, 'f')}", english(hour))


def _minutes(hour: Pair, minutes: int, until: bool) -> Pair:
    if minutes == 0:
        return Pair(hour.es, f"{hour.en} o'clock")
    if minutes > 30 and not until:
        return Pair(f"{hour.es} y {spanish(minutes)}", f"{hour.en} {english(minutes)}")
    minutes = 60 - minutes if until else minutes
    quarters = {15: Pair("cuarto", "a quarter"), 30: Pair("media", "half")}
    es, en = quarters.get(minutes, cardinal(minutes))
    if minutes % 5:
        en = f"{en} {noun('duration-minute', minutes == 1).en}"
    to = Pair("menos", "to") if until else Pair("y", "past")
    return Pair(f"{hour.es} {to.es} {es}", f"{en} {to.en} {hour.en}")


def departure(moment: time) -> Pair:
    """Tell the time as a timetable does, of 24 hours; the minutes are ten at least."""
    hour, minute = _hour(moment.hour), cardinal(moment.minute)
    return Pair(f"{hour.es} {minute.es}", f"{hour.en} {minute.en}")
