"""Time stamps as people write them, by a format of `time.strptime` or a name of one below."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

import pandas as pd

ISO = "ISO8601"  # 2019-08-31 22:00, 2019-08-31, 2019-08, with an offset or without
SINCE_1970: dict[str, Literal["s", "ms"]] = {"seconds": "s", "milliseconds": "ms"}
QUARTER = "quarter"  # 2019Q3, 2019-Q3, Q3 2019
QUARTERS = re.compile(
    r"(?P<year>\d{4})[ -]?Q(?P<number>[1-4])|Q(?P<before>[1-4])[ -]?(?P<after>\d{4})"
)
NAMED = (ISO, *SINCE_1970, QUARTER)
DATES = (
    "%Y-%m-%d",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%Y%m%d",
    "%d.%m.%y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%d %b %Y",
    "%d %B %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%b %Y",
    "%B %Y",
    "%m/%Y",
)
HOURS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", " %H.%M.%S", " %H")
IN_PARTS = ("%Y %m", "%Y %m %d", "%Y %m %d %H", "%Y %m %d %H %M", "%Y %m %d %H %M %S")
KNOWN = (ISO, QUARTER, *(date + hour for hour in HOURS for date in DATES), *IN_PARTS)
EXAMPLE = pd.Timestamp(2019, 8, 31, 22)
TRIED = 20  # cells by which a format is ruled out, before all are read


def moments(cells: Sequence[str], form: str = ISO) -> pd.Series[pd.Timestamp]:
    """Read time stamps that are written in one way, in UTC; `NaT` where one is not."""
    column = pd.Series(cells, dtype=object)
    if form in SINCE_1970:
        numbers = pd.to_numeric(column, errors="coerce")
        return pd.to_datetime(numbers, unit=SINCE_1970[form], utc=True, errors="coerce")
    if form == QUARTER:
        column, form = pd.Series([_month_of(cell) for cell in cells]), "%Y-%m"
    return pd.to_datetime(column, format=form, utc=True, errors="coerce")


def _month_of(quarter: str) -> str | None:
    """Return the first month of a quarter."""
    found = QUARTERS.fullmatch(quarter)
    if not found:
        return None
    year, number = found["year"] or found["after"], found["number"] or found["before"]
    return f"{year}-{3 * int(number) - 2:02d}"


def forms_of(cells: Sequence[str]) -> list[str]:
    """List the `KNOWN` ways in which all of some time stamps may be written; ISO is unambiguous."""
    found = [form for form in KNOWN if _fits(cells[:TRIED], form) and _fits(cells, form)]
    return found[:1] if ISO in found else found


def _fits(cells: Sequence[str], form: str) -> bool:
    return bool(len(cells)) and bool(moments(cells, form).notna().all())


def example(form: str) -> str:
    """Return a time stamp that is written so."""
    if form in SINCE_1970:
        return str(int(EXAMPLE.timestamp()) * (1 if form == "seconds" else 1000))
    named = {ISO: "%Y-%m-%d %H:%M", QUARTER: "2019Q3"}
    return EXAMPLE.strftime(named.get(form, form))


def check_form(form: str) -> str:
    """Return a way to write time stamps; raises `ValueError` where it is none."""
    if form in NAMED:
        return form
    try:
        known = bool((moments([example(form)], form).dt.year == EXAMPLE.year).all())
    except ValueError:
        known = False
    if not known:
        names = ", ".join(NAMED)
        raise ValueError(f"expected codes such as '%d.%m.%Y %H:%M', or one of {names}")
    return form


def hint(cells: Iterable[str]) -> str:
    """Say what reads time stamps that are in no ISO format, where it is known."""
    forms = forms_of(list(cells))
    told = " or ".join(f"`time_format: '{form}'`" for form in forms)
    return f"; {told} reads it" if told else ""
