"""Which windows of a series count as one draw where examples are resampled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqarena.config import parse
from seqarena.data.modalities.series import Series, SeriesOptions
from seqarena.data.store import Split

WEEK = pd.Timedelta(weeks=1)


def of_test(folder: Path, times: pd.DatetimeIndex, horizon: int, series: str = "a") -> Split:
    """Prepare the same numbers for each series, of which half is test, and return that."""
    frame = pd.concat(
        pd.DataFrame({"time": times, "value": np.arange(float(len(times))), "of": name})
        for name in series
    )
    frame.to_csv(folder / "series.csv", index=False)
    given = {"time": "time", "target": "value", "series": "of", "lookback": 4, "horizon": horizon}
    given |= {"season": 1, "stride": 1, "valid": 0.2, "test": 0.5}
    Series().prepare(folder, folder / "out", parse(SeriesOptions, given, "prepare"), 0)
    return Split(folder / "out" / "test")


def origins_of(test: Split) -> dict[str, list[pd.Timestamp]]:
    """Return the origins of the windows of each group, in the order of time."""
    found: dict[str, list[pd.Timestamp]] = {}
    for example in test.examples():
        origin = pd.Timestamp(example["id"].rpartition(" ")[2])
        found.setdefault(example["group"], []).append(origin)
    return found


@pytest.mark.parametrize(
    ("freq", "count", "horizon", "weeks"),
    [
        ("6h", 600, 4, 1),
        ("D", 400, 3, 1),
        ("D", 400, 7, 2),
        ("B", 400, 20, 8),
        ("7D", 300, 8, 16),
        ("MS", 240, 6, 53),  # half a year of months is up to 184 days
        ("QS", 120, 4, 105),
        ("YS", 60, 2, 209),
    ],
)
def test_windows_of_two_horizons_are_one_draw_and_of_a_week_at_least(
    freq: str, count: int, horizon: int, weeks: int, tmp_path: Path
) -> None:
    times = pd.date_range("1960-01-04", periods=count, freq=freq)
    groups = origins_of(of_test(tmp_path, times, horizon))
    monday = next(iter(groups.values()))[0].to_period("W").start_time
    expected: dict[str, list[pd.Timestamp]] = {}
    for origin in (origin for group in groups.values() for origin in group):
        begin = monday + (origin - monday) // (weeks * WEEK) * weeks * WEEK
        year, week, _ = begin.isocalendar()
        expected.setdefault(f"{year}-W{week}", []).append(origin)
    assert groups == expected and len(groups) > 2


def test_only_windows_of_neighbouring_groups_overlap(tmp_path: Path) -> None:
    """Whatever their series: what happens is felt in all of them."""
    times = pd.date_range("2001-01-01", periods=300, freq="7D")
    groups = list(origins_of(of_test(tmp_path, times, 8, "ab")).values())
    assert len(groups) == 9 and len(groups[0]) == 2 * len(set(groups[0])) == 32
    for one, after_next in zip(groups[:-2], groups[2:], strict=True):
        assert max(one) + 8 * WEEK < min(after_next)
