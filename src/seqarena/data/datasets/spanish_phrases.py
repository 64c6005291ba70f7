"""Spanish phrases of dates, times, numbers, money and measures, with their English translation."""

from __future__ import annotations

import csv
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, time, timedelta
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from string import Formatter
from typing import Literal, NamedTuple, TypeVar, get_args

import numpy as np
from babel import Locale
from babel.core import get_cldr_version
from babel.dates import TIMEDELTA_UNITS, format_timedelta, get_period_id, get_period_names
from babel.lists import format_list
from babel.numbers import get_currency_name
from babel.units import format_unit
from num2words import CONVERTER_CLASSES, num2words

from seqarena.data.datasets.base import Dataset

Rng = np.random.Generator
Item = TypeVar("Item")
Span = Literal["year", "month", "week", "day", "hour", "minute", "second"]

SIZES = {"test": 1_000, "valid": 1_000, "train": 10_000}
LONGEST = 30  # words of Spanish


class Pair(NamedTuple):
    """A phrase and its translation."""

    es: str
    en: str


LOCALES = Pair._fields

# Slots that are phrases by themselves.
ALONE = (
    "cardinal ordinal decimal fraction sum long full weekdayed monthed my when now span duration "
    "relative half measure measured or money price millions"
)

# Spanish = English; DRAW fills the {slots}, and 1 and 2 tell two of a kind apart. What could have
# two translations is left out: a bare "mil novecientos" is a number, years stand in dates or after
# "el año".
TEMPLATES = """\
número {cardinal} = number {cardinal}
más de {cardinal} = more than {cardinal}
capítulo {small1}, página {small2} = chapter {small1}, page {small2}
el {ranked} = the {ranked}
menos {decimal} = minus {decimal}
el {percent} por ciento = {percent} percent
una subida del {percent} por ciento = an increase of {percent} percent
entre el {percent1} y el {percent2} por ciento = between {percent1} and {percent2} percent
una bajada del {percent} por ciento en {duration} = a decrease of {percent} percent in {duration}
un aumento del {percent} por ciento entre {dates} = \
an increase of {percent} percent between {dates}
el {rank} {weekday} de {my} = the {rank} {weekday} of {my}
el {rank} trimestre de {year} = the {rank} quarter of {year}
el año {year} = the year {year}
el año {small} antes de cristo = the year {small} before christ
el siglo {century} = the {century} century
{edge} del siglo {century} = {edge} of the {century} century
{edge} de los años {decade} = {edge} of the {decade}
{edge} de {my} = {edge} of {my}
cada {weekday} = every {weekday}
todos los {weekdays} = every {weekdays}
todos los {weekdays} a {time} = every {weekdays} at {time}
el {weekday} {daypart} = on {weekday} {daypart}
de {weekday1} a {weekday2} = from {weekday1} to {weekday2}
antes de {el_monthed} = before {el_monthed}
después de {el_long} = after {el_long}
hasta {el_full} = until {el_full}
a partir de {el_weekdayed} = from {el_weekdayed} onwards
entre {dates} = between {dates}
{relative}, {el_long} = {relative}, on {el_long}
a {time} = at {time}
poco después de {time} = shortly after {time}
hacia {time} = around {time}
{today} a {time} = {today} at {time}
{el_monthed} a {time} = {el_monthed} at {time}
{el_weekdayed} a {time} = {el_weekdayed} at {time}
{el_full} a {time} = {el_full} at {time}
el {vehicle} de {departure} = the {departure} {vehicle}
el {vehicle} de {departure} llega con {minutes} de retraso = \
the {departure} {vehicle} is {minutes} late
{span} de {el_monthed} = {span} on {el_monthed}
{span} de {el_weekdayed} = {span} on {el_weekdayed}
{span} de {el_full} = {span} on {el_full}
de {weekday1} a {weekday2}, {span} = from {weekday1} to {weekday2}, {span}
durante {duration} = for {duration}
{plural} más tarde = {plural} later
cada {plural} = every {plural}
{next} = the {next}
{about} = about {about}
entre {between} = between {between}
de {range} = from {range}
menos de {measure} = less than {measure}
{measure} como máximo = at most {measure}
{measured} como mínimo = at least {measured}
menos {degrees} = minus {degrees}
{below} bajo cero = {below} below zero
la temperatura subirá de {warming} el {weekday} {daypart} = \
the temperature will rise from {warming} on {weekday} {daypart}
a {speed} = at {speed}
a {length} de distancia = {length} away
a {length} al {direction} de la ciudad = {length} {direction} of the city
una torre de {meters} de altura = a tower {meters} high
una habitación de {meters1} de largo por {meters2} de ancho = \
a room {meters1} long by {meters2} wide
pesa {weight} y mide {meters} = it weighs {weight} and measures {meters}
un recorrido de {length} en {hours} = a distance of {length} in {hours}
cuesta {price} = it costs {price}
cuesta {price} {each} = it costs {price} per {each}
{money} por {period} = {money} per {period}
entre {moneys} = between {moneys}
un descuento del {percent} por ciento sobre un precio de {money} = \
a discount of {percent} percent on a price of {money}
un pago de {price} antes de {el_long} = a payment of {price} before {el_long}
un alquiler de {money} al mes desde {el_monthed1} hasta {el_monthed2} = \
a rent of {money} a month from {el_monthed1} until {el_monthed2}
una tarifa de {money} por {period} más un {percent} por ciento de impuestos = \
a rate of {money} per {period} plus {percent} percent tax
se pagaron {sums} {el_long} = {sums} were paid on {el_long}
se vendieron {tons} de {cargo} en {my} = {tons} of {cargo} were sold in {my}
un vuelo de {hours} que sale {el_weekdayed} a {time} = \
a flight of {hours} that leaves on {el_weekdayed} at {time}
la reunión de {el_weekdayed} empieza a {daytime} y dura {hours} = \
the meeting on {el_weekdayed}, starts at {daytime} and lasts {hours}
la cita con el médico es {el_full} a {daytime} = \
the appointment with the doctor is on {el_full} at {daytime}
el museo abre cada {weekday} {span} y la entrada cuesta {price} = \
the museum opens every {weekday} {span} and the ticket costs {price}
el paquete de {weight} llegará {el_weekdayed}, {span} = \
the package of {weight} will arrive on {el_weekdayed}, {span}
el curso dura {days} y empieza {el_full} a {daytime} = \
the course lasts {days} and starts on {el_full} at {daytime}
el plazo termina {el_full}, {days} después de la firma = \
the period ends on {el_full}, {days} after the signing
"""

