"""What the slots of the templates hold: numbers, dates, times, measures and words at random."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, time, timedelta
from functools import partial
from typing import TypeVar, get_args

import numpy as np

from seqarena.datasets.spanish_phrases.dates import (
    DATES,
    calendar,
    clock,
    departure,
    name_of,
    the,
)
from seqarena.datasets.spanish_phrases.lexicon import (
    COINS,
    CURRENCIES,
    DEGREES,
    HALVED,
    LENGTHS,
    SPEEDS,
    TIMES,
    UNITS,
    WORDS,
)
from seqarena.datasets.spanish_phrases.numerals import (
    cardinal,
    decimal,
    english,
    ordinal,
    share,
    spanish,
    year,
)
from seqarena.datasets.spanish_phrases.pair import Pair
from seqarena.datasets.spanish_phrases.quantities import (
    Span,
    amount,
    and_half,
    enumeration,
    gender_of,
    noun,
    quantity,
    relative,
    unit_gender,
)

Rng = np.random.Generator
Item = TypeVar("Item")


def pick(rng: Rng, items: Sequence[Item]) -> Item:
    """Draw one of the items, each as likely."""
    return items[int(rng.integers(len(items)))]


def _count(rng: Rng, top: int, low: int = 1) -> int:
    """Draw a number from `low` to below `top`, each order of magnitude alike; half are round."""
    number = int(low * (top / low) ** rng.random())
    step = 10 ** max(0, len(str(number)) - 2)
    return number // step * step if rng.random() < 0.5 else number


def _word(rng: Rng, kind: str) -> Pair:
    es, en = pick(rng, WORDS[kind].split(", ")).split("=")
    return Pair(es, en)


def _quantity(rng: Rng, names: str = UNITS, top: int = 5_000, low: int = 1) -> Pair:
    return quantity(_count(rng, top, low), pick(rng, names.split()))


def _date(rng: Rng) -> date:
    years = (1492, 2100) if rng.random() < 0.3 else (1930, 2040)
    first, last = (date(y, 1, 1).toordinal() for y in years)
    return date.fromordinal(int(rng.integers(first, last)))


def _drawn(write: Callable[[date], Pair], rng: Rng) -> Pair:
    return write(_date(rng))


def _dates(rng: Rng) -> Pair:
    first = _date(rng)
    last = first + timedelta(int(rng.integers(1, 300)))
    since, until = the("monthed" if first.year == last.year else "long", first), the("long", last)
    return Pair(f"{since.es} y {until.es}", f"{since.en} and {until.en}")


def _clock(rng: Rng, first: int = 0, last: int = 23) -> Pair:
    """Draw a time in the hours `first` to `last`, of the hour after midnight only midnight."""
    hour, step = int(rng.integers(first, last + 1)) % 24, pick(rng, (60, 60, 30, 15, 5, 5, 1))
    minute = int(rng.integers(60 // step)) * step if hour else 0
    return clock(time(hour, minute), period=rng.random() < 0.7)


def _now(rng: Rng) -> Pair:
    es, en = _clock(rng, *pick(rng, ((1, 11), (13, 23))))  # neither noon nor midnight
    return Pair(f"{'es' if es.startswith('la ') else 'son'} {es}", f"it is {en}")


def _span(rng: Rng) -> Pair:
    start = int(rng.integers(6, 19))
    since, until = _clock(rng, start, start), _clock(rng, start + 1, min(start + 10, 24))
    return Pair(f"desde {since.es} hasta {until.es}", f"from {since.en} until {until.en}")


def _duration(rng: Rng, kinds: Sequence[str]) -> Pair:
    """Draw a time in the units of one of `kinds`, or of one unit, with or without a half."""
    names = [f"duration-{name}" for name in pick(rng, kinds).split()]
    if len(names) == 1:
        draw = _quantity if rng.random() < 0.6 else _half
        return draw(rng, names[0], 60)
    tops = [12 if name == "duration-month" else 24 for name in names]
    return enumeration([_quantity(rng, n, top) for n, top in zip(names, tops, strict=True)])


def _half(rng: Rng, names: str = HALVED, top: int = 40) -> Pair:
    return and_half(_count(rng, top) - 1, pick(rng, names.split()))


def _relative(rng: Rng) -> Pair:
    number, name, past = _count(rng, 300), pick(rng, get_args(Span)), rng.random() < 0.6
    es, en = relative(number, name, past)
    if past and rng.random() < 0.3:
        es = f"{es.removeprefix('hace ')} atrás"
    return Pair(es, en)


def _next(rng: Rng) -> Pair:
    name = pick(rng, TIMES.split())
    es, en = quantity(_count(rng, 100, low=2), name)
    s = "as" if unit_gender(name) == "f" else "os"
    stem, which = pick(rng, (("próxim", "next"), ("últim", "last"), ("primer", "first")))
    return Pair(f"l{s} {stem}{s} {es}", f"{which} {en}")


def _share(rng: Rng) -> Pair:
    parts = int(rng.integers(3, 11))
    return share(int(rng.integers(1, parts)), parts)


def _measured(rng: Rng) -> Pair:
    whole, fraction = int(rng.integers(60)), int(rng.integers(2, 100))
    if 1 in (whole % 10, fraction % 10):  # whether "veintiuna coma" is right is disputed
        return _measured(rng)
    number, unit = decimal(whole, f"{fraction:02d}".rstrip("0")), noun(pick(rng, UNITS.split()))
    return Pair(f"{number.es} {unit.es}", f"{number.en} {unit.en}")


def _range(rng: Rng, names: str, es: str, en: str) -> Pair:
    """Draw two numbers of a unit; the first is apart from the noun, so it keeps its o."""
    low, name = _count(rng, 200), pick(rng, names.split())
    high = quantity(low + _count(rng, 100), name)
    number = spanish(low, "f" if unit_gender(name) == "f" else "")
    return Pair(f"{number} {es} {high.es}", f"{english(low)} {en} {high.en}")


def _or(rng: Rng) -> Pair:
    number, name = int(rng.integers(2, 20)), pick(rng, UNITS.split())
    return enumeration([cardinal(number), quantity(number + 1, name)], "or")


def _about(rng: Rng) -> Pair:
    name = pick(rng, UNITS.split())
    es, en = quantity(_count(rng, 300, low=2), name)
    return Pair(f"{'unas' if unit_gender(name) == 'f' else 'unos'} {es}", en)


def _price(rng: Rng) -> Pair:
    return amount(_count(rng, 3_000), pick(rng, COINS.split()), int(rng.integers(1, 100)))


def _percent(rng: Rng) -> Pair:
    if rng.random() < 0.5:
        return cardinal(int(rng.integers(1, 101)))
    return decimal(int(rng.integers(100)), str(rng.integers(1, 10)))


def _sum(rng: Rng) -> Pair:
    first, second = _count(rng, 1_000, low=2), _count(rng, 100)
    less, by, more = cardinal(first), cardinal(second), cardinal(first + second)
    if rng.random() < 0.5:
        return Pair(f"{less.es} más {by.es} son {more.es}", f"{less.en} plus {by.en} is {more.en}")
    return Pair(f"{more.es} menos {by.es} son {less.es}", f"{more.en} minus {by.en} is {less.en}")


def _ranked(rng: Rng) -> Pair:
    thing = _word(rng, "thing")
    rank = ordinal(int(rng.integers(1, 41)), gender_of(thing.es))
    return Pair(f"{rank.es} {thing.es}", f"{rank.en} {thing.en}")


def _century(rng: Rng) -> Pair:
    number = int(rng.integers(11, 22))  # up to the tenth, usage wavers: "cinco" or "quinto"
    return Pair(spanish(number), ordinal(number).en)


KINDS = (
    *("hour", "hour minute", "hour", "minute", "second", "day", "week", "month", "year"),
    *("minute second", "hour minute second", "day hour", "year month", "year month day"),
)
# What the slots of TEMPLATES hold.
DRAW: dict[str, Callable[[Rng], Pair]] = {
    "cardinal": lambda rng: cardinal(_count(rng, 10**9) - 1),
    "small": lambda rng: cardinal(_count(rng, 800)),
    "ordinal": lambda rng: ordinal(int(rng.integers(1, 41))),
    "ranked": _ranked,
    "decimal": lambda rng: decimal(
        _count(rng, 1_000) - 1, f"{rng.integers(1, 100):02d}".rstrip("0")
    ),
    "fraction": _share,
    "sum": _sum,
    "percent": _percent,
    "weekday": lambda rng: name_of("days", int(rng.integers(7))),
    "year": lambda rng: year(_date(rng).year),
    "century": _century,
    "dates": _dates,
    "time": _clock,
    "daytime": partial(_clock, first=8, last=19),
    "now": _now,
    "span": _span,
    "departure": lambda rng: departure(time(int(rng.integers(1, 24)), int(rng.integers(10, 60)))),
    "duration": partial(_duration, kinds=KINDS),
    "hours": partial(_duration, kinds=KINDS[:2]),
    "relative": _relative,
    "plural": partial(_quantity, names=TIMES, top=60, low=2),
    "days": partial(_quantity, names="duration-day duration-week duration-month", top=50, low=2),
    "minutes": partial(_quantity, names="duration-minute", top=60),
    "next": _next,
    "half": _half,
    "measure": _quantity,
    "measured": _measured,
    "between": partial(_range, names=UNITS, es="y", en="and"),
    "range": partial(_range, names=UNITS, es="a", en="to"),
    "warming": partial(_range, names=DEGREES, es="a", en="to"),
    "moneys": partial(_range, names=CURRENCIES, es="y", en="and"),
    "or": _or,
    "about": _about,
    "degrees": partial(_quantity, names=DEGREES, top=120),
    "below": partial(_quantity, names="angle-degree", top=60),
    "speed": partial(_quantity, names=SPEEDS, top=300),
    "length": partial(_quantity, names=LENGTHS, top=1_000),
    "meters": partial(_quantity, names="length-meter", top=100),
    "weight": partial(_quantity, names="mass-kilogram mass-pound mass-ounce", top=300),
    "tons": partial(_quantity, names="mass-tonne mass-kilogram", top=10**7, low=2),
    "money": partial(_quantity, names=CURRENCIES, top=20_000),
    "sums": partial(_quantity, names=CURRENCIES, top=10**7, low=2),
    "millions": lambda rng: quantity(10**6 * _count(rng, 500), pick(rng, CURRENCIES.split())),
    "price": _price,
    **{kind: partial(_word, kind=kind) for kind in WORDS},
    **{form: partial(_drawn, partial(calendar, form)) for form in DATES},
    **{f"el_{form}": partial(_drawn, partial(the, form)) for form in DATES},
}
