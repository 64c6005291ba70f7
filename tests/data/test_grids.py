"""Steps of so many seconds, and steps of the calendar."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from seqarena.data.grids import Step, index_of, seconds_of, step_of, times_of

SERIES: dict[str, tuple[pd.DatetimeIndex, Step]] = {
    "hours": (pd.date_range("2020-01-01", periods=40, freq="h"), 3600.0),
    "days": (pd.date_range("2020-01-01", periods=40, freq="D"), 86_400.0),
    "weeks": (pd.date_range("2020-01-06", periods=40, freq="7D"), 7 * 86_400.0),
    "business days": (pd.date_range("2020-01-01", periods=40, freq="B"), "business day"),
    "business closes": (
        pd.date_range("2020-01-01 17:30", periods=40, freq="B"),
        "business day",
    ),
    "months": (pd.date_range("2020-01-01", periods=40, freq="MS"), "month"),
    "middles": (pd.date_range("2020-01-01", periods=40, freq="MS") + pd.Timedelta("14D"), "month"),
    "month ends": (pd.date_range("2020-01-31", periods=40, freq="ME"), "month"),
    "quarters": (pd.date_range("2020-01-01", periods=40, freq="QS"), "quarter"),
    "quarter ends": (pd.date_range("2020-03-31", periods=40, freq="QE"), "quarter"),
    "years": (pd.date_range("1900-01-01", periods=40, freq="YS"), "year"),
}


def ticks_of(times: pd.DatetimeIndex) -> np.ndarray:
    return times.to_numpy("datetime64[us]").astype(np.int64)


@pytest.mark.parametrize("name", SERIES)
def test_a_series_lies_on_its_grid(name: str) -> None:
    times, step = SERIES[name]
    ticks = ticks_of(times)
    assert step_of(ticks) == step
    index, off = index_of(ticks, step)
    assert index.tolist() == list(range(40)) and not off.any()
    ends = bool(times.is_month_end.all())
    assert (times_of(int(ticks[0]), 40, step, ends) == times).all()


@pytest.mark.parametrize("name", SERIES)
def test_a_row_that_is_missing_leaves_its_place(name: str) -> None:
    times, step = SERIES[name]
    ticks = np.delete(ticks_of(times), [3, 20, 21])
    assert step_of(ticks) == step
    index, off = index_of(ticks, step)
    assert index[2:4].tolist() == [2, 4] and index[-1] == 39 and not off.any()


def test_what_lies_beside_the_grid_is_told() -> None:
    for name, shift in (("months", "1D"), ("business days", "1h"), ("quarters", "31D")):
        times, step = SERIES[name]
        ticks = ticks_of(times)
        ticks[7] += pd.Timedelta(shift).value // 1000
        assert np.flatnonzero(index_of(ticks, step)[1]).tolist() == [7]


def test_days_with_a_weekend_among_them_are_days() -> None:
    assert step_of(ticks_of(pd.date_range("2020-01-06", periods=5, freq="D"))) == 86_400
    times = pd.date_range("2020-01-01", periods=40, freq="B").union(["2020-01-04"])
    assert step_of(ticks_of(times)) == 86_400


def test_the_mean_length_of_a_step() -> None:
    assert [seconds_of(step) / 86_400 for step in ("business day", "year", 3600.0)] == [
        1,
        pytest.approx(365.2425),
        1 / 24,
    ]
