"""What a model sees of each step of a series: scaled columns, what is known ahead, the calendar."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from seqarena.data import statics
from seqarena.data.grids import ANY_TIME, DAY, Step, seconds_of
from seqarena.data.scaling import Standard
from seqarena.data.store import Array
from seqarena.data.timeline import Timeline


def features_of(
    timeline: Timeline, encoding: dict[str, Any], standard: Standard, where: str
) -> Array:
    """Return the features of a series ``(S, D)`` float32, NaN where a gap is.

    In this order: the scaled target, covariates and known columns, what is known `ahead`, the time
    since the row before where there is no grid, the calendar, what is static. Raises `InputError`
    where a static cell is no number and must be.
    """
    scaled = standard(timeline.values)
    columns = [scaled]
    if encoding.get("known"):
        known = scaled[:, -len(encoding["known"]) :]
        columns += [ahead(known, steps) for steps in encoding["ahead"]]
    step = encoding["step"]
    if step == ANY_TIME:
        step = encoding["usual_gap"]
        columns.append(_gaps(timeline.times, step))
    if encoding["calendar"]:
        columns += _calendar(timeline.times, step, encoding.get("timezone"))
    static = statics.encoded(encoding.get("static", ()), timeline.static, where)
    columns.append(np.tile(static, (len(timeline.times), 1)))
    return np.concatenate(columns, axis=1).astype(np.float32)


def steps_ahead(lookback: int, horizon: int) -> list[int]:
    """List how many steps before a value stands, so that a window holds those of its horizon.

    One horizon before, the last H steps of a window stand for its H targets in their order: step
    ``t`` of ``T`` holds what is known of target ``t - (T - H)``. No step stands for what lies
    beyond. A lookback that is shorter than the horizon goes over it in several stretches.
    """
    return list(range(horizon, 0, -lookback))


def ahead(known: Array, steps: int) -> Array:
    """Return at each step the values ``(S, K)`` of so many steps on, NaN at the end."""
    moved = np.full_like(known, np.nan)
    moved[: max(0, len(known) - steps)] = known[steps:]
    return moved


def seconds_between(times: pd.DatetimeIndex) -> Array:
    """Return the seconds from each row to the next, ``(S - 1,)``."""
    return np.diff(times.to_numpy("datetime64[us]")) / np.timedelta64(1, "s")


def _gaps(times: pd.DatetimeIndex, usual: float) -> Array:
    """Return how much longer than usual it is since the row before, as a logarithm, ``(S, 1)``."""
    return np.log(np.concatenate([[usual], seconds_between(times)]) / usual)[:, None]


def _calendar(times: pd.DatetimeIndex, step: Step, timezone: str | None) -> list[Array]:
    """Return the places in the day, week and year that a step leaves open, ``(S, 2)`` each."""
    seconds_of_step = seconds_of(step)
    if timezone and seconds_of_step < DAY:
        times = times.tz_localize("UTC").tz_convert(timezone)  # people live by it
    seconds = times.hour * 3600 + times.minute * 60 + times.second
    turns = [seconds / DAY] if seconds_of_step < DAY else []
    turns += [times.day_of_week / 7] if seconds_of_step < 7 * DAY else []
    turns += [(times.month - 1) / 12] if step in ("month", "quarter") else []
    angles = (2 * np.pi * np.asarray(each) for each in turns)
    return [np.stack([np.sin(angle), np.cos(angle)], axis=1) for angle in angles]
