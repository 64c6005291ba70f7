"""Panels: several series in one table, each on its own scale, split at the same moments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqarena.baselines.registry import BASELINES
from seqarena.config import parse
from seqarena.data.batches import Batches
from seqarena.data.modalities.series import Series, SeriesOptions
from seqarena.data.store import SPLITS, Array, DataSpec, Prepared, in_unit, scales_of, write_spec
from seqarena.errors import InputError, InputWarning
from seqarena.evaluation.by_series import by_series
from seqarena.evaluation.estimand import groups_of
from seqarena.evaluation.scoring import judge_on_valid
from seqarena.predict import Predictor, save_model, stacked
from seqarena.tasks import TASKS
from seqarena.tasks.quantile_forecasting import LEVELS
from support import scores_of

DAYS, FIRST_VALID, FIRST_TEST = 120, 80, 100
STATIC = {"a": ("north", 10), "b": ("south", 20), "c": ("north", 30)}
BASE = {"time": "day", "target": "sold", "series": "shop", "lookback": 14, "horizon": 7}
BASE |= {"season": 7, "stride": 1, "max_gap": 2, "valid": 20, "test": 20}


def sold(shop: str, days: Array) -> Array:
    """What three shops sell: `a` a line, `b` a week again and again, `c` the days squared."""
    return {"a": 5.0 * days, "b": 1000.0 + 100 * (days % 7), "c": days**2 / 100.0}[shop]


def table(shops: str = "abc", begin: int = 0, end: int = DAYS) -> pd.DataFrame:
    days = np.arange(begin, end)
    times = pd.Timestamp("2021-03-01") + pd.to_timedelta(days, unit="D")
    return pd.concat(
        pd.DataFrame({
            "day": times, "shop": shop, "sold": sold(shop, days),
            "region": STATIC[shop][0], "size": STATIC[shop][1],
        })
        for shop in shops
    )  # fmt: skip


def prepared(folder: Path, frame: pd.DataFrame, **options: object) -> Prepared:
    (folder / "out").mkdir(parents=True)
    frame.to_csv(folder / "series.csv", index=False)
    given = {name: value for name, value in {**BASE, **options}.items() if value is not None}
    spec = Series().prepare(folder, folder / "out", parse(SeriesOptions, given, "prepare"), 0)
    write_spec(folder / "out" / "spec.json", spec)
    return Prepared(folder / "out")


def days_of(data: Prepared, split: str, shop: str) -> Array:
    """Return the days of the targets of a shop ``(N, H)``, by the origins of its windows."""
    start = pd.Timestamp("2021-03-01")
    ids = [e["id"] for e in data.split(split).examples() if e["series"] == shop]
    first = [(pd.Timestamp(name.removeprefix(f"{shop} ")) - start).days + 1 for name in ids]
    return np.array(first)[:, None] + np.arange(7)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.npy")}


def test_all_series_are_split_at_the_same_moments_and_no_window_spans_two(tmp_path: Path) -> None:
    data = prepared(tmp_path, table())
    bounds = {"train": (14, FIRST_VALID), "valid": (FIRST_VALID, FIRST_TEST), "test": (100, DAYS)}
    for name, (begin, end) in bounds.items():
        split = data.split(name)
        examples, scales = split.examples(), scales_of(split, data.spec)
        inputs = np.stack([split.sequence(n)[:, 0] for n in range(len(split))])
        inputs, targets = in_unit(inputs, scales), in_unit(split.targets, scales)
        for shop in "abc":
            mine = [n for n, example in enumerate(examples) if example["series"] == shop]
            days = days_of(data, name, shop)
            assert (days.min(), days.max()) == (begin, end - 1)
            assert len(mine) == end - begin - 6
            np.testing.assert_allclose(targets[mine], sold(shop, days), rtol=1e-5, atol=1e-3)
            before = days[:, :1] + np.arange(-14, 0)
            np.testing.assert_allclose(inputs[mine], sold(shop, before), rtol=1e-5, atol=1e-3)
    assert data.spec.sizes == {"train": 180, "valid": 42, "test": 42}


def test_each_series_is_scaled_by_its_own_train(tmp_path: Path) -> None:
    data = prepared(tmp_path, table())
    split = data.split("train")
    assert split.scales is not None and split.scales.shape == (180, 3)
    shops = [example["series"] for example in split.examples()]
    days = np.arange(FIRST_VALID)
    naive = {"a": 35.0, "b": 0.0, "c": np.mean(days[7:] ** 2 - days[:-7] ** 2) / 100}
    for shop, wanted in naive.items():
        scales = np.unique(split.scales[[name == shop for name in shops]], axis=0)
        values = sold(shop, days)
        np.testing.assert_allclose(scales, [[values.mean(), values.std(), wanted]], atol=1e-9)


def test_windows_of_one_week_are_one_draw_whatever_their_series(tmp_path: Path) -> None:
    test = prepared(tmp_path, table(), horizon=3).split("test")
    groups, examples = groups_of(test), test.examples()
    assert len(examples) == 54 and examples[0]["id"] == "a 2021-06-08T00:00:00"
    weeks: dict[str, set[int]] = {}
    for example, group in zip(examples, groups, strict=True):
        weeks.setdefault(example["id"][2:], set()).add(int(group))
    assert all(len(found) == 1 for found in weeks.values()), "a day is in one group for all shops"
    assert len(set(groups)) == 3, "18 days from a Tuesday on"


def test_the_order_of_rows_does_not_matter(tmp_path: Path) -> None:
    one = prepared(tmp_path / "one", table())
    two = prepared(tmp_path / "two", table().sample(frac=1, random_state=1))
    assert files(one.folder) == files(two.folder) and one.spec == two.spec
    assert one.split("test").examples() == two.split("test").examples()


@pytest.mark.parametrize("shop", "abc")
def test_one_series_by_its_name_is_that_series(shop: str, tmp_path: Path) -> None:
    named = prepared(tmp_path / "named", table(shop))
    alone = prepared(tmp_path / "alone", table(shop), series=None)
    wanted, found = files(alone.folder), files(named.folder)
    scales = {name: found.pop(name) for name in sorted(found) if name.endswith("scales.npy")}
    assert found == wanted and len(scales) == 3
    for split in SPLITS:
        np.testing.assert_array_equal(
            scales_of(named.split(split), named.spec), scales_of(alone.split(split), alone.spec)
        )


def test_series_that_begin_late_or_end_early_keep_to_the_moments_of_all(tmp_path: Path) -> None:
    frame = pd.concat([table("a", 0, 90), table("b", 40), table("c")])
    data = prepared(tmp_path, frame)
    assert days_of(data, "train", "b").min() == 54
    assert days_of(data, "valid", "a").max() == 89 and days_of(data, "test", "c").min() == 100
    assert {e["series"] for e in data.split("test").examples()} == {"b", "c"}


def test_a_series_with_too_little_train_is_left_out_and_told(tmp_path: Path) -> None:
    with pytest.warns(InputWarning, match=r"series\.csv: too little train .*14 \+ 7.* out: 'b'$"):
        data = prepared(tmp_path, pd.concat([table("ac"), table("b", 61)]))
    shops = [{e["series"] for e in data.split(name).examples()} for name in SPLITS]
    assert shops == [{"a", "c"}] * 3
    with pytest.raises(InputError, match=r"no window of 14 \+ 7 steps .* for train"):
        prepared(tmp_path / "none", table("abc", 61), valid=30)


def test_gaps_are_those_of_a_series(tmp_path: Path) -> None:
    frame = table()
    gone = (frame["shop"] == "a") & frame["sold"].isin([5.0 * 50, 5.0 * 110])
    data = prepared(tmp_path, frame[~gone])
    assert not (days_of(data, "test", "a") == 110).any(), "what is made up is never scored"
    assert (days_of(data, "test", "b") == 110).any()
    assert 49 in days_of(data, "train", "a"), "learned from, interpolated"


def test_what_is_static_stands_at_each_step(tmp_path: Path) -> None:
    data = prepared(tmp_path, table(), static=["region", "size"], calendar=False)
    split = data.split("train")
    shops = np.array([example["series"] for example in split.examples()])
    size = np.sqrt(1.5)  # 10, 20, 30 of mean 0 and deviation 1
    wanted = {"a": [1, 0, -size], "b": [0, 1, 0], "c": [1, 0, size]}
    for shop, features in wanted.items():
        steps = split.sequence(int(np.argmax(shops == shop)))
        np.testing.assert_allclose(steps[:, 1:], np.tile(features, (14, 1)), atol=1e-6)
    frame = table("b", 50).assign(shop="new", region="west", size=40)
    frame.to_csv(tmp_path / "new.csv", index=False)
    (found,) = Series().read(str(tmp_path / "new.csv"), data.spec)
    np.testing.assert_allclose(found.steps[0, 1:], [0, 0, 2 * size], atol=1e-6)


def test_a_new_table_has_a_window_of_each_series_on_its_scale(tmp_path: Path) -> None:
    data = prepared(tmp_path, table())
    new = table("c", 60).assign(shop="new")
    gap = table("b").drop(index=range(100, 110))
    pd.concat([table("a"), new, gap]).to_csv(tmp_path / "new.csv", index=False)
    with pytest.warns(InputWarning, match="series 'b': a gap at .* must be there; it is left out"):
        found = Series().read(str(tmp_path / "new.csv"), data.spec)
    assert [each.name for each in found] == ["a 2021-06-28T00:00:00", "new 2021-06-28T00:00:00"]
    own = {"a": sold("a", np.arange(80)), "new": sold("c", np.arange(60, 120))}
    for each, shop, values in zip(found, "ac", own.values(), strict=True):
        assert each.scale is not None
        np.testing.assert_allclose(each.scale[:2], [values.mean(), values.std()])
        last = in_unit(each.steps[None, :, 0], each.scale[None])[0]
        np.testing.assert_allclose(last, sold(shop, np.arange(106, 120)), rtol=1e-5)


@pytest.mark.parametrize(
    ("edit", "options", "message"),
    [
        ({}, {"series": None}, "the same time as .* other values; .*`series:` names what tells"),
        ({}, {"series": "shops"}, "no column named 'shops'; did you mean 'shop'"),
        ({}, {"series": "sold"}, "column 'sold' is named twice"),
        ({}, {"series": None, "static": ["size"]}, "static: needs `series`"),
        ({"size": 7}, {"static": ["size"]}, r"line 7: column 'size': '7', but '10' in line 2; it"),
        ({"shop": ""}, {}, "line 7: the cell 'shop' is empty"),
        ({"region": ""}, {"static": ["region"]}, "line 7: the cell 'region' is empty"),
        ({"day": "2021-03-06 01:00"}, {}, "line 7: .* is not on the grid of 86400 s"),
    ],
)
def test_a_table_that_is_no_panel_is_told(
    tmp_path: Path, edit: dict[str, object], options: dict[str, object], message: str
) -> None:
    frame = table().astype(object)
    for column, value in edit.items():
        frame.iloc[5, list(frame).index(column)] = value
    with pytest.raises(InputError, match=message):
        prepared(tmp_path, frame, **options)


def test_all_series_have_the_step_on_which_all_of_them_lie(tmp_path: Path) -> None:
    weekdays = table("ac")[lambda frame: frame["day"].dt.day_of_week < 5]
    data = prepared(tmp_path, pd.concat([weekdays, table("b")]))
    assert (data.spec.step, data.spec.step_size) == ("day", 1.0)
    spec: DataSpec = prepared(tmp_path / "b", weekdays, lookback=10, horizon=5, season=5).spec
    assert spec.step == "business day"


def errors_by_hand(shop: str, days: Array, season: int) -> Array:
    """Return the errors of the value so many days before the first target, or the season before."""
    ahead = np.arange(7)
    origins = days[:, :1] - 1
    before = origins + np.zeros(7, int) if season == 1 else origins + 1 - season + ahead
    return np.abs(sold(shop, days) - sold(shop, before))


@pytest.mark.parametrize(("name", "season"), [("persistence", 1), ("seasonal_naive", 7)])
def test_errors_are_in_the_unit_of_the_data_and_of_each_series(
    name: str, season: int, tmp_path: Path
) -> None:
    data, task = prepared(tmp_path, table()), TASKS["forecasting"]
    forecasts = BASELINES[name].predict(data, judge_on_valid(data, task, "mae"))
    batch = Batches(data.split("test"), 1).gather(np.arange(42))
    output = task.output_from_predictions(list(forecasts), batch)
    scores = scores_of(task, output, batch, data.spec)
    errors = {shop: errors_by_hand(shop, days_of(data, "test", shop), season) for shop in "abc"}
    every = np.concatenate(list(errors.values()))
    assert scores["mae"] == pytest.approx(every.mean(), rel=1e-5)
    assert scores["rmse"] == pytest.approx(np.sqrt((every**2).mean()), rel=1e-5)
    days = np.arange(7, FIRST_VALID)
    naive = {shop: np.abs(sold(shop, days) - sold(shop, days - 7)).mean() for shop in "ac"}
    by_hand = [errors[shop] / naive[shop] for shop in "ac"]  # that of b is always right on train
    assert scores["mase"] == pytest.approx(np.concatenate(by_hand).mean(), rel=1e-5)
    for metric, scale in (("mae", {"a": 1.0, "b": 1.0, "c": 1.0}), ("mase", naive)):
        rows = task.metrics[metric].statistics(output, batch, data.spec)
        found = by_series(task.metrics[metric], data.split("test"), {name: [rows, rows]})
        for shop, summary in found.items():
            assert summary.test_examples == 14
            if shop in scale:
                wanted = errors[shop].mean() / scale[shop]
                assert summary.values[name] == pytest.approx(wanted, rel=1e-5, abs=1e-3)
            else:
                assert summary.values[name] is None


def test_quantiles_are_in_the_unit_of_each_series(tmp_path: Path) -> None:
    data, task = prepared(tmp_path, table("ab")), TASKS["quantile_forecasting"]
    test = data.split("test")
    baseline = BASELINES["seasonal_naive_quantiles"]
    assert baseline.predict(data, judge_on_valid(data, task, "crps")).shape == (28, 63)
    batch = Batches(test, 1).gather(np.arange(28))
    off = np.repeat(test.targets, len(LEVELS), axis=1) + 1.0  # by one deviation of its own
    output = task.output_from_predictions(list(off), batch)
    scores = scores_of(task, output, batch, data.spec)
    stds = scales_of(test, data.spec)[:, 1]
    assert scores["crps"] == pytest.approx(stds.mean()) and stds[0] != stds[-1]
    assert scores["mae"] == pytest.approx(stds.mean())
    for answer, truth, std in zip(
        task.predict(output, batch, data.spec),
        in_unit(test.targets, scales_of(test, data.spec)),
        stds,
        strict=True,
    ):
        np.testing.assert_allclose(answer["forecast"], truth + std, rtol=1e-5)


def test_a_linear_map_learns_from_all_series(tmp_path: Path) -> None:
    data, task = prepared(tmp_path, table("ab")), TASKS["forecasting"]
    forecasts = BASELINES["linear"].predict(data, judge_on_valid(data, task, "mae"))
    test = data.split("test")
    assert np.abs(forecasts - test.targets).max() < 0.2, "a line and a week, both known by heart"


def test_a_model_answers_in_the_unit_of_each_series(tmp_path: Path) -> None:
    data, task = prepared(tmp_path, table("ab")), TASKS["forecasting"]
    asked = {"width": 4, "layers": 1, "dropout": 0.0, "patch": 2}
    model = task.model("gru", data.spec, asked)
    about = {"task": "forecasting", "variant": "gru", "hyperparameters": asked}
    save_model(tmp_path / "model", model.state_dict(), data.spec, about)
    predictor, source = Predictor(tmp_path / "model"), str(tmp_path / "series.csv")
    inputs = Series().read(source, predictor.spec)
    steps, scales = [each.steps for each in inputs], stacked(each.scale for each in inputs)
    assert scales is not None and scales.shape == (2, 3)
    scaled = [answer["forecast"] for answer in predictor.predict(steps)]
    for answer, raw, scale in zip(
        predictor.predict(steps, None, scales), scaled, scales, strict=True
    ):
        np.testing.assert_allclose(answer["forecast"], np.array(raw) * scale[1] + scale[0])
