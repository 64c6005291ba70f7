from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, time
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from seqarena.datasets.spanish_phrases import SpanishPhrases
from seqarena.datasets.spanish_phrases.dates import calendar, clock, departure, the
from seqarena.datasets.spanish_phrases.draws import DRAW
from seqarena.datasets.spanish_phrases.lexicon import CURRENCIES, UNITS
from seqarena.datasets.spanish_phrases.numerals import (
    cardinal,
    decimal,
    ordinal,
    share,
    spanish,
)
from seqarena.datasets.spanish_phrases.pair import Pair
from seqarena.datasets.spanish_phrases.quantities import (
    amount,
    and_half,
    enumeration,
    noun,
    quantity,
    relative,
    unit_gender,
)
from seqarena.datasets.spanish_phrases.templates import fill, phrases
from seqarena.files import digest_of
from support import rows_of


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    raw = tmp_path_factory.mktemp("phrases")
    SpanishPhrases().write(raw)
    return raw


@pytest.fixture(scope="module")
def rows(written: Path) -> list[dict[str, str]]:
    return rows_of(written, "examples.csv")


def test_header_and_sizes(rows: list[dict[str, str]]) -> None:
    assert list(rows[0]) == ["id", "text", "target", "split", "group"]
    sizes = Counter(row["split"] for row in rows)
    assert sizes == {"train": 10_000, "valid": 1_000, "test": 1_000}
    assert len({row["id"] for row in rows}) == len(rows)


def test_two_writes_are_equal(written: Path, tmp_path: Path) -> None:
    SpanishPhrases().write(tmp_path)
    assert digest_of(tmp_path) == digest_of(written)


def test_each_phrase_once_and_no_translation_on_two_sides(rows: list[dict[str, str]]) -> None:
    assert len({row["text"] for row in rows}) == len(rows)
    sides, groups = defaultdict(set), defaultdict(set)
    for row in rows:
        sides[row["text"]].add(row["split"])
        sides[row["target"]].add(row["split"])
        groups[row["target"]].add(row["group"])
    assert all(len(found) == 1 for found in sides.values())
    assert all(len(found) == 1 for found in groups.values())
    assert len({row["group"] for row in rows}) == len(groups) < len(rows)  # some share one


def test_words_alone(rows: list[dict[str, str]]) -> None:
    """Lower-case words, single spaces and commas; Spanish has accents, English hyphens."""
    for row in rows:
        for column, extra in (("text", "áéíóúñ"), ("target", "-'")):
            phrase = row[column]
            assert set(phrase) <= set("abcdefghijklmnopqrstuvwxyz ," + extra), phrase
            assert phrase == " ".join(phrase.split()) == phrase.strip(" ,-")


@pytest.mark.parametrize("column", ["text", "target"])
def test_lengths_spread(rows: list[dict[str, str]], column: str) -> None:
    lengths = np.array([len(row[column].split()) for row in rows if row["split"] == "test"])
    assert lengths.min() == 1
    assert lengths.max() <= 35
    for low, high in ((1, 3), (4, 7), (8, 11), (12, 17), (18, 35)):
        assert ((lengths >= low) & (lengths <= high)).sum() >= 50


def test_one_translation_of_a_phrase() -> None:
    found: dict[str, str] = {}
    for pair in islice(phrases(np.random.default_rng(1)), 20_000):
        assert found.setdefault(pair.es, pair.en) == pair.en
        assert "{" not in pair.es + pair.en


@pytest.mark.parametrize("slot", DRAW)
def test_every_slot_can_be_drawn(slot: str) -> None:
    rng = np.random.default_rng(0)
    assert all(all(DRAW[slot](rng)) for _ in range(20))


def test_dates() -> None:
    monday, first = date(1984, 3, 5), date(2001, 5, 1)
    assert calendar("full", monday) == (
        "lunes, cinco de marzo de mil novecientos ochenta y cuatro",
        "monday, march fifth, nineteen eighty-four",
    )
    assert calendar("long", first) == (
        "primero de mayo de dos mil uno",
        "may first, two thousand and one",
    )
    assert calendar("my", date(1907, 8, 1)).en == "august nineteen oh-seven"
    assert the("weekdayed", monday) == ("el lunes cinco de marzo", "monday, march fifth")


@pytest.mark.parametrize(
    ("moment", "es", "en"),
    [
        (time(16, 30), "las cuatro y media de la tarde", "half past four in the afternoon"),
        (time(12, 45), "la una menos cuarto de la tarde", "a quarter to one in the afternoon"),
        (time(1), "la una de la madrugada", "one o'clock in the morning"),
        (time(19, 7), "las siete y siete de la tarde", "seven minutes past seven in the evening"),
        (time(23, 40), "las doce menos veinte de la noche", "twenty to twelve at night"),
        (time(9, 42), "las nueve y cuarenta y dos de la mañana", "nine forty-two in the morning"),
        (time(12), "el mediodía", "noon"),
    ],
)
def test_times(moment: time, es: str, en: str) -> None:
    assert clock(moment) == (es, en)