# Words, Spanish=English, for the slots that neither library has.
WORDS = {
    "today": "hoy=today, mañana=tomorrow, ayer=yesterday, anteayer=the day before yesterday, "
    "pasado mañana=the day after tomorrow",
    "when": "esta mañana=this morning, esta tarde=this afternoon, esta noche=tonight, "
    "anoche=last night, hoy=today, mañana por la mañana=tomorrow morning, "
    "mañana por la tarde=tomorrow afternoon, mañana por la noche=tomorrow night, mañana=tomorrow, "
    "ayer por la mañana=yesterday morning, ayer por la tarde=yesterday afternoon, ayer=yesterday, "
    "anteayer=the day before yesterday, pasado mañana=the day after tomorrow",
    "daypart": "por la mañana=morning, por la tarde=afternoon, por la noche=night",
    "weekdays": "lunes=monday, martes=tuesday, miércoles=wednesday, jueves=thursday, "
    "viernes=friday, sábados=saturday, domingos=sunday",
    "rank": "primer=first, segundo=second, tercer=third, cuarto=fourth, último=last",
    "edge": "a principios=at the beginning, a mediados=in the middle, a finales=at the end",
    "decade": "veinte=twenties, treinta=thirties, cuarenta=forties, cincuenta=fifties, "
    "sesenta=sixties, setenta=seventies, ochenta=eighties, noventa=nineties",
    "vehicle": "tren=train, vuelo=flight, autobús=bus, barco=boat",
    "direction": "norte=north, sur=south, este=east, oeste=west",
    "cargo": "trigo=wheat, arroz=rice, café=coffee, acero=steel, carbón=coal, papel=paper",
    "period": "hora=hour, día=day, semana=week, mes=month, noche=night, persona=person",
    "each": "el kilogramo=kilogram, el gramo=gram, el litro=liter, el metro=meter, la libra=pound, "
    "la onza=ounce, la docena=dozen, el metro cuadrado=square meter, la hectárea=hectare",
    "thing": "capítulo=chapter, piso=floor, aniversario=anniversary, intento=attempt, día=day, "
    "mes=month, página=page, edición=edition, vuelta=lap, puerta=door, semana=week, hora=hour",
}

