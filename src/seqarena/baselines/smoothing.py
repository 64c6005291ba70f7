"""Exponential smoothing (ETS, Hyndman et al. 2008): a level, a damped trend, a season."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from seqarena.baselines.forecasts import best_on_valid, quantiles_around
from seqarena.baselines.judging import Judge
from seqarena.data.store import Array, DataSpec, Prepared, Split
from seqarena.errors import InputError


def ets(prepared: Prepared, judge: Judge) -> Array:
    """Fitted once on train; each forecast follows all that its split holds before the origin.

    With and without trend and season, whichever is best on valid by the metric. Of a panel each
    series has its own parameters, and its own form where that is better. Raises `InputError` where
    a lookback does not hold two seasons, which the first states are made of.
    """
    return best_on_valid(_fitted(prepared), prepared, judge)


def ets_quantiles(prepared: Prepared, judge: Judge) -> Array:
    """What `ets` says, with the quantiles of its errors on train."""
    points = [
        with_errors
        for form in _fitted(prepared)
        for with_errors in quantiles_around(form, prepared)
    ]
    return best_on_valid(points, prepared, judge)


@dataclass(frozen=True)
class Smoothing:
    """One form of ETS, all its errors and parts additive."""

    trend: bool
    season: int  # steps; 0 without
    parameters: Array

    def __call__(self, stretch: Stretch, horizon: int) -> Array:
        """Forecast the windows of a stretch, ``(n, H)``: its states go on with what is observed."""
        states = _model(stretch, self.trend, self.season).smooth(self.parameters)
        steps, last = np.arange(horizon), stretch.last
        ahead: Array = np.repeat(states.level[last][:, None], horizon, axis=1)
        if self.trend:
            ahead += states.slope[last][:, None] * np.cumsum(states.damping_trend ** (steps + 1))
        if self.season:
            ahead += states.season[last[:, None] - self.season + 1 + steps % self.season]
        return ahead


@dataclass(frozen=True)
class SmoothingBySeries:
    """A `Smoothing` of each series, by its name."""

    models: dict[str, Smoothing]

    def __call__(self, windows: Split, spec: DataSpec) -> Array:
        """Forecast the windows of a split, ``(N, H)``."""
        forecasts = np.empty((len(windows), spec.horizon), np.float32)
        for stretch in _stretches(windows):
            forecasts[stretch.windows] = self.models[stretch.series](stretch, spec.horizon)
        return forecasts


class Stretch(NamedTuple):
    """Steps in a row that windows look back on, each from one of the steps that another does."""

    series: str  # its name, empty of one alone
    values: Array  # (S,)
    windows: Array  # (n,), which of the split
    last: Array  # (n,), the last step of each
    lookback: int  # of the first


def _stretches(windows: Split) -> Iterator[Stretch]:
    """Cut a split where no window looks over both sides: there is a gap, or another series."""
    starts, ends = np.asarray(windows.starts), np.asarray(windows.starts + windows.lengths)
    order = np.argsort(starts, kind="stable")
    names = windows.series
    apart = np.flatnonzero(starts[order[1:]] >= ends[order[:-1]]) + 1
    for mine in np.split(order, apart):
        begin, end = starts[mine[0]], ends[mine[-1]]
        values = np.asarray(windows.inputs[begin:end, 0], np.float64)
        last, lookback = ends[mine] - 1 - begin, int(windows.lengths[mine[0]])
        yield Stretch(str(names[mine[0]]), values, mine, last, lookback)


def _fitted(prepared: Prepared) -> list[SmoothingBySeries]:
    """Fit every form to the longest stretch that train has of each series.

    The last, of a panel, has for each series the form with the least absolute error on valid.
    """
    longest = dict[str, Stretch]()
    for stretch in sorted(_stretches(prepared.split("train")), key=lambda it: -len(it.values)):
        longest.setdefault(stretch.series, stretch)
    season = int(prepared.spec.options["season"])
    lookback = min(stretch.lookback for stretch in longest.values())
    if season > 1 and lookback < 2 * season:
        needed = f"a season of {season} steps needs a lookback of {2 * season}"
        raise InputError(f"baselines: {needed}, found {lookback}")
    forms = [
        SmoothingBySeries({name: _fit(it, trend, of_season) for name, it in longest.items()})
        for trend in (False, True)
        for of_season in sorted({0, season if season > 1 else 0})
    ]
    return forms if len(longest) == 1 else [*forms, _each_by_its_own(forms, prepared)]


def _each_by_its_own(forms: list[SmoothingBySeries], prepared: Prepared) -> SmoothingBySeries:
    valid = prepared.split("valid")
    errors = np.stack(
        [np.abs(form(valid, prepared.spec) - valid.targets).mean(axis=1) for form in forms]
    )  # (forms, N)
    names = valid.series
    best = {
        name: forms[errors[:, names == name].mean(axis=1).argmin()].models[name]
        for name in np.unique(names).tolist()
    }
    return SmoothingBySeries(forms[0].models | best)


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