def test_timetables() -> None:
    assert departure(time(21, 13)) == ("las veintiuna trece", "twenty-one thirteen")
    assert departure(time(1, 40)) == ("la una cuarenta", "one forty")


@pytest.mark.parametrize(
    ("number", "alone", "masculine", "feminine"),
    [
        (1, "uno", "un", "una"),
        (21, "veintiuno", "veintiún", "veintiuna"),
        (31, "treinta y uno", "treinta y un", "treinta y una"),
        (21_000, "veintiún mil", "veintiún mil", "veintiún mil"),
        (500_200, *2 * ("quinientos mil doscientos",), "quinientas mil doscientas"),
        (101_001, "ciento un mil uno", "ciento un mil un", "ciento un mil una"),
    ],
)
def test_numbers_agree(number: int, alone: str, masculine: str, feminine: str) -> None:
    found = [spanish(number, gender) for gender in ("", "m", "f")]
    assert found == [alone, masculine, feminine]


def test_millions_are_masculine() -> None:
    assert quantity(200_000_200, "GBP") == (
        "doscientos millones doscientas libras esterlinas",
        "two hundred million two hundred british pounds",
    )
    assert quantity(10**6, "EUR").es == "un millón de euros"


@pytest.mark.parametrize(
    ("number", "gender", "es", "en"),
    [
        (3, "m", "tercer", "third"),
        (3, "", "tercero", "third"),
        (11, "f", "undécima", "eleventh"),
        (13, "m", "decimotercer", "thirteenth"),
        (18, "", "decimoctavo", "eighteenth"),
        (21, "f", "vigésima primera", "twenty-first"),
        (40, "", "cuadragésimo", "fortieth"),
    ],
)
def test_ordinals(number: int, gender: str, es: str, en: str) -> None:
    assert ordinal(number, gender) == (es, en)


def test_decimals_and_fractions() -> None:
    assert decimal(3, "14") == ("tres coma catorce", "three point one four")
    assert decimal(0, "05") == ("cero coma cero cinco", "zero point zero five")
    assert share(3, 4) == ("tres cuartos", "three quarters")
    assert share(1, 3) == ("un tercio", "one third")


def test_amounts() -> None:
    assert amount(1_200, "EUR", 50) == (
        "mil doscientos euros con cincuenta céntimos",
        "one thousand two hundred euros and fifty cents",
    )
    assert amount(231, "GBP", 1) == (
        "doscientas treinta y una libras esterlinas con un penique",
        "two hundred and thirty-one british pounds and one penny",
    )
    assert quantity(21, "EUR") == ("veintiún euros", "twenty-one euros")
    assert quantity(1, "SEK") == ("una corona sueca", "one swedish krona")


def test_measures() -> None:
    assert and_half(12, "length-kilometer") == (
        "doce kilómetros y medio",
        "twelve and a half kilometers",
    )
    assert and_half(1, "duration-hour") == ("una hora y media", "one and a half hours")
    assert and_half(0, "duration-hour") == ("media hora", "half an hour")
    assert quantity(1, "temperature-celsius") == ("un grado celsius", "one degree celsius")
    assert relative(21, "week", past=True) == ("hace veintiuna semanas", "twenty-one weeks ago")
    assert relative(1, "day", past=False) == ("dentro de un día", "in one day")


def test_lists_and_alternatives() -> None:
    hours, minutes = quantity(2, "duration-hour"), quantity(1, "duration-minute")
    assert enumeration([hours, minutes]) == ("dos horas y un minuto", "two hours and one minute")
    assert enumeration([cardinal(7), quantity(8, "duration-hour")], "or") == (
        "siete u ocho horas",
        "seven or eight hours",
    )


def test_articles_contract() -> None:
    slots = {"day": the("monthed", date(2000, 7, 8)), "time": clock(time(12))}
    assert fill(Pair("desde {time} a {time} de {day}", "{day}"), slots) == (
        "desde el mediodía al mediodía del ocho de julio",
        "july eighth",
    )


def test_genders() -> None:
    names = (*UNITS.split(), *CURRENCIES.split())
    feminine = {noun(name, one=True).es.split()[0] for name in names if unit_gender(name) == "f"}
    expected = (
        "hora semana milla yarda tonelada libra onza pinta taza cucharadita hectárea cucharada "
        "pulgada década kilocaloría atmósfera parte corona rupia lira"
    )
    assert feminine == set(expected.split())