# Units of CLDR; those of one Spanish word take a half.
TIMES = (
    "duration-second duration-minute duration-hour duration-day duration-week duration-month "
    "duration-year "
)
LENGTHS = "length-kilometer length-meter length-centimeter length-mile length-yard length-foot "
WEIGHTS = "mass-kilogram mass-gram mass-tonne mass-pound mass-ounce "
VOLUMES = "volume-liter volume-milliliter volume-gallon volume-pint volume-cup volume-teaspoon "
DEGREES = "temperature-celsius temperature-fahrenheit "
SPEEDS = "speed-kilometer-per-hour speed-meter-per-second speed-mile-per-hour speed-knot "
HALVED = TIMES + LENGTHS + WEIGHTS + VOLUMES
UNITS = (
    HALVED + DEGREES + SPEEDS + "area-hectare area-acre area-square-meter area-square-kilometer "
    "area-square-mile volume-cubic-meter volume-barrel volume-tablespoon length-millimeter "
    "length-inch length-nautical-mile length-light-year mass-milligram duration-decade "
    "digital-megabyte digital-gigabyte energy-kilocalorie energy-joule power-kilowatt "
    "power-horsepower electric-volt electric-ampere frequency-megahertz pressure-atmosphere "
    "pressure-hectopascal graphics-pixel angle-degree concentr-permillion"
)
COINS = "EUR USD GBP MXN CAD AUD "  # num2words names their hundredths in both languages
CURRENCIES = COINS + ("JPY CHF SEK INR BRL ARS COP CLP PEN CNY RUB PLN KRW TRY EGP UYU DKK NOK CZK")

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


