"""The steps from one row of a series to the next: of so many seconds, or of a calendar."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from seqarena.data.store import Array

Step = float | str  # seconds, a step of the calendar, or `ANY_TIME`
ANY_TIME = "row"  # rows follow one another at any times: there is no grid
DAY = 86_400.0  # seconds
BUSINESS_DAY = "business day"  # Monday to Friday
MONTHS = {"month": 1, "quarter": 3, "year": 12}  # in a step
SHORTEST_MONTH = 27 * DAY  # a step as long as that may be one of the calendar
FEWEST_DAYS = 10  # two weeks without a weekend
MICRO = 1_000_000
# Steps that clocks are set to, in seconds: what jitters is meant to be one of them.
ROUND = (
    1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10_800, 14_400,
    21_600, 43_200, 86_400, 604_800,
)  # fmt: skip


def seconds_of(step: Step) -> float:
    """Return how long a step is, in the mean."""
    if step == BUSINESS_DAY:
        return DAY
    return MONTHS[step] * 365.2425 / 12 * DAY if isinstance(step, str) else step


def step_of(ticks: Array) -> Step:
    """Return the step of a series, from its times in order, microseconds ``(N,)``.

    The most common one; a step of the calendar where every row lies on it.
    """
    steps, counts = np.unique(np.diff(ticks), return_counts=True)
    step = float(steps[counts.argmax()] / MICRO)
    times = _times(ticks)
    if step == DAY and len(ticks) >= FEWEST_DAYS and (times.day_of_week < 5).all():
        return BUSINESS_DAY
    if step >= SHORTEST_MONTH:
        for name in MONTHS:
            if (np.diff(ticks) % (step * MICRO)).any() and _is_of_calendar(times, name):
                return name
    return step


def common_step(series: Sequence[Array]) -> Step:
    """Return the step of several series, each by its times in order, see `step_of`.

    Of the steps that series have that on which every row of all of them lies; the one of most rows
    where there are several such steps, or none. Raises `ValueError` where no series has two rows.
    """
    found = Counter[Step]()
    for ticks in series:
        if len(ticks) > 1:
            found[step_of(ticks)] += len(ticks)
    if not found:
        raise ValueError("a step needs two rows of a series")
    steps = [step for step, _ in found.most_common()]
    fitting = (s for s in steps if not any(index_of(ticks, s)[1].any() for ticks in series))
    return next(fitting, steps[0])


def snapped(ticks: Array, tolerance: float) -> Array:
    """Move times to the grid of a round step that they jitter about by at most `tolerance` seconds.

    Times ``(N,)`` in microseconds; what lies further off, or about no such grid, stays as it is.
    """
    margin = round(tolerance * MICRO)
    usual = float(np.median(np.diff(np.sort(ticks))))
    step = next((s * MICRO for s in ROUND if abs(s * MICRO - usual) <= margin), None)
    if step is None:
        return ticks
    beside = (ticks - ticks[0] + step // 2) % step - step // 2
    origin = int(ticks[0]) + int(np.median(beside))
    if abs(origin - _nearest(origin, step)) <= margin:  # a full hour rather than a second after
        origin = _nearest(origin, step)
    nearest = origin + (2 * (ticks - origin) + step) // (2 * step) * step
    return np.where(np.abs(ticks - nearest) <= margin, nearest, ticks)


def _nearest(tick: int, step: int) -> int:
    return round(tick / step) * step


def _is_of_calendar(times: pd.DatetimeIndex, name: str) -> bool:
    """Tell whether all rows lie at the same place of a month, and most follow one another."""
    steps = np.diff(_months(times))
    alike = len(set(times.day)) == 1 or times.is_month_end.all()
    return bool(
        alike
        and len(set(times.time)) == 1
        and np.median(steps) == MONTHS[name]
        and not (steps % MONTHS[name]).any()
    )


def index_of(ticks: Array, step: Step) -> tuple[Array, Array]:
    """Number the step of each row, counted from the first, and tell which lie off the grid."""
    if not isinstance(step, str):
        index, beside = np.divmod(ticks - ticks[0], round(step * MICRO))
        return index, beside != 0
    times = _times(ticks)
    same_time = np.asarray(times.time == times.time[0])
    if step == BUSINESS_DAY:
        days = times.to_numpy("datetime64[D]")
        return np.busday_count(days[0], days), ~(same_time & np.is_busday(days))
    index, beside = np.divmod(_months(times) - _months(times)[0], MONTHS[step])
    alike = np.asarray((times.day == times.day[0]) | (times.is_month_end & times.is_month_end[0]))
    return index, (beside != 0) | ~same_time | ~alike


def times_of(first: int, count: int, step: Step, ends: bool = False) -> pd.DatetimeIndex:
    """List so many times from the first on; `ends`: of months, the last day of each."""
    steps = np.arange(count)
    if not isinstance(step, str):
        return _times(first + round(step * MICRO) * steps)
    start = _times(np.array([first]))
    clock = start[0] - start[0].normalize()
    if step == BUSINESS_DAY:
        days = np.busday_offset(start.to_numpy("datetime64[D]")[0], steps)
        return pd.DatetimeIndex(days.astype("datetime64[us]")) + clock
    months = start.to_numpy("datetime64[M]")[0] + MONTHS[step] * steps
    begins = months.astype("datetime64[D]")
    days = (months + 1).astype("datetime64[D]") - 1 if ends else begins + (start[0].day - 1)
    return pd.DatetimeIndex(days.astype("datetime64[us]")) + clock


def _times(ticks: Array) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(np.asarray(ticks, np.int64).view("datetime64[us]"))


def _months(times: pd.DatetimeIndex) -> Array:
    return np.asarray(12 * times.year + times.month)
