"""Times that stand in several columns: a date and a clock, or the year, the month and on."""

from __future__ import annotations

import re
from collections.abc import Sequence

from seqarena.proposal.columns import YEARS, Column

CLOCK = re.compile(r"\d{1,2}[:.]\d{2}([:.]\d{2})?")
DATE = re.compile(r"[^:]+")  # and no hour
HOUR = (("hour", "hr"), range(24))
PARTS = (  # their names, and what they may be, from the largest on
    (("year", "yr", "yyyy"), YEARS),
    (("month", "mnth", "mon", "mm"), range(1, 13)),
    (("day", "dd"), range(1, 32)),
    HOUR,
    (("minute", "min"), range(60)),
    (("second", "sec"), range(60)),
)
FEWEST = 2  # a year alone is a time as it stands


def parts_of_time(columns: Sequence[Column]) -> tuple[str, ...]:
    """Return the columns that say the time only together, in order; none where one says it."""
    times = [column for column in columns if column.kind == "time"]
    if not times:
        parts = list[str]()
        for names, values in PARTS:
            if (found := _called(columns, names, values)) is None:
                break
            parts.append(found.name)
        return tuple(parts) if len(parts) >= FEWEST else ()
    dates = [column for column in times if column.repeated and _all(DATE, column)]
    clocks = [column for column in columns if _all(CLOCK, column)]
    clocks = clocks or [hour for hour in [_called(columns, *HOUR)] if hour]
    return (dates[0].name, clocks[0].name) if len(dates) == len(clocks) == 1 else ()


def _called(columns: Sequence[Column], names: Sequence[str], values: range) -> Column | None:
    """Return the column of one of these names, if it holds nothing but these numbers."""
    for column in columns:
        if column.name.lower() in names and not column.missing:
            whole = all(value.isdecimal() and int(value) in values for value in column.values)
            return column if whole else None
    return None


def _all(pattern: re.Pattern[str], column: Column) -> bool:
    return bool(column.values) and all(map(pattern.fullmatch, column.values))
