"""Exponential smoothing (ETS, Hyndman et al. 2008): a level, a damped trend, a season."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from seqarena.baselines.forecasts import Point, quantiles_around
from seqarena.baselines.judging import Judge
from seqarena.data.store import Array, DataSpec, Prepared, Split
from seqarena.errors import InputError


def ets(prepared: Prepared, judge: Judge) -> Array:
    """Fitted once on train; each forecast follows all that its split holds before the origin.

    With and without trend and season, whichever is best on valid by the metric. Raises `InputError`
    where a lookback does not hold two seasons, which the first states are made of.
    """
    return _best(_fitted(prepared), prepared, judge)


def ets_quantiles(prepared: Prepared, judge: Judge) -> Array:
    """What `ets` says, with the quantiles of its errors on train."""
    points = [quantiles_around(point, prepared) for point in _fitted(prepared)]
    return _best(points, prepared, judge)


def _best(points: list[Point], prepared: Prepared, judge: Judge) -> Array:
    valid, test, spec = prepared.split("valid"), prepared.split("test"), prepared.spec
    return max(points, key=lambda point: judge(point(valid, spec)))(test, spec)


@dataclass(frozen=True)
class Smoothing:
    """One form of ETS, all its errors and parts additive."""

    trend: bool
    season: int  # steps; 0 without
    parameters: Array

    def __call__(self, windows: Split, spec: DataSpec) -> Array:
        """Forecast the windows of a split, ``(N, H)``: its states go on with what is observed."""
        forecasts = np.empty((len(windows), spec.horizon), np.float32)
        for stretch in _stretches(windows):
            model = _model(stretch, self.trend, self.season)
            states = model.smooth(self.parameters)
            forecasts[stretch.windows] = self._ahead(states, stretch.last, spec.horizon)
        return forecasts

    def _ahead(self, states: Any, last: Array, horizon: int) -> Array:
        """Go on from the states at the steps `last` ``(N,)``, ``(N, H)``."""
        steps = np.arange(horizon)
        ahead: Array = np.repeat(states.level[last][:, None], horizon, axis=1)
        if self.trend:
            ahead += states.slope[last][:, None] * np.cumsum(states.damping_trend ** (steps + 1))
        if self.season:
            ahead += states.season[last[:, None] - self.season + 1 + steps % self.season]
        return ahead


class Stretch(NamedTuple):
    """Steps in a row that windows look back on, each from one of the steps that another does."""

    values: Array  # (S,)
    windows: Array  # (n,), which of the split
    last: Array  # (n,), the last step of each
    lookback: int  # of the first


def _stretches(windows: Split) -> Iterator[Stretch]:
    """Cut a split where no window looks over both sides: there is a gap, or another series."""
    starts, ends = np.asarray(windows.starts), np.asarray(windows.starts + windows.lengths)
    order = np.argsort(starts, kind="stable")
    apart = np.flatnonzero(starts[order[1:]] >= ends[order[:-1]]) + 1
    for mine in np.split(order, apart):
        begin, end = starts[mine[0]], ends[mine[-1]]
        values = np.asarray(windows.inputs[begin:end, 0], np.float64)
        yield Stretch(values, mine, ends[mine] - 1 - begin, int(windows.lengths[mine[0]]))


def _fitted(prepared: Prepared) -> list[Point]:
    """Fit every form to the longest stretch of train."""
    longest = max(_stretches(prepared.split("train")), key=lambda stretch: len(stretch.values))
    season = int(prepared.spec.options["season"])
    if season > 1 and longest.lookback < 2 * season:
        needed = f"a season of {season} steps needs a lookback of {2 * season}"
        raise InputError(f"baselines: {needed}, found {longest.lookback}")
    return [
        _fit(longest, trend, of_season)
        for trend in (False, True)
        for of_season in sorted({0, season if season > 1 else 0})
    ]


def _fit(stretch: Stretch, trend: bool, season: int) -> Smoothing:
    from statsmodels.tools.sm_exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # valid decides how good it is
        fitted = _model(stretch, trend, season).fit(disp=False)
    return Smoothing(trend, season, np.asarray(fitted.params)[: 1 + 2 * trend + bool(season)])


def _model(stretch: Stretch, trend: bool, season: int) -> Any:
    """Build a model whose first states are made of the first lookback alone.

    Of more, they would know what comes after the first origin.
    """
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    form = {
        "trend": "add" if trend else None,
        "damped_trend": trend,
        "seasonal": "add" if season else None,
        "seasonal_periods": season or None,
    }
    begun = ETSModel(stretch.values[: stretch.lookback], **form, initialization_method="heuristic")
    states = {
        "initial_level": begun.initial_level,
        "initial_trend": begun.initial_trend,
        "initial_seasonal": begun.initial_seasonal,
    }
    return ETSModel(stretch.values, **form, initialization_method="known", **states)
