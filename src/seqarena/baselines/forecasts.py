"""Baselines of what a series does next; fitted on train, tuned on valid."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from seqarena.baselines.judging import Judge, Predict
from seqarena.data.store import Array, DataSpec, Prepared, Split
from seqarena.errors import InputError
from seqarena.tasks.quantile_forecasting import LEVELS

CHUNK = 2048  # windows held at once by the linear forecast
PENALTIES = (1.0, 10.0, 100.0, 1000.0, 10000.0)
ROUNDS = 20  # of ADMM: on bike sharing 40 more lower the mean error of train by 0.05 %


Point = Callable[[Split, DataSpec], Array]  # forecasts ``(N, H)`` of the windows of a split


def of_test(point: Point) -> Callable[[Prepared], Array]:
    """Return the baseline that forecasts the windows of test."""
    return lambda prepared: point(prepared.split("test"), prepared.spec)


def best_on_valid(points: Sequence[Point], prepared: Prepared, judge: Judge) -> Array:
    """Return what that forecast says of test which is best on valid by the metric."""
    valid, spec = prepared.split("valid"), prepared.spec
    best = max(points, key=lambda point: judge(point(valid, spec)))
    return best(prepared.split("test"), spec)


def with_quantiles(point: Point) -> Predict:
    """Return the baseline that adds quantiles to a forecast, see `quantiles_around`."""
    return lambda prepared, judge: best_on_valid(quantiles_around(point, prepared), prepared, judge)


def quantiles_around(point: Point, prepared: Prepared) -> list[Point]:
    """Return a forecast with the quantiles of its errors on train, ``(N, 9 H)``.

    Of each step ahead by itself, since errors grow with it. Of a panel once by the errors of all
    series, and once of each by its own.
    """
    train = prepared.split("train")
    errors = np.asarray(train.targets) - point(train, prepared.spec)
    kinds = (False, True) if len(np.unique(train.series)) > 1 else (False,)
    return [_with_errors(point, errors, train, by_series) for by_series in kinds]


def _with_errors(point: Point, errors: Array, train: Split, by_series: bool) -> Point:
    def series(windows: Split) -> Array:
        return windows.series if by_series else np.zeros(len(windows))

    names, places = np.unique(series(train), return_inverse=True)
    of_each = (errors[places == place] for place in range(len(names)))
    levels = [np.quantile(of_one, LEVELS, axis=0).T for of_one in of_each]
    spreads = np.stack(levels).astype(np.float32)  # (K, H, 9)

    def forecast(windows: Split, spec: DataSpec) -> Array:
        spread = spreads[np.searchsorted(names, series(windows))]
        return (point(windows, spec)[:, :, None] + spread).reshape(len(windows), -1)

    return forecast


def persistence(windows: Split, spec: DataSpec) -> Array:
    """The last value, all along the horizon."""
    last = windows.inputs[windows.starts + windows.lengths - 1, 0]
    return np.repeat(last[:, None], spec.horizon, axis=1)


def seasonal_naive(windows: Split, spec: DataSpec) -> Array:
    """The value one `season` of `prepare:` before (Hyndman & Athanasopoulos 2021, section 5.2)."""
    return _one_season_before(windows, spec, int(spec.options["season"]))


def seasonal_naive_of(hours: int) -> Point:
    """The value so many hours before, of data by the hour or finer."""

    def forecast(windows: Split, spec: DataSpec) -> Array:
        if spec.step != "hour":
            raise InputError(f"baselines: a season of {hours} h needs hours, not {spec.step}s")
        return _one_season_before(windows, spec, round(hours / spec.step_size))

    return forecast


def _one_season_before(windows: Split, spec: DataSpec, season: int) -> Array:
    if season > windows.lengths.min():
        raise InputError(f"baselines: a season of {season} steps is longer than the lookback")
    ahead = np.arange(spec.horizon) % season
    ends = (windows.starts + windows.lengths)[:, None]
    return np.asarray(windows.inputs[ends - season + ahead, 0])


def linear(prepared: Prepared, judge: Judge) -> Array:
    """A linear map from the whole window to the whole horizon.

    Of least squares, or of least absolute errors, whichever is better on valid by the metric, as is
    the ridge penalty.
    """
    train, valid, test = (prepared.split(name) for name in ("train", "valid", "test"))
    features = int(train.lengths[0]) * int(np.prod(prepared.spec.feature_shape)) + 1
    products, aims = np.zeros((features, features)), np.zeros((features, prepared.spec.horizon))
    for windows, targets in _windows(train):
        exact = windows.astype(np.float64)  # else rounding leaves no positive matrix
        products += exact.T @ exact
        aims += exact.T @ targets

    def quality(weights: Array) -> float:
        return judge(_forecast(valid, weights))

    ridges = [(products + penalty * np.eye(features)) for penalty in PENALTIES]
    squares, ridge = max(
        ((np.linalg.solve(ridge, aims), ridge) for ridge in ridges),
        key=lambda fitted: quality(fitted[0]),
    )
    best = max(squares, _least_absolute(train, ridge, squares), key=quality)
    return _forecast(test, best)


def _least_absolute(train: Split, ridge: Array, weights: Array) -> Array:
    """Go on from least squares to least absolute errors, by ADMM.

    Boyd et al. (2011), "Distributed optimization and statistical learning via the alternating
    direction method of multipliers", section 6.1: least squares of other aims again and again, so
    one factorisation serves all rounds and all steps of the horizon.
    """
    from scipy.linalg import cho_factor, cho_solve

    factor = cho_factor(ridge)
    errors = _forecast(train, weights) - train.targets
    scale = np.abs(errors).mean(axis=0)
    carried = np.zeros_like(errors)
    for _ in range(ROUNDS):
        raised = errors + carried
        shrunk = np.sign(raised) * np.maximum(np.abs(raised) - scale, 0)
        aims, start = np.zeros(weights.shape), 0
        for windows, targets in _windows(train):
            rows = slice(start, start + len(windows))
            aims += windows.T @ (targets + shrunk[rows] - carried[rows])
            start = rows.stop
        weights = cho_solve(factor, aims)
        errors = _forecast(train, weights) - train.targets
        carried += errors - shrunk
    return weights


def _forecast(split: Split, weights: Array) -> Array:
    """Return the forecasts ``(N, H)`` of a linear map ``(T * D + 1, H)``."""
    weights = weights.astype(np.float32)
    return np.concatenate([windows @ weights for windows, _ in _windows(split)])


def _windows(split: Split) -> Iterable[tuple[Array, Array]]:
    """Yield flat windows with a constant, ``(n, T * D + 1)``, and their targets, in chunks."""
    length = int(split.lengths[0])
    for start in range(0, len(split), CHUNK):
        places = split.starts[start : start + CHUNK, None] + np.arange(length)
        flat = split.inputs[places].reshape(len(places), -1)
        constant = np.ones((len(flat), 1), flat.dtype)
        yield np.hstack([flat, constant]), split.targets[start : start + CHUNK]
