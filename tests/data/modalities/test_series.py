"""Series: the grid, the gaps, the split by time, and the scales."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqarena.config import parse
from seqarena.data.modalities.series import Series, SeriesOptions
from seqarena.data.store import SPLITS, DataSpec, Split
from seqarena.data.timeline import Clock, read_timeline
from seqarena.errors import InputError, InputWarning

SERIES = Series()
BASE = {"time": "ts", "target": "y", "lookback": 12, "horizon": 4, "season": 6, "stride": 2}
STEPS = 300
FIRST_VALID, FIRST_TEST = 180, 240  # with 60 steps each


def table(steps: int = STEPS, freq: str = "h") -> pd.DataFrame:
    """Make a table whose target is the number of the step, so that values tell times."""
    times = pd.date_range("2020-02-01", periods=steps, freq=freq)
    return pd.DataFrame({"ts": times, "y": np.arange(steps, dtype=float), "x": 1.0})


def prepared(
    raw: Path, frame: pd.DataFrame, **options: object
) -> tuple[DataSpec, dict[str, Split]]:
    frame.to_csv(raw / "series.csv", index=False)
    out = raw / "out"
    out.mkdir()
    given = {**BASE, "valid": 60, "test": 60, **options}
    spec = SERIES.prepare(raw, out, parse(SeriesOptions, given, "prepare"), seed=0)
    return spec, {name: Split(out / name) for name in SPLITS}


def unscaled(values: np.ndarray, spec: DataSpec) -> np.ndarray:
    return np.rint(values * spec.target["std"] + spec.target["mean"]).astype(int)


def test_windows_are_split_by_the_times_of_their_targets(tmp_path: Path) -> None:
    spec, splits = prepared(tmp_path, table())
    bounds = {"train": (12, FIRST_VALID), "valid": (FIRST_VALID, FIRST_TEST), "test": (240, STEPS)}
    for name, (begin, end) in bounds.items():
        targets = unscaled(splits[name].targets, spec)
        assert targets.shape[1] == 4
        assert (targets.min(), targets.max()) == (begin, end - 1)
        for i in range(len(targets)):  # what is looked back on ends right before the targets
            steps = unscaled(splits[name].sequence(i)[:, 0], spec)
            assert steps.tolist() == list(range(targets[i, 0] - 12, targets[i, 0]))
    assert np.diff(unscaled(splits["train"].targets[:, 0], spec)).tolist() == [1] * 164
    assert set(np.diff(unscaled(splits["test"].targets[:, 0], spec))) == {2}
    assert spec.sizes == {"train": 165, "valid": 29, "test": 29}
    assert unscaled(splits["test"].sequence(0)[0, 0], spec) == 228  # reaches into valid
    assert splits["test"].examples()[0] == {"id": "2020-02-10T23:00:00", "group": "2020-W7"}


def test_inputs_are_written_once_and_typed(tmp_path: Path) -> None:
    spec, splits = prepared(tmp_path, table(), covariates=["x"])
    assert spec.feature_shape == (6,)  # target, x, and four of the calendar
    assert splits["train"].inputs.shape == (176, 6)  # 165 windows of 12 steps
    assert splits["train"].inputs.dtype == splits["train"].targets.dtype == np.float32
    assert splits["train"].inputs[:, 1].tolist() == [0.0] * 176  # a constant column


def test_scales_come_from_train_alone(tmp_path: Path) -> None:
    frame = table()
    spec, _ = prepared(tmp_path, frame)
    train = frame["y"][:FIRST_VALID]
    assert spec.target["mean"] == pytest.approx(train.mean())
    assert spec.target["std"] == pytest.approx(train.std(ddof=0))
    assert spec.target["naive_mae"] == pytest.approx(6)  # y[t] - y[t-6] of a line


def test_short_gaps_are_interpolated_and_long_ones_left_out(tmp_path: Path) -> None:
    frame = table().drop(index=[50, 51, 52]).drop(index=range(100, 104))
    spec, splits = prepared(tmp_path, frame, max_gap=3)
    seen = {int(v) for i in range(spec.sizes["train"])
            for v in unscaled(splits["train"].sequence(i)[:, 0], spec)}  # fmt: skip
    targets = unscaled(splits["train"].targets, spec)
    assert {50, 51, 52} <= seen
    assert not {100, 101, 102, 103} & (seen | set(targets.flat))
    origins = set(targets[:, 0] - 1)
    assert not {50, 51, 52} & origins  # an interpolated origin would know its own target
    assert not {50, 51, 52} & set(targets[:, -1])
    assert {49, 53} <= origins
    assert np.isfinite(splits["train"].inputs).all()


def test_calendar_tells_hour_and_weekday(tmp_path: Path) -> None:
    _, splits = prepared(tmp_path, table())
    inputs = splits["train"].inputs  # starts on a Saturday at midnight
    assert inputs[[0, 6, 12], 1:3].round(6).tolist() == [[0, 1], [1, 0], [0, -1]]
    saturday = 2 * np.pi * 5 / 7
    np.testing.assert_allclose(inputs[23, 3:], [np.sin(saturday), np.cos(saturday)], atol=1e-6)
    assert inputs[24, 3] != inputs[23, 3]


def test_calendar_may_be_off_and_days_have_no_hour(tmp_path: Path) -> None:
    for number, (freq, calendar, width) in enumerate([("h", False, 1), ("D", True, 3)]):
        raw = tmp_path / str(number)
        raw.mkdir()
        assert prepared(raw, table(freq=freq), calendar=calendar)[0].feature_shape == (width,)


@pytest.mark.parametrize(
    ("freq", "step", "size", "label"),
    [("h", "hour", 1, "-12 h"), ("15min", "minute", 15, "-180 min"), ("D", "day", 1, "-12 d")],
)
def test_the_grid_names_the_step(
    tmp_path: Path, freq: str, step: str, size: float, label: str
) -> None:
    spec, splits = prepared(tmp_path, table(freq=freq))
    assert (spec.step, spec.step_size) == (step, size)
    assert SERIES.step_labels(splits["test"].sequence(0), spec)[0] == label


def test_splits_may_start_at_dates(tmp_path: Path) -> None:
    dates = {"valid_from": "2020-02-08", "test_from": "2020-02-11T12:00"}
    spec, splits = prepared(tmp_path, table(), **dates)
    firsts = [unscaled(splits[name].targets, spec)[0, 0] for name in ("valid", "test")]
    assert firsts == [7 * 24, 10 * 24 + 12]


def test_rows_may_be_repeated_and_out_of_order(tmp_path: Path) -> None:
    frame = table(30)
    path = tmp_path / "series.csv"
    pd.concat([frame, frame[5:7]]).sample(frac=1, random_state=0).to_csv(path, index=False)
    timeline = read_timeline(path, "ts", ("y",), max_gap=0)
    assert timeline.values[:, 0].tolist() == list(range(30))
    assert timeline.step == 3600


def test_offsets_become_utc(tmp_path: Path) -> None:
    path = tmp_path / "series.csv"
    path.write_text(
        "ts,y\n2020-10-25T01:00+02:00,1\n2020-10-25T02:00+02:00,2\n2020-10-25T02:00+01:00,3\n"
    )
    timeline = read_timeline(path, "ts", ("y",), max_gap=0)
    assert timeline.values[:, 0].tolist() == [1, 2, 3]
    assert timeline.times[0] == pd.Timestamp("2020-10-24 23:00")


HOURS = "2020-01-01 00:00,1\n2020-01-01 01:00,2\n2020-01-01 02:00,3\n"


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("2020-01-01 03:00,many\n", "line 5: column 'y': expected a number, found 'many'"),
        ("2020-01-01 03:00,inf\n", "line 5: column 'y': expected a number, found 'inf'"),
        (
            "31/12/2020,4\n",
            r"line 5: column 'ts': expected a time such as 20.*`time_format: '%d/",
        ),
        (
            "1/2/2020,4\n",
            "'1/2/2020'; `time_format: '%d/%m/%Y'` or `time_format: '%m/%d/%Y'`",
        ),
        ("soon,4\n", "expected a time such as 2019-08-31 22:00, found 'soon'$"),
        (",4\n", "line 5: column 'ts': expected a time"),
        ("2020-01-01 01:00,9\n", "line 5: the same time as line 3 with other values"),
        ("2020-01-01 03:30,4\n", r"line 5: .*03:30.* is not on the grid of 3600 s"),
        ("2220-01-01 03:00,4\n", "line 4: nine in ten .* before line 5"),
        ("2020-01-01 03:00,4,5\n", "line 5: expected 2 cells"),
    ],
)
def test_a_bad_row_is_told_by_its_line(tmp_path: Path, extra: str, message: str) -> None:
    path = tmp_path / "series.csv"
    path.write_text("ts,y\n" + HOURS + extra)
    with pytest.raises(InputError, match=message) as caught:
        read_timeline(path, "ts", ("y",), max_gap=3)
    assert "series.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "Y1"}, "no column named 'Y1'"),
        ({"lookback": 200}, "no window of 200 .* for train"),
        ({"valid": 1, "test": 1}, "no window of .* for valid"),
        ({"valid": 200, "test": 200}, "leave a split empty; 300 steps"),
        ({"test_from": "2031-01-01"}, "leave a split empty"),
        ({"season": 180}, "no two a season of 180 apart"),
        ({"covariates": ["y"]}, "column 'y' is named twice"),
        ({"test": 1.5}, "test: expected a fraction or a whole number"),
    ],
)
def test_options_that_cannot_hold_are_told(
    tmp_path: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        prepared(tmp_path, table(), **options)


def test_a_new_table_is_read_as_prepare_did(tmp_path: Path) -> None:
    frame = table()
    spec, splits = prepared(tmp_path, frame, covariates=["x"])
    last = len(splits["test"]) - 1
    origin = unscaled(splits["test"].targets, spec)[last, 0]
    frame[origin - 20 : origin].to_csv(tmp_path / "new.csv", index=False)
    ((name, steps, *_),) = SERIES.read(str(tmp_path / "new.csv"), spec)
    assert name == splits["test"].examples()[last]["id"]
    np.testing.assert_array_equal(steps, splits["test"].sequence(last))


def test_a_new_table_too_short_or_with_a_gap_is_refused(tmp_path: Path) -> None:
    spec, _ = prepared(tmp_path, table())
    table(11).to_csv(tmp_path / "new.csv", index=False)
    with pytest.raises(InputError, match=r"new\.csv: 11 steps; the forecast needs the last 12"):
        SERIES.read(str(tmp_path / "new.csv"), spec)
    table(40).drop(index=[3, 30, 32]).to_csv(tmp_path / "new.csv", index=False)
    with pytest.warns(InputWarning, match=r"new\.csv: 2 of the last 12 steps were missing"):
        SERIES.read(str(tmp_path / "new.csv"), spec)
    table(40).drop(index=range(30, 35)).to_csv(tmp_path / "new.csv", index=False)
    with pytest.raises(InputError, match=r"a gap at 2020-02-02T06:00:00"):
        SERIES.read(str(tmp_path / "new.csv"), spec)


def calendar_series(folder: Path, freq: str, count: int = 160) -> Path:
    times = pd.date_range("2001-01-01", periods=count, freq=freq)
    folder.mkdir()
    rows = [f"{time.date()},{n % 12 + n / 50}\n" for n, time in enumerate(times)]
    (folder / "series.csv").write_text("when,y\n" + "".join(rows))
    return folder


@pytest.mark.parametrize(
    ("freq", "step", "label", "features"),
    [("MS", "month", "-12 mo", 3), ("B", "business day", "-12 bd", 3), ("YS", "year", "-12 y", 1)],
)
def test_steps_of_the_calendar(
    tmp_path: Path, freq: str, step: str, label: str, features: int
) -> None:
    raw = calendar_series(tmp_path / "raw", freq)
    options = SeriesOptions(time="when", target="y", lookback=12, horizon=3, season=12, stride=1)
    spec = Series().prepare(raw, tmp_path / "out", options, seed=0)
    assert (spec.step, spec.step_size, spec.feature_shape) == (step, 1.0, (features,))
    split = Split(tmp_path / "out" / "train")
    assert len(split) == 128 - 12 - 3 + 1, "no step is made up"
    assert Series().step_labels(split.sequence(0), spec)[0] == label
    ((origin, steps, *_),) = Series().read(str(raw / "series.csv"), spec)
    assert steps.shape == (12, features)
    assert origin.startswith((raw / "series.csv").read_text().splitlines()[-1].split(",")[0])


def test_what_was_made_up_is_not_scored(tmp_path: Path) -> None:
    raw = calendar_series(tmp_path / "raw", "MS")
    lines = (raw / "series.csv").read_text().splitlines(keepends=True)
    del lines[-8], lines[60]
    (raw / "series.csv").write_text("".join(lines))
    options = SeriesOptions(time="when", target="y", lookback=12, horizon=5, season=12, stride=1)
    Series().prepare(raw, tmp_path / "out", options, seed=0)
    # 16 steps of test hold 12 horizons of 5: 5 of them hold such a step, one begins after it.
    assert len(Split(tmp_path / "out" / "test")) == 12 - 5 - 1
    # Train learns from all but the window that begins after it and that which ends with it.
    assert len(Split(tmp_path / "out" / "train")) == 128 - 12 - 5 + 1 - 2


def local(frame: pd.DataFrame, zone: str) -> pd.DataFrame:
    """What the clocks of a place show at the times of a table, which are UTC."""
    shown = frame["ts"].dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None)
    return frame.assign(ts=shown)


def test_times_of_a_place_are_told_apart_when_summer_ends_and_begins(tmp_path: Path) -> None:
    utc = pd.DataFrame({"ts": pd.date_range("2022-03-20", periods=6000, freq="h")})
    utc = utc.assign(y=np.arange(6000.0))
    spec, splits = prepared(tmp_path, local(utc, "Europe/Madrid"), timezone="Europe/Madrid")
    assert len(splits["train"].inputs) == 6000 - 120 - 4, "no hour is lost, none stands twice"
    path = tmp_path / "series.csv"
    steps = SERIES.read(str(path), spec)[0][1]
    clock = (utc["ts"].dt.tz_localize("UTC").dt.tz_convert("Europe/Madrid").dt.hour)[-12:]
    assert np.allclose(steps[:, 1], np.sin(2 * np.pi * clock / 24), atol=1e-6), "as people live"
    with pytest.raises(InputError, match="the same time as .* other values; .*`timezone:`"):
        read_timeline(path, "ts", ("y",), 3)


@pytest.mark.parametrize(
    ("drop", "told"),
    [
        (
            "2022-10-30 00:00",
            r"series\.csv: column 'ts': when summer ends in Europe/Ma",
        ),
        ("", r"line 2: column 'ts': expected a time that clocks show in Europe/Madrid, found"),
        ("Z", r"line 2: column 'ts': expected a time without an offset, since it is of Europe/Mad"),
    ],
)
def test_a_time_that_no_clock_showed_or_one_that_two_did(
    drop: str, told: str, tmp_path: Path
) -> None:
    utc = pd.DataFrame({"ts": pd.date_range("2022-10-28", periods=96, freq="h")}).assign(y=1.0)
    shown = local(utc[utc["ts"] != drop] if len(drop) > 1 else utc, "Europe/Madrid")
    shown = shown.assign(ts=shown["ts"].astype(str))
    if len(drop) < 2:
        shown.loc[0, "ts"] = f"2022-03-27 02:30:00{drop}"
    shown.to_csv(tmp_path / "series.csv", index=False)
    with pytest.raises(InputError, match=told):
        read_timeline(tmp_path / "series.csv", "ts", ("y",), 3, clock=Clock("Europe/Madrid"))


def test_an_unknown_time_zone_is_told() -> None:
    with pytest.raises(InputError, match=r"timezone: no such time zone; did you mean 'Europe/Madr"):
        parse(SeriesOptions, {**BASE, "timezone": "Europe/Madird"}, "prepare")


def test_rows_that_jitter_come_to_their_steps(tmp_path: Path) -> None:
    frame = table(300, "10min")
    jitter = np.random.default_rng(0).integers(-4, 5, 300)
    frame = frame.assign(ts=frame["ts"] + pd.to_timedelta(jitter, unit="s")).drop(index=[7, 20])
    with pytest.raises(InputError, match="not on the grid"):
        frame.to_csv(tmp_path / "series.csv", index=False)
        read_timeline(tmp_path / "series.csv", "ts", ("y",), 3)
    timeline = read_timeline(tmp_path / "series.csv", "ts", ("y",), 3, clock=Clock(tolerance=5))
    assert timeline.step == 600 and timeline.times[0] == pd.Timestamp("2020-02-01")
    assert np.allclose(timeline.values[:, 0], np.arange(300)) and (~timeline.observed).sum() == 2
    frame.loc[100, "ts"] += pd.Timedelta(seconds=60)
    frame.to_csv(tmp_path / "series.csv", index=False)
    with pytest.raises(InputError, match="line 100: .* is not on the grid of 600 s"):
        read_timeline(tmp_path / "series.csv", "ts", ("y",), 3, clock=Clock(tolerance=5))


def test_rows_at_any_times_stay_rows_and_say_how_long_it_was(tmp_path: Path) -> None:
    frame = table()
    minutes = np.random.default_rng(0).exponential(60, STEPS).round() + 1
    frame["ts"] = pd.Timestamp("2020-02-01") + pd.to_timedelta(np.cumsum(minutes), unit="min")
    frame.loc[200, "y"] = np.nan
    with pytest.raises(InputError, match="is not on the grid"):
        prepared(tmp_path, frame)
    shutil.rmtree(tmp_path / "out")
    with pytest.raises(InputError, match="season: rows that come at any time have none"):
        prepared(tmp_path, frame, irregular=True)
    shutil.rmtree(tmp_path / "out")
    spec, splits = prepared(tmp_path, frame, irregular=True, season=1, calendar=False)
    assert (spec.step, spec.step_size, spec.feature_shape) == ("row", 1.0, (2,))
    usual = np.median(minutes[1:FIRST_VALID])
    assert spec.options["usual_gap"] == 60 * usual
    window = splits["train"].sequence(5)
    assert unscaled(window[:, 0], spec).tolist() == list(range(5, 17))
    assert window[:, 1] == pytest.approx(np.log(minutes[5:17] / usual), rel=1e-5)
    assert unscaled(splits["train"].targets[5], spec).tolist() == [17, 18, 19, 20]
    answers = unscaled(splits["valid"].targets, spec)  # no window holds the row without a value
    assert 199 in answers and 200 not in answers and 213 not in answers and 214 in answers
    assert SERIES.step_labels(window, spec)[-1] == "-1 row"
    new = frame.iloc[100:150]
    new.to_csv(tmp_path / "new.csv", index=False)
    (latest,) = SERIES.read(str(tmp_path / "new.csv"), spec)
    assert latest.name == new["ts"].iloc[-1].isoformat()
    assert latest.steps[:, 1] == pytest.approx(np.log(minutes[138:150] / usual), rel=1e-5)


@pytest.mark.parametrize("form", ["%d.%m.%Y %H:%M", "%m/%d/%Y %I:%M %p", "seconds", "milliseconds"])
def test_times_written_in_another_way_are_the_same(tmp_path: Path, form: str) -> None:
    """In training and in what is asked later."""
    folders = [tmp_path / name for name in ("iso", "own")]
    for folder in folders:
        folder.mkdir()
    frame = table()
    known, iso = prepared(folders[0], frame)
    since = frame["ts"].to_numpy("datetime64[ms]").astype(np.int64)
    named = {"seconds": since // 1000, "milliseconds": since}
    times = named[form] if form in named else frame["ts"].dt.strftime(form)
    spec, own = prepared(folders[1], frame.assign(ts=times), time_format=form)
    for name in SPLITS:
        np.testing.assert_array_equal(own[name].inputs, iso[name].inputs)
        assert own[name].examples()[0] == iso[name].examples()[0]
    (window,) = SERIES.read(str(folders[1] / "series.csv"), spec)
    (like,) = SERIES.read(str(folders[0] / "series.csv"), known)
    np.testing.assert_array_equal(window.steps, like.steps)
    with pytest.raises(InputError, match="column 'ts': expected a time such as .*, found '2020-0"):
        SERIES.read(str(folders[0] / "series.csv"), spec)


def test_a_time_format_that_is_none_is_refused() -> None:
    for form in ("dd.mm.yyyy", "%d.%m.", "%Q"):
        with pytest.raises(InputError, match="time_format: expected codes such as '%d.%m.%Y"):
            parse(SeriesOptions, {**BASE, "time_format": form}, "prepare")
