"""Several targets of one table: each is forecast from the history of all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqarena.baselines.registry import BASELINES
from seqarena.config import Experiment, parse
from seqarena.data.batches import Batches
from seqarena.data.modalities.series import Series, SeriesOptions
from seqarena.data.store import SPLITS, Prepared, in_unit, scales_of
from seqarena.errors import InputError
from seqarena.evaluation.by_series import by_series
from seqarena.evaluation.scoring import judge_on_valid
from seqarena.figures.look import look_over
from seqarena.fit import Training
from seqarena.inference import evaluate
from seqarena.predict import Predictor, stacked
from seqarena.tasks import TASKS
from support import prepare_raw, save_trained

DAYS = 200
BASE = {"time": "day", "target": ["load", "heat"], "covariates": ["rain"], "lookback": 6}
BASE |= {"horizon": 3, "season": 1, "stride": 1, "valid": 0.2, "test": 0.2, "calendar": False}
PLAIN = {"learning_rate": 1e-2, "width": 16, "dropout": 0.0, "weight_decay": 0.0, "patch": 1}
PLAIN |= {"layers": 1, "window_norm": "none"}


def table(shops: str = "a", days: int = DAYS) -> pd.DataFrame:
    """Make a table in which heat says one day before what the load will be."""
    random = np.random.default_rng(0)
    frames = []
    for shop in shops:
        heat = random.normal(size=days + 1)
        columns = {"load": 1000 + 50 * heat[:-1], "heat": heat[1:], "rain": random.random(days)}
        times = pd.date_range("2021-03-01", periods=days)
        frames.append(pd.DataFrame({"day": times, "shop": shop, **columns}))
    return pd.concat(frames)


def prepared(folder: Path, frame: pd.DataFrame, **options: object) -> Prepared:
    folder.mkdir(exist_ok=True)
    frame.to_csv(folder / "series.csv", index=False)
    chosen = parse(SeriesOptions, {**BASE, **options}, "prepare")
    return prepare_raw(Series(), folder, folder / "out", chosen)


@pytest.mark.parametrize("shops", ["", "ab"])
def test_each_target_comes_first_in_windows_of_its_own(shops: str, tmp_path: Path) -> None:
    frame = table(shops or "a")
    data = prepared(tmp_path, frame, **({"series": "shop"} if shops else {}))
    assert data.spec.feature_shape == (5,), "the target, the other, rain, and which it is"
    for split in map(data.split, SPLITS):
        scales, targets = (
            scales_of(split, data.spec),
            in_unit(split.targets, scales_of(split, data.spec)),
        )
        examples, seen = split.examples(), set[str]()
        for n in range(0, len(split), 7):
            name, _, origin = examples[n]["id"].rpartition(" ")
            shop, _, target = name.rpartition(" ")
            mine = frame[frame["shop"] == shop] if shops else frame
            mine = mine.set_index("day")
            end, steps = mine.index.get_loc(pd.Timestamp(origin)) + 1, split.sequence(n)
            known = in_unit(steps[None, :, 0], scales[n : n + 1])[0]
            np.testing.assert_allclose(known, mine[target].iloc[end - 6 : end], rtol=1e-5)
            np.testing.assert_allclose(targets[n], mine[target].iloc[end : end + 3], rtol=1e-4)
            other = mine[{"load": "heat", "heat": "load"}[target]].iloc[end - 6 : end]
            assert np.corrcoef(steps[:, 1], other)[0, 1] > 0.999
            assert steps[:, 3:].tolist() == [[target == "heat", target == "load"]] * 6
            seen.add(name)
        assert seen <= {f"{s} {t}".strip() for s in shops or [""] for t in ("load", "heat")}
        assert len({example["series"] for example in examples}) == 2 * max(1, len(shops))


def test_errors_are_told_of_each_target_in_its_unit(tmp_path: Path) -> None:
    data, task = prepared(tmp_path, table()), TASKS["forecasting"]
    test = data.split("test")
    found = BASELINES["persistence"].predict(data, judge_on_valid(data, task, "mae"))
    batch = Batches(test, 1).gather(np.arange(len(test)))
    output = task.output_from_predictions(list(found), batch)
    for metric, close in (("mae", 30), ("mase", 1.2)):
        rows = task.metrics[metric].statistics(output, batch, data.spec)
        scores = by_series(task.metrics[metric], test, {"persistence": [rows]})
        load, heat = (scores[name].values["persistence"] for name in ("load", "heat"))
        assert load is not None and heat is not None
        assert load / heat > close if metric == "mae" else 1 / close < load / heat < close
        assert task.metrics[metric].of(rows) == pytest.approx((load + heat) / 2)


def test_one_target_in_a_list_is_that_target(tmp_path: Path) -> None:
    one = prepared(tmp_path / "one", table(), target=["load"])
    plain = prepared(tmp_path / "plain", table(), target="load")
    assert one.spec == plain.spec
    for split in SPLITS:
        for name in ("inputs", "targets"):
            path = Path(split) / f"{name}.npy"
            assert (one.folder / path).read_bytes() == (plain.folder / path).read_bytes()


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (["load", "load"], "column 'load' is named twice"),
        (["load", "rain"], "column 'rain' is named twice"),
        ([], "target: expected a column"),
    ],
)
def test_targets_that_are_none_are_told(target: list[str], told: str) -> None:
    with pytest.raises(InputError, match=told):
        parse(SeriesOptions, {**BASE, "target": target}, "prepare")


def test_what_one_target_tells_of_another_is_learned_and_answered_in_its_unit(
    tmp_path: Path, experiment: Callable[..., Experiment]
) -> None:
    frame = table(days=1000)
    errors: dict[str, float] = {}
    config = experiment("series", ("gru",), epochs=8, batch_size=32)
    for name, options in (("both", {}), ("alone", {"target": "load"})):
        data = prepared(tmp_path / name, frame, covariates=[], horizon=1, **options)
        training = Training(config, data, "gru", PLAIN, 0)
        list(training.epochs())
        test, asked = data.split("test"), training.task
        found = evaluate(training.model, asked, test, data.spec, config.protocol, ["mase"])
        errors[name] = found[1]["mase"]
    assert errors["both"] < 0.7 * errors["alone"]
    both = Prepared(tmp_path / "both" / "out")
    training = Training(config, both, "gru", PLAIN, 0)
    predictor = Predictor(save_trained(tmp_path / "model", training, "forecasting", "gru"))
    inputs = Series().read(str(tmp_path / "both" / "series.csv"), predictor.spec)
    assert [each.name.partition(" ")[0] for each in inputs] == ["load", "heat"]
    steps: list[Any] = [each.steps for each in inputs]
    load, heat = predictor.predict(steps, None, stacked(each.scale for each in inputs))
    assert 800 < load["forecast"][0] < 1200 and -4 < heat["forecast"][0] < 4


def test_pages_draw_them(tmp_path: Path) -> None:
    data = prepared(tmp_path, table())
    (tmp_path / "page").mkdir()
    page = look_over("house", data, tmp_path / "page")
    assert len(page.examples) == 6
    assert ("series", "2: heat, load") in page.facts
