"""A table of time stamps and numbers to a regular grid of steps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from seqarena.data.grids import Step, index_of, snapped, step_of, times_of
from seqarena.data.store import Array
from seqarena.data.tables import ROW, beside, read_records
from seqarena.errors import InputError

MISSING = {"", "na", "nan", "null", "none"}
OFFSET = re.compile(r":\d\d.*(Z|[+-]\d\d(:?\d\d)?)$", re.IGNORECASE)
SPARSEST = 10  # steps of the grid per row; a grid emptier than that comes from a wrong time stamp


@dataclass(frozen=True)
class Timeline:
    """Columns over a regular grid: short gaps interpolated, NaN where a longer gap is left."""

    times: pd.DatetimeIndex  # (S,)
    step: Step
    values: Array  # (S, C)
    observed: Array  # (S,) bool: every column was there before interpolation

    @property
    def complete(self) -> Array:
        """Tell the steps at which no value is missing, ``(S,)``."""
        return np.asarray(np.isfinite(self.values).all(axis=1))


@dataclass(frozen=True)
class Clock:
    """What the time stamps of a table mean."""

    timezone: str | None = None  # of times without an offset, where their step is below a day
    tolerance: float = 0.0  # seconds that a row may lie beside the grid


def read_timeline(
    path: Path,
    time: str,
    columns: tuple[str, ...],
    max_gap: int,
    step: Step | None = None,
    clock: Clock = Clock(),  # frozen
) -> Timeline:
    """Read the columns of a CSV or TSV in the order of time, on the grid of the most common step.

    That may be a step of the calendar, see `step_of`. Times are ISO 8601; those with an offset, or
    of the clock's time zone, become UTC. Rows may be out of order or repeated; a run of at most
    `max_gap` missing steps is interpolated. Raises `InputError` naming the line of a bad cell, of
    two different rows at one time, or of a time off the grid.
    """
    rows = [
        (row.place, row.cells[time], [row.cells[column] for column in columns])
        for row in read_records(path, (time, *columns))
    ]
    if len(rows) < 2:
        raise InputError(f"{path}: {len(rows)} rows; a series needs two at least")
    places = np.array([place for place, _, _ in rows], object)
    ticks = _ticks(time, places, [cell for _, cell, _ in rows], clock)
    values = np.stack(
        [_numbers(c, places, [r[i] for _, _, r in rows]) for i, c in enumerate(columns)], axis=1
    )
    order = np.argsort(ticks, kind="stable")
    places, ticks, values = _once(places[order], ticks[order], values[order])
    if len(ticks) < 2:
        raise InputError(f"{path}: every row has the same time")
    grid = step or step_of(ticks)
    index = _on_grid(places, ticks, grid)
    spread = np.full((int(index[-1]) + 1, len(columns)), np.nan)
    spread[index] = values
    ends = bool(pd.to_datetime(ticks, unit="us").is_month_end.all())
    times = times_of(int(ticks[0]), len(spread), grid, ends)
    observed = np.isfinite(spread).all(axis=1)
    filled = np.stack([_fill(column, max_gap) for column in spread.T], axis=1)
    return Timeline(times, grid, filled, observed)


def _ticks(name: str, places: Array, cells: list[str], clock: Clock) -> Array:
    """Parse time stamps to microseconds since 1970."""
    times = pd.to_datetime(pd.Series(cells), format="ISO8601", utc=True, errors="coerce")
    _refuse(name, places, cells, times.isna().to_numpy(), "a time such as 2019-08-31 22:00")
    times = times.dt.tz_localize(None)
    if clock.timezone is not None and times.diff().abs().median() < pd.Timedelta(days=1):
        times = _from_local(name, places, cells, times, clock.timezone)
    ticks = times.to_numpy("datetime64[us]").astype(np.int64)
    return snapped(ticks, clock.tolerance) if clock.tolerance else ticks


def _from_local(
    name: str, places: Array, cells: list[str], times: pd.Series[pd.Timestamp], timezone: str
) -> pd.Series[pd.Timestamp]:
    """Turn the times of a wall clock to UTC; an hour that it shows twice is told by the order."""
    offsets = np.array([bool(OFFSET.search(cell)) for cell in cells])
    _refuse(name, places, cells, offsets, f"a time without an offset, since it is of {timezone}")
    try:
        local = times.dt.tz_localize(timezone, ambiguous="infer", nonexistent="NaT")
    except ValueError as error:
        fix = "expected both hours in the order of time, or offsets"
        where = f"{ROW.sub('', places[0]).rstrip()}: column '{name}'"
        raise InputError(f"{where}: when summer ends in {timezone}: {fix}") from error
    _refuse(name, places, cells, local.isna().to_numpy(), f"a time that clocks show in {timezone}")
    return local.dt.tz_convert("UTC").dt.tz_localize(None)


def _numbers(name: str, places: Array, cells: list[str]) -> Array:
    numbers = pd.to_numeric(pd.Series(cells), errors="coerce").to_numpy(np.float64)
    bad = ~np.isfinite(numbers) & np.array([cell.lower() not in MISSING for cell in cells])
    _refuse(name, places, cells, bad, "a number")
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _refuse(name: str, places: Array, cells: list[str], bad: Array, expected: str) -> None:
    if bad.any():
        first = int(bad.argmax())
        found = f"expected {expected}, found '{cells[first]}'"
        raise InputError(f"{places[first]}: column '{name}': {found}")


def _once(places: Array, ticks: Array, values: Array) -> tuple[Array, Array, Array]:
    """Drop repeated rows; two different rows at one time are refused."""
    repeated = np.flatnonzero(np.diff(ticks) == 0) + 1
    for i in repeated:
        if not np.array_equal(values[i - 1], values[i], equal_nan=True):
            first = beside(places[i], places[i - 1])
            raise InputError(
                f"{places[i]}: the same time as {first} with other values; "
                "expected one row per time (local times repeat when summer ends: `timezone:`)"
            )
    return tuple(np.delete(array, repeated, axis=0) for array in (places, ticks, values))  # type: ignore[return-value]


def _on_grid(places: Array, ticks: Array, step: Step) -> Array:
    """Number the step of each row, counted from the first."""
    index, off = index_of(ticks, step)
    grid = f"the grid of a {step}" if isinstance(step, str) else f"the grid of {step:g} s"
    if off.any():
        first = int(off.argmax())
        raise InputError(
            f"{places[first]}: {ticks[first].astype('datetime64[us]')} is not on {grid} "
            f"that starts in {beside(places[first], places[0])}"
        )
    widest = int(np.diff(index).argmax()) if len(index) > 1 else 0
    if index[-1] > SPARSEST * len(index):
        raise InputError(
            f"{places[widest]}: nine in ten steps of {grid} are missing, the most before "
            f"{beside(places[widest], places[widest + 1])}; is a time wrong?"
        )
    return np.asarray(index)


def _fill(column: Array, max_gap: int) -> Array:
    """Interpolate the runs of at most `max_gap` missing values that lie between two others."""
    known = np.flatnonzero(np.isfinite(column))
    filled = column.copy()
    for left in np.flatnonzero(np.diff(known) > 1):
        begin, end = known[left], known[left + 1]
        if end - begin - 1 <= max_gap:
            inside = np.arange(begin + 1, end)
            filled[inside] = np.interp(inside, [begin, end], column[[begin, end]])
    return filled
