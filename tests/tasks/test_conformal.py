"""Intervals that are calibrated on valid hold about as much as they say."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import pytest
import torch
from torch import Tensor

from seqarena.config import Experiment
from seqarena.data.batches import collate
from seqarena.data.store import DataSpec, Prepared
from seqarena.evaluation.estimand import groups_of
from seqarena.evaluation.scoring import test_model as score_model
from seqarena.figures import draw_final
from seqarena.fit import Training
from seqarena.inference import predict_split
from seqarena.models.outputs import Logits
from seqarena.models.variants import VARIANTS
from seqarena.parallel import ALONE
from seqarena.predict import Predictor, save_model
from seqarena.runs import Job
from seqarena.search.worker import Worker, _calibrate
from seqarena.tasks import TASKS
from seqarena.tasks.conformal import Calibrates, margins_of, widened
from seqarena.tasks.quantile_forecasting import LEVELS, quantiles_of
from seqarena.tasks.regression import Interval, ends
from support import rows_of, save_trained

SAID = torch.tensor([-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0])


def test_margins_are_those_that_romano_et_al_take() -> None:
    """Of nine truths the eighth farthest for 80 %: of (9 + 1) * 0.8."""
    truth = torch.arange(0.0, 9.0)[:, None]  # 0 … 8, of an interval up to 4
    margins = margins_of(SAID.expand(9, 1, 9), truth, LEVELS)
    outer = sorted(float(value) - 4 for value in truth)  # how far beyond the upper end
    assert margins.shape == (1, 4)
    assert margins[0, 0] == outer[7] == 3
    assert margins[0, 3] == sorted(float(value) - 1 for value in truth)[1] == 0  # 20 %: the second


def test_each_step_ahead_has_its_own_margins() -> None:
    truth = torch.stack([torch.arange(0.0, 9.0), 10 * torch.arange(0.0, 9.0)], 1)
    margins = margins_of(SAID.expand(9, 2, 9), truth, LEVELS)
    assert margins[0, 0] == 3 and margins[1, 0] == 70 - 4


def test_intervals_hold_what_they_say_of_new_truths() -> None:
    generator = torch.Generator().manual_seed(0)

    def drawn(count: int) -> Tensor:
        return 3 * torch.randn(count, 2, generator=generator)

    for factor in (0.2, 3.0):  # too narrow, and too wide
        said = factor * SAID.expand(2000, 2, 9)
        margins = margins_of(said, drawn(2000), LEVELS)
        moved, truth = widened(said, margins), drawn(2000)
        for place in range(4):
            low, high = moved[..., place], moved[..., 8 - place]
            inside = ((low <= truth) & (truth <= high)).double().mean(0)
            np.testing.assert_allclose(inside, LEVELS[8 - place] - LEVELS[place], atol=0.04)


def test_quantiles_stay_in_order_and_the_median_where_it_is() -> None:
    quantiles = torch.randn(50, 3, 9, generator=torch.Generator().manual_seed(0)).sort(2).values
    margins = torch.randn(3, 4, generator=torch.Generator().manual_seed(1))
    moved = widened(quantiles, margins)
    assert (moved.diff(dim=2) >= 0).all()
    torch.testing.assert_close(moved[..., 4], quantiles[..., 4])
    torch.testing.assert_close(widened(quantiles, torch.zeros(3, 4)), quantiles)


@pytest.fixture
def regressed(
    specs: dict[str, DataSpec],
    prepare: Callable[..., Path],
    experiment: Callable[..., Experiment],
    hyperparameters: Callable[..., dict[str, Any]],
    tmp_path: Path,
) -> tuple[Experiment, Training]:
    spec = replace(specs["signal"], target={"mean": 10.0, "std": 2.0})
    folder = prepare(tmp_path / "numbers", spec, targets="number")
    update = {"task": "regression", "metric": "mse"}
    config = experiment("signal", ("gru",), epochs=1).model_copy(update=update)
    training = Training(config, Prepared(folder), "gru", hyperparameters("gru", "signal"), 1)
    list(training.epochs())
    return config, training


def test_an_interval_of_a_number_is_by_the_absolute_errors_on_valid(
    regressed: tuple[Experiment, Training], tmp_path: Path
) -> None:
    config, training = regressed
    valid, task = training.valid, training.task
    batch = collate([valid.sequence(n) for n in range(len(valid))])
    with torch.inference_mode():
        said = task.forward(training.model, batch, training.spec).logits
    errors = np.sort(np.abs(said.numpy() - valid.targets)[:, 0])
    for _ in range(2):  # a calibration does not add to the one before
        _calibrate(training)
    save_trained(tmp_path / "model", training, config.task, "gru")
    predictor = Predictor(tmp_path / "model")
    margin = errors[math.ceil(0.8 * (len(valid) + 1)) - 1]  # Lei et al. (2018), algorithm 2
    for answer, value in zip(predictor.predict([valid.sequence(0)]), said[:1, 0], strict=True):
        middle = float(value) * 2 + 10
        wanted = {"value": middle, "lower": middle - 2 * margin, "upper": middle + 2 * margin}
        assert answer == pytest.approx(wanted, rel=1e-4)
    data = Prepared(valid.folder.parent)
    tested = score_model(predictor, data, config, groups_of(data.split("test")), [])
    assert tested.metrics["interval_width"] == pytest.approx(4 * margin, rel=1e-4)
    assert tested.metrics.keys() == task.metrics.keys()
    said = tested.predictions
    draw_final(tmp_path / "final", data.folder, config.task, "gru", said, {}, [0])
    assert (tmp_path / "final" / "scatter.png").is_file()
    for row in rows_of(tmp_path / "final", "predictions.csv"):
        middle, lower, upper = (float(row[name]) for name in ("predicted", "lower", "upper"))
        assert (middle - lower, upper - middle) == pytest.approx((2 * margin,) * 2, rel=1e-3)


def test_intervals_change_nothing_of_what_is_learned(
    regressed: tuple[Experiment, Training],
) -> None:
    """The same numbers are drawn as for a head without margins, and the same ones trained."""
    _, training = regressed
    task, chosen = training.task, training.hyperparameters
    assert isinstance(task, Calibrates)
    models = []
    for head in (task.head, super(Calibrates, task).head):
        torch.manual_seed(1)
        head = cast(Any, head)(VARIANTS["gru"], 6, None, training.spec, chosen)
        models.append({name: value.tolist() for name, value in head.named_parameters()})
    assert models[0] == models[1]
    before = {name: p.detach().clone() for name, p in training.model.named_parameters()}
    _calibrate(training)
    for name, parameter in training.model.named_parameters():
        assert torch.equal(parameter, before[name])


def test_the_interval_of_a_number_holds_80_of_100_new_truths() -> None:
    """Of errors with a long tail, in the mean over calibrations on 50 each."""
    task, held = TASKS["regression"], []
    assert isinstance(task, Calibrates)
    generator = torch.Generator().manual_seed(0)
    for _ in range(200):
        truth = torch.randn(50, 1, generator=generator).pow(3)
        margins = margins_of(task.quantiles(torch.zeros(50, 1)), truth, task.levels)
        new = torch.randn(500, 1, generator=generator).pow(3)
        output = Logits(logits=torch.zeros(500, 1), lengths=torch.ones(500))
        low, high = ends(cast(Interval, task.with_margins(output, margins)))
        held.append(float(((low <= new) & (new <= high)).double().mean()))
    # Exactly 41 of 51: the rank over N + 1; one calibration varies by 0.056.
    assert np.mean(held) == pytest.approx(41 / 51, abs=4 * 0.06 / math.sqrt(200))


@pytest.fixture
def trained(
    prepared: dict[str, Path],
    experiment: Callable[..., Experiment],
    hyperparameters: Callable[..., dict[str, Any]],
) -> tuple[Experiment, Training]:
    update = {"task": "quantile_forecasting", "metric": "crps"}
    config = experiment("series", ("gru",), epochs=1).model_copy(update=update)
    chosen = hyperparameters("gru", "series", window_norm="mean_std")
    training = Training(config, Prepared(prepared["series"]), "gru", chosen, 1)
    list(training.epochs())
    return config, training


def test_a_final_is_calibrated_and_a_trial_is_not(
    trained: tuple[Experiment, Training], prepared: dict[str, Path], tmp_path: Path
) -> None:
    config, training = trained
    assert not training.model.state_dict()["head.margins"].any()
    steps, data = training.valid.sequence(0), Prepared(prepared["series"])
    batch = collate([steps])
    with torch.inference_mode():
        before = training.task.forward(training.model, batch, training.spec)
    _calibrate(training)
    about = {"task": config.task, "variant": "gru", "hyperparameters": training.hyperparameters}
    save_model(tmp_path / "model", training.model.state_dict(), training.spec, about)
    predictor = Predictor(tmp_path / "model")
    margins = predictor.model.state_dict()["head.margins"]
    assert margins.any()
    wanted = widened(quantiles_of(before.logits), margins)[0].double() * 2 + 10
    (answer,) = predictor.predict([steps])
    said = torch.tensor([answer["quantiles"][str(level)] for level in LEVELS]).T
    torch.testing.assert_close(said.double(), wanted.double(), rtol=1e-4, atol=1e-4)
    test = data.split("test")
    tested = score_model(predictor, data, config, groups_of(test), [])
    np.testing.assert_allclose(
        np.stack(tested.predictions)[0],
        predictor.task.forward(predictor.model, collate([test.sequence(0)]), training.spec)
        .logits[0]
        .detach(),
        rtol=1e-4,
        atol=1e-5,
    )
    assert {"coverage_error", "uncalibrated_coverage_error"} <= tested.metrics.keys()


def test_on_valid_itself_the_calibrated_intervals_hold_what_they_say(
    trained: tuple[Experiment, Training],
) -> None:
    """Twice, since a calibration must not add to the one before."""
    config, training = trained
    valid = training.valid
    for _ in range(2):
        _calibrate(training)
        outputs = predict_split(
            training.model, training.task, valid, training.spec, config.protocol
        )
        metric = training.task.metrics["coverage_error"]
        rows = torch.cat([metric.statistics(o, b, training.spec) for _, b, o in outputs])
        assert metric.of(rows) <= 2 / len(valid)  # a rank is a whole number


@pytest.mark.parametrize(("kind", "calibrated"), [("final", True), ("trial", False)])
def test_a_worker_calibrates_finals_alone(
    kind: Literal["final", "trial"],
    calibrated: bool,
    trained: tuple[Experiment, Training],
    prepared: dict[str, Path],
) -> None:
    config, training = trained
    worker = Worker.__new__(Worker)  # without the session of a cluster
    worker.config, worker._prepared = config, Prepared(prepared["series"])
    worker.checkpoint_every, worker.group = 30.0, ALONE
    progress = worker.start(Job(kind, "gru", 1, 0, training.hyperparameters, 1), None)
    assert worker.training is not None
    assert bool(worker.training.model.state_dict()["head.margins"].any()) == calibrated
    assert (progress.weights is not None) == calibrated
    if progress.weights is not None:
        assert progress.weights["head.margins"].any()
