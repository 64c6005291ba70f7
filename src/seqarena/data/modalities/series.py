"""Time series: one long table to windows that look back, with targets that lie ahead."""

from __future__ import annotations

import warnings
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import available_timezones

import numpy as np
import pandas as pd
from pydantic import Field, field_validator, model_validator

from seqarena.config import Strict
from seqarena.data.grids import BUSINESS_DAY, DAY, Step, seconds_of
from seqarena.data.modalities.base import Modality
from seqarena.data.store import SPLITS, Array, DataSpec, write_split
from seqarena.data.timeline import Clock, Timeline, read_timeline
from seqarena.errors import InputError, InputWarning, nearest

SERIES = "series.csv"
UNITS = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))
SYMBOLS = {
    "year": "y",
    "quarter": "q",
    "month": "mo",
    BUSINESS_DAY: "bd",
    "day": "d",
    "hour": "h",
    "minute": "min",
    "second": "s",
}

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0)]  # below 1 a fraction of the steps, else their number


class SeriesOptions(Strict):
    """The `prepare:` section of an experiment on a time series."""

    time: str  # column of ISO 8601 time stamps
    target: str  # column to forecast
    covariates: tuple[str, ...] = ()  # further columns to look back on
    lookback: Count = 168
    horizon: Count = 24
    season: Count = 24  # steps; the seasonal naive forecast that scales MASE
    stride: Count = 6  # steps between the origins of valid and of test; train has every origin
    calendar: bool = True  # hour of the day, day of the week, month: as sine and cosine
    max_gap: Annotated[int, Field(ge=0)] = 3  # missing steps in a row that are interpolated
    timezone: str | None = None  # of times without an offset, such as Europe/Madrid
    tolerance: Annotated[float, Field(ge=0)] = 0.0  # seconds that a row may lie beside its step
    valid: Share = 0.1
    test: Share = 0.1
    valid_from: datetime | None = None  # first target of valid; stands before `valid`
    test_from: datetime | None = None

    @field_validator("timezone")
    @classmethod
    def _known(cls, timezone: str | None) -> str | None:
        if timezone is not None and timezone not in available_timezones():
            raise ValueError(f"no such time zone; {nearest(timezone, available_timezones())}")
        return timezone

    @property
    def clock(self) -> Clock:
        """What its time stamps mean."""
        return Clock(self.timezone, self.tolerance)

    @model_validator(mode="after")
    def _sound(self) -> SeriesOptions:
        for name, share in (("valid", self.valid), ("test", self.test)):
            if share > 1 and share != int(share):
                raise ValueError(f"{name}: expected a fraction or a whole number, found {share}")
        columns = (self.time, self.target, *self.covariates)
        for column in columns:
            if columns.count(column) > 1:
                raise ValueError(f"column '{column}' is named twice")
        return self


