"""Exponential smoothing against the library's own forecasts, and against what may be known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from statsmodels.tsa.exponential_smoothing.ets import ETSModel

from seqarena.baselines.registry import BASELINES
from seqarena.baselines.smoothing import _fitted
from seqarena.data.store import Array, DataSpec, Prepared, Split, write_spec, write_split
from seqarena.errors import InputError
from seqarena.evaluation.scoring import judge_on_valid
from seqarena.tasks import TASKS

LOOKBACK, HORIZON, SEASON = 36, 18, 12
SPEC = DataSpec(
    modality="series",
    feature_shape=(1,),
    max_length=LOOKBACK,
    step="hour",
    step_size=1.0,
    horizon=HORIZON,
    target={"mean": 0.0, "std": 1.0, "naive_mae": 1.0},
    options={"season": SEASON, "covariates": []},
)
METRICS = {
    "persistence_quantiles": ("quantile_forecasting", "crps"),
    "ets": ("forecasting", "mae"),
    "ets_quantiles": ("quantile_forecasting", "crps"),
}


def windows(
    folder: Path, values: Array, starts: Array, series: Iterable[str] = repeat("")
) -> Split:
    inputs = values[:, None].astype(np.float32)
    ahead = np.lib.stride_tricks.sliding_window_view(inputs[:, 0], HORIZON)
    lengths = np.full(len(starts), LOOKBACK)
    rows = ({"id": str(start), "series": of} for start, of in zip(starts, series, strict=False))
    write_split(folder, inputs, starts, lengths, ahead[starts + LOOKBACK], rows)
    return Split(folder)


def prepared(folder: Path, values: Array, spec: DataSpec = SPEC) -> Prepared:
    """Cut a series into three parts of windows."""
    for name, part in zip(("train", "valid", "test"), np.array_split(values, 3), strict=True):
        windows(folder / name, part, np.arange(len(part) - LOOKBACK - HORIZON))
    write_spec(folder / "spec.json", spec)
    return Prepared(folder)


def panel(folder: Path, series: dict[str, Array]) -> Prepared:
    """Cut several series, as long as each other, at the same places into windows of one table."""
    values = np.stack(list(series.values()))  # (K, S)
    for name, part in zip(
        ("train", "valid", "test"), np.array_split(values, 3, axis=1), strict=True
    ):
        steps = part.shape[1]
        starts = np.arange(steps - LOOKBACK - HORIZON)
        every = np.concatenate([steps * place + starts for place in range(len(series))])
        windows(folder / name, part.flatten(), every, np.repeat(list(series), len(starts)).tolist())
    write_spec(folder / "spec.json", SPEC)
    return Prepared(folder)


def waves(steps: int = 900, noise: float = 0.1, seed: int = 0) -> Array:
    random = np.random.default_rng(seed)
    season = np.tile(random.normal(size=SEASON), steps // SEASON + 1)[:steps]
    level = 0.1 * np.cumsum(random.normal(size=steps))
    return np.asarray(season + level + noise * random.normal(size=steps))


def say(name: str, data: Prepared) -> Any:
    task, metric = METRICS[name]
    return BASELINES[name].predict(data, judge_on_valid(data, TASKS[task], metric))


def test_it_goes_on_as_the_library_would_from_each_origin(tmp_path: Path) -> None:
    data = prepared(tmp_path, waves())
    test, fitted = data.split("test"), _fitted(data)
    assert {(form.models[""].trend, form.models[""].season) for form in fitted} == {
        (trend, season) for trend in (False, True) for season in (0, SEASON)
    }
    for every in fitted:
        said, form = every(test, data.spec), every.models[""]
        for window in (0, 7, len(test) - 1):
            values = np.asarray(test.inputs[: test.starts[window] + LOOKBACK, 0], float)
            parts: dict[str, Any] = {
                "trend": "add" if form.trend else None,
                "damped_trend": form.trend,
                "seasonal": "add" if form.season else None,
                "seasonal_periods": form.season or None,
            }
            first = ETSModel(values[:LOOKBACK], **parts, initialization_method="heuristic")
            states = {f"initial_{p}": getattr(first, f"initial_{p}") for p in ("level", "trend")}
            states["initial_seasonal"] = first.initial_seasonal
            whole = ETSModel(values, **parts, initialization_method="known", **states)
            ahead = whole.smooth(form.parameters).forecast(HORIZON)
            np.testing.assert_allclose(said[window], ahead, rtol=1e-4, atol=1e-5)


def test_nothing_is_known_of_what_comes_after_an_origin(tmp_path: Path) -> None:
    values, starts = waves(200), np.arange(200 - LOOKBACK - HORIZON)
    changed = values.copy()
    changed[LOOKBACK + 20 :] += 50
    data = prepared(tmp_path / "data", waves())
    here, there = windows(tmp_path / "a", values, starts), windows(tmp_path / "b", changed, starts)
    for form in _fitted(data):
        one, other = form(here, SPEC), form(there, SPEC)
        np.testing.assert_array_equal(one[:21], other[:21])
        assert (one[21] != other[21]).any()


def test_what_lies_before_a_gap_is_another_stretch(tmp_path: Path) -> None:
    early, late = waves(150, seed=1), waves(150, seed=2) + 30
    count = 150 - LOOKBACK - HORIZON
    both = np.concatenate([np.arange(count), 150 + np.arange(count)])
    data = prepared(tmp_path / "data", waves())
    whole = windows(tmp_path / "both", np.concatenate([early, late]), both)
    alone = windows(tmp_path / "late", late, np.arange(count))
    for form in _fitted(data):
        np.testing.assert_allclose(form(whole, SPEC)[count:], form(alone, SPEC), rtol=1e-6)


def test_a_season_that_drifts_is_forecast_better_than_by_the_last_one(tmp_path: Path) -> None:
    data = prepared(tmp_path, waves(1800, noise=0.5))
    naive = BASELINES["seasonal_naive"].predict(data, lambda predictions: 0.0)
    truth = data.split("test").targets
    assert np.abs(say("ets", data) - truth).mean() < 0.9 * np.abs(np.asarray(naive) - truth).mean()


def test_its_quantiles_hold_what_they_say(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    data = prepared(tmp_path, waves(600)[np.arange(6000) % 12] + 0.3 * random.normal(size=6000))
    truth = data.split("test").targets
    said = say("ets_quantiles", data).reshape(*truth.shape, 9)
    inside = (said[:, :, 0] <= truth) & (truth <= said[:, :, -1])
    assert inside.mean() == pytest.approx(0.8, abs=0.03)


def test_each_series_of_a_panel_is_smoothed_by_its_own_parameters(tmp_path: Path) -> None:
    walk = 0.5 * np.cumsum(np.random.default_rng(1).normal(size=900))  # its last value is all
    series = {"walk": walk, "waves": waves(noise=0.5)}
    both = panel(tmp_path / "both", series)
    for place, (name, values) in enumerate(series.items()):
        alone = prepared(tmp_path / name, values)
        for of_all, of_one in zip(_fitted(both)[:4], _fitted(alone)[:4], strict=True):
            forecasts = np.split(of_all(both.split("test"), SPEC), 2)[place]
            np.testing.assert_array_equal(forecasts, of_one(alone.split("test"), SPEC))
    own = _fitted(both)[-1].models
    assert own["walk"].season == 0 and own["waves"].season == SEASON


def test_each_series_of_a_panel_has_its_own_quantiles(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    calm, wild = random.normal(size=3000), 10 * random.normal(size=3000)
    data = panel(tmp_path, {"calm": calm, "wild": wild})
    for name in ("persistence_quantiles", "ets_quantiles"):
        truth = data.split("test").targets
        said = say(name, data).reshape(*truth.shape, 9)
        inside = (said[:, :, 0] <= truth) & (truth <= said[:, :, -1])
        for of_one in np.split(inside, 2):
            assert of_one.mean() == pytest.approx(0.8, abs=0.03)


def test_a_season_that_no_lookback_holds_twice_is_told(tmp_path: Path) -> None:
    data = prepared(tmp_path, waves(), replace(SPEC, options={"season": 24, "covariates": []}))
    with pytest.raises(InputError, match="a season of 24 steps needs a lookback of 48, found 36"):
        say("ets", data)


def test_a_season_of_one_step_is_none(tmp_path: Path) -> None:
    data = prepared(tmp_path, waves(), replace(SPEC, options={"season": 1, "covariates": []}))
    assert say("ets", data).shape == data.split("test").targets.shape
