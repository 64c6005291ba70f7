"""A table of time stamps and numbers to a regular grid of steps, one or one of each series."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from seqarena.data.grids import ANY_TIME, Step, common_step, index_of, snapped, times_of
from seqarena.data.moments import ISO, example, hint, moments
from seqarena.data.store import Array
from seqarena.data.tables import ROW, beside, read_records
from seqarena.errors import InputError

MISSING = {"", "na", "n/a", "#n/a", "nan", "null", "none", "?", "-"}  # in small letters
OFFSET = re.compile(r":\d\d.*(Z|[+-]\d\d(:?\d\d)?)$", re.IGNORECASE)
ASKED = ""  # in place of a static column: which of several targets a series is of
SPARSEST = 10  # steps of the grid per row; a grid emptier than that comes from a wrong time stamp


@dataclass(frozen=True)
class Timeline:
    """Columns over a regular grid: short gaps interpolated, NaN where a longer gap is left."""

    times: pd.DatetimeIndex  # (S,)
    step: Step
    values: Array  # (S, C)
    observed: Array  # (S,) bool: every column was there before interpolation
    static: tuple[str, ...] = ()  # cells of the columns that are the same all along

    @property
    def complete(self) -> Array:
        """Tell the steps at which no value is missing, ``(S,)``."""
        return np.asarray(np.isfinite(self.values).all(axis=1))

    @property
    def with_targets(self) -> Timeline:
        """The steps up to the last that has a target, the first column; all where none has."""
        there = np.flatnonzero(np.isfinite(self.values[:, 0]))
        kept = slice(there[-1] + 1 if len(there) else None)
        steps = {name: getattr(self, name)[kept] for name in ("times", "values", "observed")}
        return replace(self, **steps)


@dataclass(frozen=True)
class Columns:
    """Which columns of a table make a series, or several of them in one long table."""

    time: str
    values: tuple[str, ...]
    series: str | None = None  # names the series that a row is of; there is one where it is None
    static: tuple[str, ...] = ()  # of a series, the same all along


@dataclass(frozen=True)
class Rows:
    """The rows of one series in the order of time, as they were read."""

    places: Array  # (N,)
    ticks: Array  # (N,) microseconds since 1970
    values: Array  # (N, C)
    static: tuple[str, ...]


@dataclass(frozen=True)
class Clock:
    """What the time stamps of a table mean."""

    timezone: str | None = None  # of times without an offset, where their step is below a day
    tolerance: float = 0.0  # seconds that a row may lie beside the grid
    form: str = ISO  # in which they are written, see data/moments.py


def read_timelines(
    path: Path,
    columns: Columns,
    max_gap: int,
    step: Step | None = None,
    clock: Clock = Clock(),  # frozen
) -> dict[str, Timeline]:
    """Read the series of a CSV or TSV by name, in the order of time, on grids of one common step.

    That may be a step of the calendar, see `common_step`; of a `step` that is `ANY_TIME` there is
    no grid, and nothing is interpolated. Times are ISO 8601; those with an offset, or of the
    clock's time zone, become UTC. Rows may be out of order or repeated; a run of at most `max_gap`
    missing steps is interpolated. A single series has the name "". Raises `InputError`
    naming the line of a bad cell, of two different rows at one time, or of a time off the grid.
    """
    read = _read(path, columns)
    total = sum(map(len, read.values()))
    if total < 2:
        raise InputError(f"{path}: {total} rows; a series needs two at least")
    found = {name: _rows(read[name], columns, clock) for name in sorted(read)}
    if all(len(rows.ticks) < 2 for rows in found.values()):
        of = f"of one {columns.series} " if columns.series else ""
        raise InputError(f"{path}: every row {of}has the same time")
    grid = step or common_step([rows.ticks for rows in found.values()])
    return {name: _timeline(rows, grid, max_gap) for name, rows in found.items()}


def by_target(timelines: Mapping[str, Timeline], targets: Sequence[str]) -> dict[str, Timeline]:
    """Make a series of each target of each series, in which it is the first column.

    The other targets follow it, then all else. So each is forecast from the history of all, has a
    scale and a score of its own, and all that forecasts one series forecasts several targets. Which
    of them is asked is static. A single target leaves everything as it is.
    """
    if len(targets) == 1:
        return dict(timelines)
    found = {}
    for name, timeline in timelines.items():
        for place, target in enumerate(targets):
            rest = [column for column in range(timeline.values.shape[1]) if column != place]
            values, static = timeline.values[:, [place, *rest]], (*timeline.static, target)
            found[f"{name} {target}".strip()] = replace(timeline, values=values, static=static)
    return found


def read_timeline(
    path: Path,
    time: str,
    columns: tuple[str, ...],
    max_gap: int,
    step: Step | None = None,
    clock: Clock = Clock(),  # frozen
) -> Timeline:
    """Read a table that holds one series; see `read_timelines`."""
    return read_timelines(path, Columns(time, columns), max_gap, step, clock)[""]


def _read(path: Path, columns: Columns) -> dict[str, list[tuple[str, ...]]]:
    """Read the rows of each series: where each stands, and its cells that are asked for."""
    wanted = (columns.time, *columns.values, *columns.static)
    by = columns.series
    found: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for row in read_records(path, wanted if by is None else (*wanted, by)):
        name = "" if by is None else row.cells[by]
        if by is not None and not name:
            raise InputError(f"{row.place}: the cell '{by}' is empty; expected a name")
        found[name].append((row.place, *(row.cells[column] for column in wanted)))
    return found


def _rows(rows: Sequence[tuple[str, ...]], columns: Columns, clock: Clock) -> Rows:
    """Parse the rows of one series, and put them in the order of time."""
    where, times, *cells = map(list, zip(*rows, strict=True))
    places = np.array(where, object)
    numbers, static = cells[: len(columns.values)], cells[len(columns.values) :]
    ticks = _ticks(columns.time, places, times, clock)
    parsed = [_numbers(n, places, found) for n, found in zip(columns.values, numbers, strict=True)]
    order = np.argsort(ticks, kind="stable")
    constant = [_constant(n, where, found) for n, found in zip(columns.static, static, strict=True)]
    values = np.stack(parsed, axis=1)[order]
    return Rows(*_once(places[order], ticks[order], values), tuple(constant))


def _constant(name: str, places: list[str], cells: list[str]) -> str:
    """Return the cell of a column that is the same in all rows of a series."""
    for place, cell in zip(places, cells, strict=True):
        if not cell:
            raise InputError(f"{place}: the cell '{name}' is empty; it is `static`")
        if cell != cells[0]:
            first = f"but '{cells[0]}' in {beside(place, places[0])}"
            raise InputError(f"{place}: column '{name}': '{cell}', {first}; it is `static`")
    return cells[0]


def _timeline(rows: Rows, step: Step, max_gap: int) -> Timeline:
    """Spread the rows of one series over its grid, or keep them as they follow one another."""
    if step == ANY_TIME:
        times = pd.DatetimeIndex(pd.to_datetime(rows.ticks, unit="us"))
        there = np.asarray(np.isfinite(rows.values).all(axis=1))
        return Timeline(times, step, rows.values, there, rows.static)
    index = _on_grid(rows.places, rows.ticks, step)
    spread = np.full((int(index[-1]) + 1, rows.values.shape[1]), np.nan)
    spread[index] = rows.values
    ends = bool(pd.to_datetime(rows.ticks, unit="us").is_month_end.all())
    times = times_of(int(rows.ticks[0]), len(spread), step, ends)
    observed = np.isfinite(spread).all(axis=1)
    filled = np.stack([_fill(column, max_gap) for column in spread.T], axis=1)
    return Timeline(times, step, filled, observed, rows.static)


def _ticks(name: str, places: Array, cells: list[str], clock: Clock) -> Array:
    """Parse time stamps to microseconds since 1970."""
    times = moments(cells, clock.form)
    bad = times.isna().to_numpy()
    fix = hint([cells[int(bad.argmax())]]) if bad.any() else ""
    _refuse(name, places, cells, bad, f"a time such as {example(clock.form)}", fix)
    times = times.dt.tz_localize(None)
    if clock.timezone is not None and times.diff().abs().median() < pd.Timedelta(days=1):
        times = _from_local(name, places, cells, times, clock.timezone)
    ticks = times.to_numpy("datetime64[us]").astype(np.int64)
    return snapped(ticks, clock.tolerance) if clock.tolerance and len(ticks) > 1 else ticks


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


def _refuse(
    name: str, places: Array, cells: list[str], bad: Array, expected: str, fix: str = ""
) -> None:
    if bad.any():
        first = int(bad.argmax())
        found = f"expected {expected}, found '{cells[first]}'{fix}"
        raise InputError(f"{places[first]}: column '{name}': {found}")


def _once(places: Array, ticks: Array, values: Array) -> tuple[Array, Array, Array]:
    """Drop repeated rows; two different rows at one time are refused."""
    repeated = np.flatnonzero(np.diff(ticks) == 0) + 1
    for i in repeated:
        if not np.array_equal(values[i - 1], values[i], equal_nan=True):
            first = beside(places[i], places[i - 1])
            raise InputError(
                f"{places[i]}: the same time as {first} with other values; "
                "expected one row per time (`series:` names what tells several series apart; "
                "local times repeat when summer ends: `timezone:`)"
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