class Series(Modality):
    """Windows of a regular series, split by time.

    A step is ``(D,)`` float32: feature 0 is the scaled target, then the scaled covariates, then
    the calendar. Targets are ``(H,)`` float32, scaled alike: ``unscaled = scaled * std + mean``
    of ``spec.target``, whose ``naive_mae`` scales MASE (Hyndman and Koehler, 2006). Means and
    deviations are those of train. The forecast origin, by which people know a window, is the time
    of its last step; the first target is one step after it.
    """

    Options = SeriesOptions

    def prepare(self, raw: Path, out: Path, options: Strict, seed: int) -> DataSpec:
        """Window ``series.csv``: train, then valid, then test, by the times of their targets.

        A window of valid or test may look back into the split before; its targets lie in its own.
        Windows that touch a gap longer than `max_gap` are left out.
        """
        assert isinstance(options, SeriesOptions)
        path = raw / SERIES
        columns = (options.target, *options.covariates)
        timeline = read_timeline(path, options.time, columns, options.max_gap, clock=options.clock)
        bounds = _bounds(path, options, timeline)
        encoding = _encoding(path, options, timeline, train_end=bounds[1])
        features = _features(timeline.values, timeline.times, encoding)
        sizes = {}
        for split, begin, end in zip(SPLITS, bounds[:-1], bounds[1:], strict=True):
            stride = 1 if split == "train" else options.stride
            origins = _origins(timeline, begin, end, stride, options, split != "train")
            if len(origins) == 0:
                needed = f"{options.lookback} + {options.horizon} steps without a long gap"
                raise InputError(f"{path}: no window of {needed} for {split} ({end - begin} steps)")
            _write(out / split, features, origins, timeline.times, options)
            sizes[split] = len(origins)
        target = {
            "mean": encoding["means"][0],
            "std": encoding["stds"][0],
            "naive_mae": _naive_mae(path, timeline.values[: bounds[1], 0], options.season),
        }
        step, step_size = _unit(timeline.step)
        return DataSpec(
            modality="series",
            feature_shape=features.shape[1:],
            max_length=options.lookback,
            step=step,
            step_size=step_size,
            horizon=options.horizon,
            target=target,
            options=encoding,
            sizes=sizes,
        )

    def read(self, source: str, spec: DataSpec) -> list[tuple[str, Array]]:
        """Read the last window of a table with the columns of training, named by its origin."""
        path, encoding = Path(source), spec.options
        columns = (encoding["target"], *encoding["covariates"])
        timeline = read_timeline(
            path,
            encoding["time"],
            columns,
            encoding["max_gap"],
            encoding["step"],
            Clock(encoding.get("timezone"), encoding.get("tolerance", 0.0)),
        )
        needed, found = encoding["lookback"], len(timeline.times)
        if found < needed:
            raise InputError(f"{path}: {found} steps; the forecast needs the last {needed}")
        gaps = np.flatnonzero(~timeline.complete[-needed:])
        if len(gaps):
            when = timeline.times[found - needed + gaps[0]].isoformat()
            raise InputError(f"{path}: a gap at {when}; the last {needed} steps must be there")
        filled = needed - int(timeline.observed[-needed:].sum())
        if filled:
            message = f"{filled} of the last {needed} steps were missing and are interpolated"
            warnings.warn(f"{path}: {message}", InputWarning, stacklevel=2)
        features = _features(timeline.values, timeline.times, encoding)[-needed:]
        return [(timeline.times[-1].isoformat(), features)]

    def step_labels(self, steps: Array, spec: DataSpec) -> list[str]:
        """Name each step by its distance to the first target: ``-168 h`` … ``-1 h``."""
        symbol = SYMBOLS[spec.step]
        return [f"-{ahead * spec.step_size:g} {symbol}" for ahead in range(len(steps), 0, -1)]


def _bounds(path: Path, options: SeriesOptions, timeline: Timeline) -> tuple[int, int, int, int]:
    """Return where train, valid and test begin, and where test ends, in steps."""
    times, total = timeline.times, len(timeline.times)
    test = _step_of(times, options.test_from, total - _steps(options.test, total))
    valid = _step_of(times, options.valid_from, test - _steps(options.valid, total))
    if not 0 < valid < test < total:
        span = f"{times[0].isoformat()} to {times[-1].isoformat()}"
        raise InputError(f"{path}: valid and test leave a split empty; {total} steps, {span}")
    return 0, valid, test, total


def _steps(share: float, total: int) -> int:
    return round(share * total) if share < 1 else int(share)


def _step_of(times: pd.DatetimeIndex, when: datetime | None, otherwise: int) -> int:
    if when is None:
        return otherwise
    return int(times.searchsorted(pd.to_datetime(when, utc=True).tz_localize(None)))


def _encoding(
    path: Path, options: SeriesOptions, timeline: Timeline, train_end: int
) -> dict[str, Any]:
    """Collect what encodes a new input the same way; the scales are learned from train alone."""
    train = timeline.values[:train_end]
    if not np.isfinite(train).any(axis=0).all():
        raise InputError(f"{path}: a column has no value in train")
    stds = np.nanstd(train, axis=0)
    return {
        "time": options.time,
        "target": options.target,
        "covariates": list(options.covariates),
        "lookback": options.lookback,
        "max_gap": options.max_gap,
        "calendar": options.calendar,
        "season": options.season,
        "step": timeline.step,
        **options.model_dump(include={"timezone", "tolerance"}, exclude_defaults=True),
        "means": np.nanmean(train, axis=0).tolist(),
        "stds": np.where(stds > 0, stds, 1.0).tolist(),  # a constant column becomes 0
    }


