"""Columns whose values over the horizon are known: where they stand, and who may see what."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch

from seqarena.baselines.registry import BASELINES
from seqarena.config import Experiment, parse
from seqarena.data.batches import Batch, collate
from seqarena.data.modalities.series import Series, SeriesOptions
from seqarena.data.store import SPLITS, Array, DataSpec, Prepared
from seqarena.errors import InputError
from seqarena.evaluation.scoring import judge_on_valid
from seqarena.figures.look import look_over
from seqarena.fit import Training
from seqarena.inference import evaluate
from seqarena.models.variants import VARIANTS
from seqarena.models.window_norm import CHOICES
from seqarena.tasks import TASKS
from support import prepare_raw

Choose = Callable[..., dict[str, Any]]
DAYS, LOOKBACK, HORIZON = 160, 12, 5
BASE = {"time": "day", "target": "sold", "lookback": LOOKBACK, "horizon": HORIZON, "season": 1}
BASE |= {"stride": 1, "valid": 0.2, "test": 0.2, "calendar": False, "covariates": ["rain"]}
KNOWN = {"known": ["number", "open"]}
OF_SERIES = sorted(
    name
    for name, variant in VARIANTS.items()
    if "series" in variant.modalities and not TASKS["forecasting"].incompatibility(variant)
)


def table(days: int = DAYS, shops: str = "a") -> pd.DataFrame:
    """Make a table with the number of the day in it, so that values tell days."""
    random = np.random.default_rng(0)
    times = pd.date_range("2021-03-01", periods=days)
    columns = ("sold", "rain", "open")
    return pd.concat(
        pd.DataFrame({"day": times, "number": np.arange(float(days)), "shop": shop})
        .assign(**{name: random.normal(size=days).round(3) for name in columns})
        for shop in shops
    )  # fmt: skip


def prepared(folder: Path, frame: pd.DataFrame, **options: object) -> Prepared:
    folder.mkdir(exist_ok=True)
    frame.to_csv(folder / "series.csv", index=False)
    chosen = parse(SeriesOptions, {**BASE, **KNOWN, **options}, "prepare")
    return prepare_raw(Series(), folder, folder / "out", chosen)


def days_of(data: Prepared, split: str) -> tuple[Array, Array]:
    """Return the days at which each window ends ``(N,)``, and all features ``(N, T, D)``."""
    opened = data.split(split)
    names = [example["id"].rpartition(" ")[2] for example in opened.examples()]
    days = (pd.DatetimeIndex(names) - pd.Timestamp("2021-03-01")).days.to_numpy()
    return days, np.stack([opened.sequence(n) for n in range(len(opened))])


@pytest.mark.parametrize("panel", [False, True])
def test_the_last_steps_of_a_window_hold_the_known_values_of_its_targets(
    panel: bool, tmp_path: Path
) -> None:
    frame = table(shops="ab" if panel else "a").assign(number=lambda f: f["number"] % 29)
    data = prepared(tmp_path, frame, **({"series": "shop"} if panel else {}))
    for split in SPLITS:
        days, steps = days_of(data, split)
        wanted = (days[:, None] + np.arange(1, HORIZON + 1)) % 29
        train = np.arange(96) % 29  # 0.6 of the days
        number = steps[:, -HORIZON:, 4] * train.std() + train.mean()
        np.testing.assert_allclose(number, wanted, atol=1e-4)
        np.testing.assert_allclose(steps[:, :-HORIZON, 4:6], steps[:, HORIZON:, 2:4])
    assert data.spec.feature_shape == (6,), "sold, rain, two known now and ahead"


@pytest.mark.parametrize("lookback", [2, 3, 5, 6])
def test_a_lookback_shorter_than_the_horizon_holds_it_all_the_same(
    lookback: int, tmp_path: Path
) -> None:
    data = prepared(tmp_path, table(), lookback=lookback, known=["number"])
    days, steps = days_of(data, "test")
    train = np.arange(96)
    seen = np.rint(steps[:, :, 3:] * train.std() + train.mean()).astype(int)
    for day, window in zip(days, seen, strict=True):
        told = set(window.ravel().tolist())
        assert set(range(day + 1, day + HORIZON + 1)) <= told and max(told) == day + HORIZON


def test_without_it_nothing_is_other_than_it_was(tmp_path: Path) -> None:
    plain = prepared(tmp_path / "plain", table(), known=[])
    also = prepared(tmp_path / "also", table())
    options = {"time", "target", "covariates", "lookback", "max_gap", "calendar", "season", "step"}
    assert plain.spec.options.keys() == {*options, "means", "stds"}
    assert plain.spec.feature_shape == (2,)
    for split in SPLITS:
        np.testing.assert_array_equal(days_of(plain, split)[1], days_of(also, split)[1][:, :, :2])
        assert plain.split(split).examples() == also.split(split).examples()


def test_rows_of_the_future_take_no_part_in_the_splits(tmp_path: Path) -> None:
    frame = table(DAYS + 40)
    frame.loc[frame.index >= DAYS, ["sold", "rain"]] = np.nan
    data, other = prepared(tmp_path / "a", frame), prepared(tmp_path / "b", table(DAYS))
    assert data.spec.sizes == other.spec.sizes


def future(shops: str = "a") -> pd.DataFrame:
    """Return rows whose targets end before the horizon; unknown columns are there all along."""
    frame = table(60, shops).reset_index(drop=True)
    frame.loc[frame["number"] >= 60 - HORIZON, "sold"] = np.nan
    return frame


class Asked(NamedTuple):
    """Windows of two shops: as they are, and where the future is another."""

    spec: DataSpec
    here: Batch
    unknown: Batch  # the rain of the horizon
    known: list[Batch]  # one day of the horizon each


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    folder = tmp_path_factory.mktemp("asked")
    spec, frame = prepared(folder, table(shops="ab"), series="shop").spec, future("ab")

    def read(column: str, days: Array) -> Batch:
        changed = frame.assign(**{column: frame[column].mask(frame["number"].isin(days), 9.0)})
        changed.to_csv(folder / "new.csv", index=False)
        return collate([each.steps for each in Series().read(str(folder / "new.csv"), spec)])

    horizon = np.arange(60 - HORIZON, 60)
    known = [read("open", horizon[[ahead]]) for ahead in range(HORIZON)]
    return Asked(spec, read("open", horizon[:0]), read("rain", horizon), known)


@pytest.mark.parametrize("norm", CHOICES)
@pytest.mark.parametrize("task", ["forecasting", "quantile_forecasting"])
@pytest.mark.parametrize("variant", OF_SERIES)
def test_a_forecast_sees_what_is_known_of_the_horizon_and_nothing_else_of_it(
    variant: str, task: str, norm: str, asked: Asked, hyperparameters: Choose
) -> None:
    torch.manual_seed(0)
    chosen = hyperparameters(variant, "series", window_norm=norm)
    model = TASKS[task].model(variant, asked.spec, chosen).eval()
    with torch.no_grad():
        here = model(asked.here).logits
        torch.testing.assert_close(model(asked.unknown).logits, here, rtol=0, atol=0)
        for ahead, batch in enumerate(asked.known):
            assert (model(batch).logits - here).abs().amax(1).min() > 1e-6, ahead


def test_an_unknown_column_does_not_reach_back_over_the_origin(tmp_path: Path) -> None:
    """Were it missing at the origin, it would be interpolated by what comes after."""
    spec = prepared(tmp_path, table()).spec
    frame = future()
    frame.loc[frame["number"] == 60 - HORIZON - 1, "rain"] = np.nan
    frame.to_csv(tmp_path / "new.csv", index=False)
    with pytest.raises(InputError, match=r"a gap at 2021-04-24T00:00:00; the last 12 steps must"):
        Series().read(str(tmp_path / "new.csv"), spec)


@pytest.mark.parametrize("norm", CHOICES[1:])
def test_what_is_known_is_shifted_as_its_lookback_is(
    norm: str, tmp_path: Path, hyperparameters: Choose
) -> None:
    spec = prepared(tmp_path, table()).spec
    chosen = hyperparameters("gru", "series", window_norm=norm)
    model = TASKS["forecasting"].model("gru", spec, chosen).eval()
    batch = collate([np.random.default_rng(0).normal(size=(12, 6)).astype(np.float32)])

    def moved(columns: list[int]) -> Batch:
        inputs = batch.inputs.clone()
        inputs[..., columns] += 100
        return batch._replace(inputs=inputs)

    here = model(batch).logits
    torch.testing.assert_close(model(moved([3, 5])).logits, here, rtol=0, atol=1e-3)
    assert not torch.allclose(model(moved([5])).logits, here, atol=1e-3), "a step of the level"


def test_what_never_was_in_the_lookback_is_not_blown_up(
    tmp_path: Path, hyperparameters: Choose
) -> None:
    spec = prepared(tmp_path, table()).spec
    model = TASKS["forecasting"].model(
        "gru", spec, hyperparameters("gru", "series", window_norm="mean_std")
    )
    seen: list[torch.Tensor] = []
    model.frontend.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    holiday = np.zeros((12, 6), np.float32)
    holiday[:, 0] = np.arange(12)
    holiday[-2, 5] = 1.0
    model(collate([holiday]))
    assert seen[0][0, :, 5].tolist() == holiday[:, 5].tolist()


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda f: f[f["number"] < 55], 0),
        (lambda f: f[f["number"] < 58], 3),
        (lambda f: f.assign(open=f["open"].mask(f["number"] == 59)), 4),
    ],
)
def test_rows_that_a_forecast_lacks_are_told(
    edit: Callable[[pd.DataFrame], pd.DataFrame], told: int, tmp_path: Path
) -> None:
    spec = prepared(tmp_path, table()).spec
    edit(future()).to_csv(tmp_path / "new.csv", index=False)
    asked = "rows that hold 'number', 'open', and no 'sold'; the forecast needs all"
    with pytest.raises(InputError, match=f"{told} of the 5 steps after 2021-04-24.* have {asked}$"):
        Series().read(str(tmp_path / "new.csv"), spec)


def test_a_column_is_known_or_not(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="column 'open' is named twice"):
        parse(SeriesOptions, {**BASE, "covariates": ["open"], **KNOWN}, "prepare")


def actions(folder: Path, known: bool) -> Prepared:
    """Prepare what sells 3 more on the days of an action, which nothing tells before."""
    random = np.random.default_rng(1)
    frame = table(1200)
    frame["open"] = (random.random(1200) < 0.3).astype(float)
    frame["sold"] = 3 * frame["open"] + 0.1 * random.normal(size=1200)
    told = {"known": ["open"]} if known else {"known": [], "covariates": ["open"]}
    return prepared(folder, frame, **{"covariates": [], **told})


def test_the_linear_baseline_uses_it(tmp_path: Path) -> None:
    errors = {}
    for known in (False, True):
        data = actions(tmp_path / str(known), known)
        judge = judge_on_valid(data, TASKS["forecasting"], "mae")
        found = BASELINES["linear"].predict(data, judge)
        errors[known] = float(np.abs(found - data.split("test").targets).mean())
    assert errors[True] < 0.1 < 0.4 < errors[False]


@pytest.mark.parametrize("variant", ["window_mlp", "gru"])
def test_a_model_learns_it(
    variant: str, tmp_path: Path, experiment: Callable[..., Experiment]
) -> None:
    config = experiment("series", (variant,), epochs=12, batch_size=32)
    chosen = {"learning_rate": 1e-2, "width": 32, "dropout": 0.0, "weight_decay": 0.0, "patch": 1}
    chosen |= {"layers": 1, "window_norm": "none"}
    errors = {}
    for known in (False, True):
        data = actions(tmp_path / str(known), known)
        training = Training(config, data, variant, chosen, 0)
        list(training.epochs())
        test = data.split("test")
        _, scores = evaluate(
            training.model, training.task, test, data.spec, config.protocol, ["mae"]
        )
        errors[known] = scores["mae"]
    assert errors[True] < 0.5 * errors[False]


def test_it_is_drawn_beside_the_other_columns(tmp_path: Path) -> None:
    data = prepared(tmp_path, table())
    (tmp_path / "page").mkdir()
    assert len(look_over("shop", data, tmp_path / "page").examples) == 6


@pytest.mark.parametrize(
    ("options", "digest"),
    [
        (
            {"covariates": ["rain"]},
            "df90d54637f4f7fe727c4ef5d7717a7d8586710e81c899017a26f26569ac8065",
        ),
        (
            {"series": "shop", "static": ["size"], "lookback": 2},
            "aac57dc52bdf1d3e1cfc9e6ed023974aa8aca3117654af261378dc7824675e0e",
        ),
    ],
)
def test_experiments_without_it_are_prepared_as_they_were(
    options: dict[str, object], digest: str, tmp_path: Path
) -> None:
    """To the byte: what was trained on them stays in use."""
    frame = table(64, "ab" if "series" in options else "a")
    for number, column in enumerate(("sold", "rain")):
        frame[column] = (frame["number"] * (7 + number)) % 16  # of deviations without rounding
    frame["size"] = frame["shop"].map({"a": 1, "b": 3})
    data = prepared(tmp_path, frame, **{"covariates": [], "known": [], "horizon": 3, **options})
    files = sorted(path for path in data.folder.rglob("*") if path.is_file())
    assert sha256(b"".join(path.read_bytes() for path in files)).hexdigest() == digest
