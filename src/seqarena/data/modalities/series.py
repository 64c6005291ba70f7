"""Time series: a long table to windows that look back, with targets that lie ahead."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import available_timezones

import numpy as np
import pandas as pd
from pydantic import Field, field_validator, model_validator

from seqarena.config import Strict
from seqarena.data import statics
from seqarena.data.features import features_of, seconds_between, steps_ahead
from seqarena.data.grids import ANY_TIME, BUSINESS_DAY, Step
from seqarena.data.latest import latest_window
from seqarena.data.modalities.base import Asked, Input, Modality
from seqarena.data.moments import ISO, check_form
from seqarena.data.scaling import Standard
from seqarena.data.store import SCALE, SPLITS, Array, DataSpec
from seqarena.data.timeline import ASKED, Clock, Columns, Timeline, by_target, read_timelines
from seqarena.data.windows import (
    Member,
    Shape,
    check_windows,
    where,
    with_train,
    write_windows,
)
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
    ANY_TIME: "row",
}

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0)]  # below 1 a fraction of the steps, else their number


class SeriesOptions(Strict):
    """The `prepare:` section of an experiment on a time series."""

    time: str  # column of time stamps
    target: str | tuple[str, ...]  # column to forecast, or several
    covariates: tuple[str, ...] = ()  # further columns to look back on
    known: tuple[str, ...] = ()  # such columns whose values over the horizon are known as well
    series: str | None = None  # column that names the series of a row, where there are several
    static: tuple[str, ...] = ()  # columns that are the same in all rows of a series
    lookback: Count = 168
    horizon: Count = 24
    season: Count = 24  # steps; the seasonal naive forecast that scales MASE
    stride: Count = 6  # steps between the origins of valid and of test; train has every origin
    irregular: bool = False  # rows at any times: a step is a row, the time since then a feature
    calendar: bool = True  # hour of the day, day of the week, month: as sine and cosine
    max_gap: Annotated[int, Field(ge=0)] = 3  # missing steps in a row that are interpolated
    time_format: str = ISO  # codes of strptime such as '%d.%m.%Y', or a name of data/moments.py
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

    _check_form = field_validator("time_format")(check_form)

    @property
    def clock(self) -> Clock:
        """What its time stamps mean."""
        return Clock(self.timezone, self.tolerance, self.time_format)

    @property
    def columns(self) -> Columns:
        """Which columns it reads."""
        values = (*self.targets, *self.covariates, *self.known)
        return Columns(self.time, values, self.series, self.static)

    @property
    def targets(self) -> tuple[str, ...]:
        """What is forecast."""
        return (self.target,) if isinstance(self.target, str) else self.target

    @property
    def several(self) -> bool:
        """Whether there are several series, of a column that names them or of several targets."""
        return self.series is not None or len(self.targets) > 1

    @model_validator(mode="after")
    def _sound(self) -> SeriesOptions:
        for name, share in (("valid", self.valid), ("test", self.test)):
            if share > 1 and share != int(share):
                raise ValueError(f"{name}: expected a fraction or a whole number, found {share}")
        if self.irregular and self.season > 1:
            raise ValueError("season: rows that come at any time have none; expected 1")
        if not self.targets:
            raise ValueError("target: expected a column, or several, found none")
        if self.static and self.series is None:
            raise ValueError("static: needs `series`, the column that names the series of a row")
        by = () if self.series is None else (self.series,)
        columns = (self.time, *self.columns.values, *by, *self.static)
        for column in columns:
            if columns.count(column) > 1:
                raise ValueError(f"column '{column}' is named twice")
        return self


class Series(Modality):
    """Windows of regular series, split by time: of one, or of a panel of several in one table.

    Several targets make several series of each, see `by_target`.
    A step is ``(D,)`` float32: feature 0 is the scaled target, then the scaled covariates, then
    what is known, now and ahead, then the time since the row before where rows are `irregular`,
    then the calendar, then what is static. Targets are ``(H,)``
    float32, scaled alike: ``unscaled = scaled * std + mean`` of `store.SCALE`, whose ``naive_mae``
    scales MASE (Hyndman and Koehler, 2006). Means and deviations are those of train, of each series
    its own. The forecast origin, by which people know a window, is the time of its last step; the
    first target is one step after it.
    """

    Options = SeriesOptions

    def prepare(self, raw: Path, out: Path, options: Strict, seed: int) -> DataSpec:
        """Window ``series.csv``: train, then valid, then test, by the times of their targets.

        All series are split at the same moments; one that has too little train is left out, and
        that is told.
        """
        assert isinstance(options, SeriesOptions)
        path = raw / SERIES
        step = ANY_TIME if options.irregular else None
        timelines = read_timelines(path, options.columns, options.max_gap, step, options.clock)
        timelines = by_target(timelines, options.targets)
        if options.known:  # rows of the future are there to be forecast, not to be divided
            timelines = {name: each.with_targets for name, each in timelines.items()}
        members = with_train(path, _members(path, options, timelines))
        standards = {m.name: Standard.of(m.train, where(path, m.name, "train")) for m in members}
        check_windows(path, members)
        encoding = _encoding(options, members, standards)
        features = [
            features_of(m.timeline, encoding, standards[m.name], where(path, m.name))
            for m in members
        ]
        scales = np.array(
            [(standards[m.name].means[0], standards[m.name].stds[0], m.naive_mae) for m in members]
        )
        for split in SPLITS:
            own = scales if options.several else None
            write_windows(out / split, members, features, own)
        unit, step_size = _unit(members[0].timeline.step)
        return DataSpec(
            modality="series",
            feature_shape=features[0].shape[1:],
            max_length=options.lookback,
            step=unit,
            step_size=step_size,
            horizon=options.horizon,
            target={} if options.several else dict(zip(SCALE, scales[0].tolist(), strict=True)),
            options=encoding,
            sizes={split: sum(len(m.origins[split]) for m in members) for split in SPLITS},
        )

    def stream(self, source: str, spec: DataSpec) -> Generator[Asked]:
        """Read the last window of each series of a table with the columns of training.

        It is named by its origin. A series that train had not is scaled by what it has here. One
        that has no such window is told, and left out where others have.
        """
        path, encoding = Path(source), spec.options
        targets = tuple(encoding.get("targets", (encoding["target"],)))
        values = (*targets, *encoding["covariates"], *encoding.get("known", ()))
        statics = tuple(s["column"] for s in encoding.get("static", ()) if s["column"] != ASKED)
        columns = Columns(encoding["time"], values, encoding.get("series"), statics)
        form = encoding.get("time_format", ISO)
        clock = Clock(encoding.get("timezone"), encoding.get("tolerance", 0.0), form)
        timelines = read_timelines(path, columns, encoding["max_gap"], encoding["step"], clock)
        timelines = by_target(timelines, targets)
        found, refused = list[Input](), list[InputError]()
        for name, timeline in timelines.items():
            try:
                found.append(latest_window(path, name, timeline, spec))
            except InputError as error:
                refused.append(error)
        if not found:
            raise refused[0]
        for refusal in refused:
            warnings.warn(f"{refusal}; it is left out", InputWarning, stacklevel=2)
        yield from found

    def step_labels(self, steps: Array, spec: DataSpec) -> list[str]:
        """Name each step by its distance to the first target: ``-168 h`` … ``-1 h``."""
        symbol = SYMBOLS[spec.step]
        return [f"-{ahead * spec.step_size:g} {symbol}" for ahead in range(len(steps), 0, -1)]


def _members(path: Path, options: SeriesOptions, timelines: Mapping[str, Timeline]) -> list[Member]:
    """Cut all series at the moments at which valid and test begin."""
    times = pd.DatetimeIndex(np.unique(np.concatenate([t.times for t in timelines.values()])))
    total = len(times)
    test = _step_of(times, options.test_from, total - _steps(options.test, total))
    valid = _step_of(times, options.valid_from, test - _steps(options.valid, total))
    if not 0 < valid < test < total:
        span = f"{times[0].isoformat()} to {times[-1].isoformat()}"
        raise InputError(f"{path}: valid and test leave a split empty; {total} steps, {span}")
    shape = Shape(options.lookback, options.horizon, options.stride)
    return [
        Member.cut(name, timeline, times[valid], times[test], shape, options.season)
        for name, timeline in timelines.items()
    ]


def _steps(share: float, total: int) -> int:
    return round(share * total) if share < 1 else int(share)


def _step_of(times: pd.DatetimeIndex, when: datetime | None, otherwise: int) -> int:
    if when is None:
        return otherwise
    return int(times.searchsorted(pd.to_datetime(when, utc=True).tz_localize(None)))


def _encoding(
    options: SeriesOptions, members: Sequence[Member], standards: Mapping[str, Standard]
) -> dict[str, Any]:
    """Collect what encodes a new input the same way; all of it is learned from train alone."""
    encoding = {
        "time": options.time,
        "target": ", ".join(options.targets),
        "covariates": list(options.covariates),
        "lookback": options.lookback,
        "max_gap": options.max_gap,
        "calendar": options.calendar,
        "season": options.season,
        "step": members[0].timeline.step,
        **options.model_dump(
            include={"time_format", "timezone", "tolerance"}, exclude_defaults=True
        ),
    }
    if options.irregular:
        between = [seconds_between(m.timeline.times[: m.bounds[1]]) for m in members]
        encoding["usual_gap"] = float(np.median(np.concatenate(between)))
    if options.known:
        ahead = steps_ahead(options.lookback, options.horizon)
        encoding |= {"known": list(options.known), "ahead": ahead}
    if not options.several:
        return {**encoding, **asdict(standards[""])}
    static = options.static
    if len(options.targets) > 1:
        encoding["targets"], static = list(options.targets), (*static, ASKED)
    return {
        **encoding,
        "series": options.series,
        "static": statics.learned(static, [m.timeline.static for m in members]),
        "standards": {name: asdict(standard) for name, standard in standards.items()},
    }


def _unit(step: Step) -> tuple[str, float]:
    """Name a step by itself, or by the largest unit that divides its seconds."""
    if isinstance(step, str):
        return step, 1.0
    for name, size in UNITS:
        if step % size == 0:
            return name, step / size
    return "second", step