def _features(values: Array, times: pd.DatetimeIndex, encoding: dict[str, Any]) -> Array:
    """Scale the columns and append the calendar: ``(S, D)`` float32, NaN where a gap is."""
    columns = [(values - encoding["means"]) / encoding["stds"]]
    if encoding["calendar"]:
        if encoding.get("timezone") and seconds_of(encoding["step"]) < DAY:
            times = times.tz_localize("UTC").tz_convert(encoding["timezone"])  # people live by it
        seconds = times.hour * 3600 + times.minute * 60 + times.second
        step = seconds_of(encoding["step"])
        angles = [seconds / DAY] if step < DAY else []
        angles += [times.day_of_week / 7] if step < 7 * DAY else []
        angles += [(times.month - 1) / 12] if encoding["step"] in ("month", "quarter") else []
        for turns in angles:
            angle = 2 * np.pi * np.asarray(turns)
            columns.append(np.stack([np.sin(angle), np.cos(angle)], axis=1))
    return np.concatenate(columns, axis=1).astype(np.float32)


def _origins(
    timeline: Timeline, begin: int, end: int, stride: int, options: SeriesOptions, scored: bool
) -> Array:
    """List the first target steps of the windows whose targets all lie in ``[begin, end)``.

    An interpolated step knows the value after it, so none may stand last in the lookback or last
    in the horizon: what a window knows would come from beyond it. Where the windows are `scored`
    none stands in the horizon at all.
    """
    first = np.arange(max(begin, options.lookback), end - options.horizon + 1, stride)
    gaps = np.concatenate([[0], np.cumsum(~timeline.complete)])
    whole = gaps[first + options.horizon] == gaps[first - options.lookback]
    observed = timeline.observed[first - 1] & timeline.observed[first + options.horizon - 1]
    if scored:
        made_up = np.concatenate([[0], np.cumsum(~timeline.observed)])
        observed &= made_up[first + options.horizon] == made_up[first]
    return np.asarray(first[whole & observed])


def _write(
    folder: Path,
    features: Array,
    origins: Array,
    times: pd.DatetimeIndex,
    options: SeriesOptions,
) -> None:
    """Write the steps of a split once; its windows are overlapping views of them."""
    starts = origins - options.lookback
    inputs = features[starts[0] : origins[-1]]
    ahead = np.lib.stride_tricks.sliding_window_view(features[:, 0], options.horizon)
    # Windows overlap: those of one week count as one draw where examples are resampled.
    examples = (
        {"id": moment.isoformat(), "group": f"{moment.isocalendar()[0]}-W{moment.isocalendar()[1]}"}
        for moment in (times[origin - 1] for origin in origins)
    )
    lengths = np.full(len(origins), options.lookback)
    # No window touches a gap, so what stands there is never seen; NaN would alarm whoever looks.
    whole = np.nan_to_num(inputs, nan=0.0)
    write_split(folder, whole, starts - starts[0], lengths, ahead[origins], examples)


def _naive_mae(path: Path, train: Array, season: int) -> float:
    """Return the in-sample error of the seasonal naive forecast, in the data's unit."""
    errors = np.abs(train[season:] - train[:-season])
    if not np.isfinite(errors).any():
        raise InputError(f"{path}: train has {len(train)} steps, no two a season of {season} apart")
    return float(np.nanmean(errors))


def _unit(step: Step) -> tuple[str, float]:
    """Name a step by itself, or by the largest unit that divides its seconds."""
    if isinstance(step, str):
        return step, 1.0
    for name, size in UNITS:
        if step % size == 0:
            return name, step / size
    return "second", step
