"""Windows that are normalised by their own level, and forecasts that are put back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqarena.baselines.registry import BASELINES
from seqarena.config import Experiment, parse
from seqarena.data.batches import Batch, collate
from seqarena.data.modalities.series import Series, SeriesOptions
from seqarena.data.store import DataSpec, Prepared
from seqarena.fit import Training
from seqarena.inference import evaluate
from seqarena.models.contracts import broken_contract
from seqarena.models.variants import VARIANTS
from seqarena.models.window_norm import NORMS, SMALLEST, NormalisedWindows, last, mean_std
from seqarena.spaces import space_of
from seqarena.tasks import TASKS
from support import prepare_raw

Choose = Callable[..., dict[str, Any]]
OF_SERIES = sorted(
    name
    for name, variant in VARIANTS.items()
    if "series" in variant.modalities and not TASKS["forecasting"].incompatibility(variant)
)
normed = pytest.mark.parametrize("norm", sorted(NORMS))


def windows(spec: DataSpec, lengths: tuple[int, ...] = (9, 6, 5)) -> Batch:
    random = np.random.default_rng(0)
    shapes = [(length, *spec.feature_shape) for length in lengths]
    return collate([random.normal(size=shape).astype(np.float32) for shape in shapes])


def model_of(spec: DataSpec, chosen: dict[str, Any], variant: str, task: str) -> Any:
    torch.manual_seed(0)
    return TASKS[task].model(variant, spec, chosen).eval()


def test_the_last_step_is_the_level_of_each_window() -> None:
    values = torch.tensor([[[1.0], [2.0], [5.0]], [[7.0], [3.0], [0.0]]])
    level, spread = last(values, torch.tensor([3, 2]))
    assert level.flatten().tolist() == [5.0, 3.0] and spread.flatten().tolist() == [1.0, 1.0]


def test_padding_is_no_part_of_mean_and_deviation() -> None:
    values = torch.tensor([[[1.0], [2.0], [6.0]], [[7.0], [3.0], [0.0]]])
    level, spread = mean_std(values, torch.tensor([3, 2]))
    assert level.flatten().tolist() == [3.0, 5.0]
    variances = torch.tensor([14 / 3, 4.0])
    torch.testing.assert_close(spread.flatten(), (variances + SMALLEST).sqrt())


def test_a_constant_window_is_no_trouble() -> None:
    _, spread = mean_std(torch.full((1, 4, 2), 3.0), torch.tensor([4]))
    assert (spread > 0).all() and torch.isfinite(1 / spread).all()


@normed
@pytest.mark.parametrize("task", ["forecasting", "quantile_forecasting"])
@pytest.mark.parametrize("variant", OF_SERIES)
def test_what_lies_higher_is_forecast_as_much_higher(
    variant: str, task: str, norm: str, specs: dict[str, DataSpec], hyperparameters: Choose
) -> None:
    """Only what is measured moves: the calendar is the same."""
    spec, batch = specs["series"], windows(specs["series"])
    model = model_of(spec, hyperparameters(variant, "series", window_norm=norm), variant, task)
    moved, columns = batch.inputs.clone(), 1 + len(spec.options["covariates"])
    for row, length in enumerate(batch.lengths.tolist()):
        moved[row, :length, :columns] += 100
    here, there = model(batch).logits, model(batch._replace(inputs=moved)).logits
    torch.testing.assert_close(there, here + 100, rtol=0, atol=1e-2)
    moved = batch.inputs.clone()
    moved[:, :, columns:] += 1
    assert not torch.allclose(model(batch._replace(inputs=moved)).logits, here)


def test_what_swings_more_is_forecast_to_swing_as_much_more(
    specs: dict[str, DataSpec], hyperparameters: Choose
) -> None:
    """The calendar apart, which is as it was."""
    spec, batch = specs["series"], windows(specs["series"])
    chosen = hyperparameters("lstm", "series", window_norm="mean_std")
    model, factor = model_of(spec, chosen, "lstm", "forecasting"), torch.tensor([8.0, 8.0, 1.0])
    here, there = model(batch).logits, model(batch._replace(inputs=batch.inputs * factor)).logits
    torch.testing.assert_close(there, 8 * here, rtol=1e-3, atol=1e-3)


@normed
@pytest.mark.parametrize("variant", OF_SERIES)
def test_a_normalised_variant_keeps_the_contracts(
    variant: str, norm: str, specs: dict[str, DataSpec], hyperparameters: Choose
) -> None:
    chosen = hyperparameters(variant, "series", window_norm=norm)
    model = model_of(specs["series"], chosen, variant, "forecasting")
    causal = VARIANTS[variant].context == "causal"
    assert broken_contract(model, windows(specs["series"]), causal=causal) is None


def test_only_forecasts_are_searched_over_it() -> None:
    def searched(task: str, modality: str, metric: str) -> dict[str, Any]:
        data = {"series": "bike_sharing", "text": "movie_reviews"}[modality]
        raw = {"data": data, "modality": modality, "task": task, "metric": metric}
        return dict(space_of(parse(Experiment, {**raw, "variants": ["gru"]}, "here"), "gru", "x"))

    for task, metric in (("forecasting", "mae"), ("quantile_forecasting", "crps")):
        assert searched(task, "series", metric)["window_norm"] == ["none", "last", "mean_std"]
    assert "window_norm" not in searched("classification", "text", "accuracy")


@pytest.mark.parametrize("chosen", [{}, {"window_norm": "none"}])
def test_without_it_a_model_is_the_plain_one(
    chosen: dict[str, Any], specs: dict[str, DataSpec], hyperparameters: Choose
) -> None:
    """Also one that was trained before there was any."""
    plain = hyperparameters("gru", "series", **chosen)
    assert not isinstance(model_of(specs["series"], plain, "gru", "forecasting"), NormalisedWindows)


@normed
def test_a_level_costs_no_precision_in_half(
    norm: str, specs: dict[str, DataSpec], hyperparameters: Choose
) -> None:
    spec, batch = specs["series"], windows(specs["series"])
    high = batch._replace(inputs=batch.inputs.clone())
    high.inputs[..., 0] += 1000
    chosen = hyperparameters("gru", "series", window_norm=norm)
    model = model_of(spec, chosen, "gru", "forecasting")
    with torch.no_grad():
        whole = model(high).logits
        with torch.autocast("cpu", torch.bfloat16):
            half = model(high).logits
    assert half.dtype == torch.float32
    assert (half - whole).abs().max() < 0.1  # a step of bfloat16 at 1000 is 4


def walk(folder: Path, seed: int) -> Prepared:
    """Prepare a random walk, whose best forecast is its last value."""
    values = np.cumsum(np.random.default_rng(seed).normal(size=1500))
    days = np.datetime64("2020-01-01") + np.arange(len(values))
    rows = (f"{day},{value:.5f}" for day, value in zip(days, values, strict=True))
    folder.mkdir()
    (folder / "series.csv").write_text("\n".join(["time,value", *rows]))
    lengths = {"lookback": 24, "horizon": 6, "season": 1, "stride": 1, "valid": 0.2, "test": 0.2}
    raw = {"time": "time", "target": "value", "calendar": False, **lengths}
    return prepare_raw(Series(), folder, folder / "data", parse(SeriesOptions, raw, "prepare"))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_random_walk_is_forecast_about_as_well_as_by_its_last_value(
    tmp_path: Path, experiment: Callable[..., Experiment], seed: int
) -> None:
    data = walk(tmp_path / "walk", seed)
    test, spec = data.split("test"), data.spec
    naive = BASELINES["persistence"].predict(data, lambda predictions: 0.0)
    best = float(np.abs(np.asarray(naive) - test.targets).mean()) * spec.target["std"]
    config = experiment("series", ("lstm",), epochs=3, batch_size=64)
    errors = {}
    for norm in ("none", "last", "mean_std"):
        chosen = {"learning_rate": 3e-3, "width": 16, "dropout": 0.0, "weight_decay": 0.0}
        training = Training(config, data, "lstm", {**chosen, "patch": 1, "window_norm": norm}, seed)
        list(training.epochs())
        _, scores = evaluate(training.model, training.task, test, spec, config.protocol, ["mae"])
        errors[norm] = scores["mae"]
    assert errors["last"] < 1.1 * best
    assert errors["mean_std"] < 0.5 * errors["none"]
