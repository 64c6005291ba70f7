"""Numbers in words: cardinals, years, ordinals, decimals and fractions."""

from __future__ import annotations

import re
from functools import cache

from num2words import num2words

from seqarena.datasets.spanish_phrases.pair import Pair


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