class SpanishPhrases(Dataset):
    """12,000 Spanish phrases in words and their English, from the formats and names of CLDR.

    The languages order weekday, day, month and year, noun and adjective, number and half
    differently, and only Spanish agrees in gender: for each word a model has to find the place it
    comes from. A phrase has one translation; phrases that share their translation are a group.
    """

    modality = "text"
    origin = (
        f"templates over CLDR {get_cldr_version()} (babel {version('babel')}: formats of dates and "
        f"lists, units, currencies, relative times) and num2words {version('num2words')} (numerals)"
    )
    licence = "Unicode-3.0 (CLDR), BSD-3-Clause (babel), LGPL-2.1-or-later (num2words)"

    def write(self, raw: Path) -> None:
        """Write ``examples.csv`` with the columns ``id,text,target,split,group``."""
        rng = np.random.default_rng(0)
        translations: dict[str, str] = {}
        for pair in phrases(rng):
            if len(pair.es.split()) <= LONGEST:
                translations.setdefault(pair.es, pair.en)
            if len(translations) == sum(SIZES.values()):
                break
        groups: dict[str, list[int]] = defaultdict(list)  # rows by their translation
        for row, target in enumerate(translations.values()):
            groups[target].append(row)
        splits = _divide(list(groups.values()), rng)
        with (raw / "examples.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "text", "target", "split", "group"])
            for row, (text, target) in enumerate(translations.items()):
                writer.writerow([row, text, target, splits[row], groups[target][0]])


def _divide(groups: list[list[int]], rng: Rng) -> dict[int, str]:
    """Draw the split of every row, whole groups at a time; each split gets exactly its size."""
    room = dict(SIZES)
    splits: dict[int, str] = {}
    for index in rng.permutation(len(groups)):
        rows = groups[index]
        split = next(name for name in room if room[name] >= len(rows))
        room[split] -= len(rows)
        splits.update(dict.fromkeys(rows, split))
    return splits


def phrases(rng: Rng) -> Iterator[Pair]:
    """Draw phrases without end, each template as often as any other; short ones come again."""
    templates = [Pair(f"{{{slot}}}", f"{{{slot}}}") for slot in ALONE.split()]
    templates += [Pair(*line.split(" = ")) for line in TEMPLATES.splitlines()]
    while True:
        template = _pick(rng, templates)
        names = [name for _, name, _, _ in Formatter().parse(template.es) if name]
        yield fill(template, {name: DRAW[name.rstrip("12")](rng) for name in names})


def fill(template: Pair, slots: Mapping[str, Pair]) -> Pair:
    """Put pairs into the slots of a template; "de el" and "a el" become one word."""
    es = template.es.format_map({name: pair.es for name, pair in slots.items()})
    en = template.en.format_map({name: pair.en for name, pair in slots.items()})
    return Pair(re.sub(r"\b(de|a) el\b", r"\1l", es), en)


# --- numerals


@cache
def spanish(number: int, gender: str = "") -> str:
    """Spell a number; `gender` "m" or "f" agrees with the noun that follows, "" is for none.

    num2words knows no agreement with a noun, and says "veintiuno mil" for "veintiún mil".
    """
    words = str(num2words(number, lang="es")).replace("veintiuno mil", "veintiún mil")
    words = words.replace(" uno mil", " un mil")
    if gender == "m":
        words = re.sub(r"\buno$", "un", re.sub(r"veintiuno$", "veintiún", words))
    if gender == "f":  # as far as the millions, which are masculine themselves
        start = words.rfind("mill") + 1
        words = words[:start] + re.sub(r"uno$", "una", words[start:].replace("ientos", "ientas"))
    return words


@cache
def english(number: int) -> str:
    """Spell a number, without the commas that num2words sets between thousands."""
    return str(num2words(number, lang="en")).replace(",", "")


def cardinal(number: int) -> Pair:
    """Spell a number that stands alone."""
    return Pair(spanish(number), english(number))


@cache
def year(number: int) -> Pair:
    """Spell a year, a number in Spanish, by the century in English."""
    return Pair(spanish(number), str(num2words(number, lang="en", to="year")))


@cache
def ordinal(number: int, gender: str = "") -> Pair:
    """Spell an ordinal from 1 to 99; `gender` "m" or "f" agrees with the noun that follows.

    num2words mixes the ways to write 11 to 19 (décimoprimero, décimo tercero) and misspells 40.
    """
    es = str(num2words(number, lang="es", to="ordinal")).replace("quadra", "cuadra")
    es = {11: "undécimo", 12: "duodécimo", 18: "decimoctavo"}.get(number, es)
    es = es.replace("décimo ", "decimo") if number < 20 else es
    if gender == "m":
        es = re.sub(r"(primer|tercer)o$", r"\1", es)
    if gender == "f":
        es = re.sub(r"o\b", "a", es)
    return Pair(es, str(num2words(number, lang="en", to="ordinal")))


def decimal(whole: int, fraction: str) -> Pair:
    """Spell a decimal; Spanish reads what follows the comma as a number, English by digits."""
    zeros = ["cero"] * (len(fraction) - len(fraction.lstrip("0")))
    es = " ".join([spanish(whole), "coma", *zeros, spanish(int(fraction))])
    return Pair(es, " ".join([english(whole), "point", *(english(int(d)) for d in fraction)]))


def share(part: int, parts: int) -> Pair:
    """Spell a fraction of thirds to tenths."""
    es = "tercio" if parts == 3 else ordinal(parts).es
    en = "quarter" if parts == 4 else ordinal(parts).en
    s = "s" if part > 1 else ""
    return Pair(f"{spanish(part, 'm')} {es}{s}", f"{english(part)} {en}{s}")


# --- what is counted


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


# --- dates and times


def _name(kind: str, number: int) -> Pair:
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
    weekday, month = _name("days", day.weekday()), _name("months", day.month)
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


# --- what is drawn


def _pick(rng: Rng, items: Sequence[Item]) -> Item:
    return items[int(rng.integers(len(items)))]


def _count(rng: Rng, top: int, low: int = 1) -> int:
    """Draw a number from `low` to below `top`, each order of magnitude alike; half are round."""
    number = int(low * (top / low) ** rng.random())
    step = 10 ** max(0, len(str(number)) - 2)
    return number // step * step if rng.random() < 0.5 else number


def _word(rng: Rng, kind: str) -> Pair:
    es, en = _pick(rng, WORDS[kind].split(", ")).split("=")
    return Pair(es, en)


def _quantity(rng: Rng, names: str = UNITS, top: int = 5_000, low: int = 1) -> Pair:
    return quantity(_count(rng, top, low), _pick(rng, names.split()))


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
    hour, step = int(rng.integers(first, last + 1)) % 24, _pick(rng, (60, 60, 30, 15, 5, 5, 1))
    minute = int(rng.integers(60 // step)) * step if hour else 0
    return clock(time(hour, minute), period=rng.random() < 0.7)


def _now(rng: Rng) -> Pair:
    es, en = _clock(rng, *_pick(rng, ((1, 11), (13, 23))))  # neither noon nor midnight
    return Pair(f"{'es' if es.startswith('la ') else 'son'} {es}", f"it is {en}")


def _span(rng: Rng) -> Pair:
    start = int(rng.integers(6, 19))
    since, until = _clock(rng, start, start), _clock(rng, start + 1, min(start + 10, 24))
    return Pair(f"desde {since.es} hasta {until.es}", f"from {since.en} until {until.en}")


def _duration(rng: Rng, kinds: Sequence[str]) -> Pair:
    """Draw a time in the units of one of `kinds`, or of one unit, with or without a half."""
    names = [f"duration-{name}" for name in _pick(rng, kinds).split()]
    if len(names) == 1:
        draw = _quantity if rng.random() < 0.6 else _half
        return draw(rng, names[0], 60)
    tops = [12 if name == "duration-month" else 24 for name in names]
    return enumeration([_quantity(rng, n, top) for n, top in zip(names, tops, strict=True)])


def _half(rng: Rng, names: str = HALVED, top: int = 40) -> Pair:
    return and_half(_count(rng, top) - 1, _pick(rng, names.split()))


def _relative(rng: Rng) -> Pair:
    number, name, past = _count(rng, 300), _pick(rng, get_args(Span)), rng.random() < 0.6
    es, en = relative(number, name, past)
    if past and rng.random() < 0.3:
        es = f"{es.removeprefix('hace ')} atrás"
    return Pair(es, en)


def _next(rng: Rng) -> Pair:
    name = _pick(rng, TIMES.split())
    es, en = quantity(_count(rng, 100, low=2), name)
    s = "as" if unit_gender(name) == "f" else "os"
    stem, which = _pick(rng, (("próxim", "next"), ("últim", "last"), ("primer", "first")))
    return Pair(f"l{s} {stem}{s} {es}", f"{which} {en}")


def _share(rng: Rng) -> Pair:
    parts = int(rng.integers(3, 11))
    return share(int(rng.integers(1, parts)), parts)


def _measured(rng: Rng) -> Pair:
    whole, fraction = int(rng.integers(60)), int(rng.integers(2, 100))
    if 1 in (whole % 10, fraction % 10):  # whether "veintiuna coma" is right is disputed
        return _measured(rng)
    number, unit = decimal(whole, f"{fraction:02d}".rstrip("0")), noun(_pick(rng, UNITS.split()))
    return Pair(f"{number.es} {unit.es}", f"{number.en} {unit.en}")


def _range(rng: Rng, names: str, es: str, en: str) -> Pair:
    """Draw two numbers of a unit; the first is apart from the noun, so it keeps its o."""
    low, name = _count(rng, 200), _pick(rng, names.split())
    high = quantity(low + _count(rng, 100), name)
    number = spanish(low, "f" if unit_gender(name) == "f" else "")
    return Pair(f"{number} {es} {high.es}", f"{english(low)} {en} {high.en}")


def _or(rng: Rng) -> Pair:
    number, name = int(rng.integers(2, 20)), _pick(rng, UNITS.split())
    return enumeration([cardinal(number), quantity(number + 1, name)], "or")


def _about(rng: Rng) -> Pair:
    name = _pick(rng, UNITS.split())
    es, en = quantity(_count(rng, 300, low=2), name)
    return Pair(f"{'unas' if unit_gender(name) == 'f' else 'unos'} {es}", en)


def _price(rng: Rng) -> Pair:
    return amount(_count(rng, 3_000), _pick(rng, COINS.split()), int(rng.integers(1, 100)))


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
    "weekday": lambda rng: _name("days", int(rng.integers(7))),
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
    "millions": lambda rng: quantity(10**6 * _count(rng, 500), _pick(rng, CURRENCIES.split())),
    "price": _price,
    **{kind: partial(_word, kind=kind) for kind in WORDS},
    **{form: partial(_drawn, partial(calendar, form)) for form in DATES},
    **{f"el_{form}": partial(_drawn, partial(the, form)) for form in DATES},
}
