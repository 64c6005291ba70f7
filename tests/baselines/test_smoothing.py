"""Exponential smoothing against the library's own forecasts, and against what may be known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from statsmodels.tsa.exponential_smoothing.ets import ETSModel

from seqarena.baselines.registry import BASELINES
from seqarena.baselines.smoothing import Smoothing, _fitted
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
METRICS = {"ets": ("forecasting", "mae"), "ets_quantiles": ("quantile_forecasting", "crps")}


def windows(folder: Path, values: Array, starts: Array) -> Split:
    inputs = values[:, None].astype(np.float32)
    ahead = np.lib.stride_tricks.sliding_window_view(inputs[:, 0], HORIZON)
    lengths = np.full(len(starts), LOOKBACK)
    rows = ({"id": str(start)} for start in starts)
    write_split(folder, inputs, starts, lengths, ahead[starts + LOOKBACK], rows)
    return Split(folder)


def prepared(folder: Path, values: Array, spec: DataSpec = SPEC) -> Prepared:
    """Cut a series into three parts of windows."""
    for name, part in zip(("train", "valid", "test"), np.array_split(values, 3), strict=True):
        windows(folder / name, part, np.arange(len(part) - LOOKBACK - HORIZON))
    write_spec(folder / "spec.json", spec)
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
    test, forms = data.split("test"), _fitted(data)
    assert {(form.trend, form.season) for form in forms if isinstance(form, Smoothing)} == {
        (trend, season) for trend in (False, True) for season in (0, SEASON)
    }
    for form in forms:
        assert isinstance(form, Smoothing)
        said = form(test, data.spec)
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


def test_a_season_that_no_lookback_holds_twice_is_told(tmp_path: Path) -> None:
    data = prepared(tmp_path, waves(), replace(SPEC, options={"season": 24, "covariates": []}))
    with pytest.raises(InputError, match="a season of 24 steps needs a lookback of 48, found 36"):
        say("ets", data)


def test_a_season_of_one_step_is_none(tmp_path: Path) -> None:
    data = prepared(tmp_path, waves(), replace(SPEC, options={"season": 1, "covariates": []}))
    assert say("ets", data).shape == data.split("test").targets.shape
