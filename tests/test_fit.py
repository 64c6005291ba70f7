"""The epoch loop: stops when it should, keeps the best weights, repeats itself for a seed."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqarena.config import Experiment, experiment_names
from seqarena.data.batches import Batch, Batches, windows
from seqarena.data.modalities import options_of
from seqarena.data.store import DataSpec, Prepared
from seqarena.decode.stepper import index
from seqarena.device import autocast
from seqarena.errors import InputError
from seqarena.experiments import load
from seqarena.fit import Epoch, Training, fit
from seqarena.inference import evaluate
from seqarena.models.variants import VARIANTS
from seqarena.optimizer import warm_up_and_decay
from seqarena.spaces import space_of, suggest
from seqarena.tasks import TASKS
from seqarena.tasks.metric import Metric

Make = Callable[..., Experiment]
Choose = Callable[..., dict[str, Any]]
PARAMS = Path(__file__).parents[1] / "params.yaml"


@pytest.fixture
def training(
    prepared: dict[str, Path], experiment: Make, hyperparameters: Choose
) -> Callable[..., Training]:
    def make(
        modality: str = "audio", seed: int = 1, rate: float = 1e-2, **protocol: Any
    ) -> Training:
        return Training(
            experiment(modality, **protocol),
            Prepared(prepared[modality]),
            "gru",
            hyperparameters("gru", modality, learning_rate=rate),
            seed,
        )

    return make


def losses(epochs: list[Epoch]) -> list[tuple[float, float]]:
    return [(epoch.train_loss, epoch.valid_loss) for epoch in epochs]


def test_same_seed_same_losses(
    prepared: dict[str, Path], experiment: Make, hyperparameters: Choose
) -> None:
    chosen = hyperparameters("gru", "audio", dropout=0.3)
    runs = [
        losses(fit(experiment("audio"), prepared["audio"], "gru", chosen, seed)[1])
        for seed in (1, 1, 2)
    ]
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_the_budget_is_kept_and_the_loss_falls(training: Callable[..., Training]) -> None:
    epochs = list(training(epochs=5, patience=5).epochs())
    assert [epoch.epoch for epoch in epochs] == [1, 2, 3, 4, 5]
    assert [epoch.last for epoch in epochs] == [False] * 4 + [True]
    assert epochs[-1].train_loss < epochs[0].train_loss
    assert all(epoch.seconds > 0 and epoch.examples_per_second > 0 for epoch in epochs)


def metric_of(value: Callable[[], float]) -> Metric[Any]:
    """A metric that says what it is told to, whatever is predicted."""
    metric = copy(TASKS["classification"].metrics["accuracy"])
    metric.of = lambda rows: value()
    return metric


@pytest.mark.parametrize("modality", ["audio", "series"])
def test_early_stopping_restores_the_best_weights(
    modality: str, training: Callable[..., Training]
) -> None:
    run = training(modality, epochs=12, patience=3)
    best, epochs = {}, []
    for epoch in run.epochs():
        epochs.append(epoch)
        if epoch.improved:
            best = {name: tensor.clone() for name, tensor in run.model.state_dict().items()}
        run.optimizer.schedule = lambda step: -0.01  # from now on every step goes the wrong way
    top = max(epoch.epoch for epoch in epochs if epoch.improved)
    assert len(epochs) == top + 3 < 12
    assert [epoch.last for epoch in epochs] == [False] * (len(epochs) - 1) + [True]
    for name, tensor in run.model.state_dict().items():
        assert torch.equal(tensor, best[name]), name
    loss, scores = evaluate(run.model, run.task, run.valid, run.spec, run.protocol, [run.metric])
    assert loss == pytest.approx(epochs[top - 1].valid_loss, rel=1e-6)
    assert loss < epochs[-1].valid_loss
    assert scores == pytest.approx(epochs[top - 1].scores)


def test_patience_waits_until_the_rate_is_low(training: Callable[..., Training]) -> None:
    run = training(epochs=12, patience=1)
    peak = run.hyperparameters["learning_rate"]
    run.optimizer.schedule = lambda step: peak if step < 15 else peak / 4
    run.task = copy(run.task)
    losses = iter(range(12))
    run.task.metrics = {"accuracy": metric_of(lambda: -next(losses))}  # type: ignore[misc]
    epochs = list(run.epochs())
    assert [epoch.improved for epoch in epochs] == [True] + [False] * 5
    assert [epoch.learning_rate for epoch in epochs] == [peak] * 5 + [peak / 4]


def test_where_the_metric_stands_still_the_loss_decides(training: Callable[..., Training]) -> None:
    run = training(epochs=4, patience=2)
    run.task = copy(run.task)
    run.task.metrics = {"accuracy": metric_of(lambda: 0.5)}  # type: ignore[misc]
    epochs = list(run.epochs())
    best = min(epochs, key=lambda epoch: epoch.valid_loss)
    assert run.best.epoch == best.epoch == max(e.epoch for e in epochs if e.improved)
    assert best.epoch > 1, "none of its losses fell: choose another rate"


def test_a_loss_that_is_not_finite_ends_it(training: Callable[..., Training]) -> None:
    run = training(epochs=5)
    with torch.no_grad():
        run.model.head.output[1].bias.fill_(math.nan)
    (only,) = run.epochs()
    assert only.last and not only.improved
    assert math.isnan(only.train_loss)


def test_a_late_divergence_keeps_the_weights_before_it(training: Callable[..., Training]) -> None:
    run = training(epochs=5)
    kept = run.epochs()
    assert next(kept).improved
    with torch.no_grad():
        run.model.head.output[1].bias.fill_(math.nan)
    (end,) = kept
    assert end.last and not end.improved
    assert all(bool(tensor.isfinite().all()) for tensor in run.model.state_dict().values())


def test_gradients_are_clipped_and_told_as_they_were(training: Callable[..., Training]) -> None:
    run = training(clip=1e-3)
    norm = run.step(next(iter(run.batches.shuffled(1)))).norm
    clipped = torch.stack([p.grad.norm() for p in run.model.parameters()]).norm()
    assert float(norm) > 1e-2
    assert float(clipped) == pytest.approx(1e-3, rel=1e-3)


def test_an_epoch_lists_its_curves(training: Callable[..., Training]) -> None:
    first, *_ = training(epochs=1).epochs()
    assert first.values() == {
        "train_loss": first.train_loss,
        "valid_loss": first.valid_loss,
        "learning_rate": first.learning_rate,
        "gradient_norm": first.gradient_norm,
        "epoch_seconds": first.seconds,
        "examples_per_second": first.examples_per_second,
        "valid_accuracy": first.scores["accuracy"],
    }


def test_validation_is_the_same_whatever_the_batches(training: Callable[..., Training]) -> None:
    run, small = training("series", batch_size=64), training("series", batch_size=1)
    one = evaluate(run.model, run.task, run.valid, run.spec, run.protocol)
    many = evaluate(run.model, run.task, run.valid, run.spec, small.protocol)
    assert one[0] == pytest.approx(many[0], rel=1e-5)
    assert one[1] == pytest.approx(many[1])


def test_validation_turns_dropout_off(
    prepared: dict[str, Path], experiment: Make, hyperparameters: Choose
) -> None:
    chosen = hyperparameters("gru", "audio", dropout=0.9)
    run = Training(experiment("audio"), Prepared(prepared["audio"]), "gru", chosen, 0)
    first, second = (
        evaluate(run.model, run.task, run.valid, run.spec, run.protocol)[0] for _ in range(2)
    )
    assert first == second


def test_an_epoch_may_hold_fewer_examples(training: Callable[..., Training]) -> None:
    run = training(epoch_examples=10)
    assert len(run.batches) == 2
    first = next(run.epochs())
    assert first.examples_per_second * first.seconds > 10 > first.examples_per_second * 0
    assert run.optimizer.taken == 2


@pytest.mark.parametrize(
    ("balance", "wanted"), [("none", 0.125), ("weights", 0.5), ("sampling", 0.5)]
)
def test_where_sequences_say_nothing_a_class_is_as_likely_as_it_counts(
    balance: str,
    wanted: float,
    specs: dict[str, DataSpec],
    prepare: Callable[..., Path],
    experiment: Make,
    hyperparameters: Choose,
    tmp_path: Path,
) -> None:
    """One in eight is of the second class, and all sequences are the same."""
    folder = prepare(tmp_path / "data", specs["audio"])
    for split, count in (("train", 24), ("valid", 8)):
        steps = np.load(folder / split / "inputs.npy")
        np.save(folder / split / "inputs.npy", np.zeros_like(steps))
        np.save(folder / split / "lengths.npy", np.full(count, 2, np.int32))
        np.save(folder / split / "targets.npy", (np.arange(count) % 8 == 0).astype(np.int64))
    config = experiment("audio", epochs=30, patience=30, balance=balance)
    chosen = hyperparameters("gru", "audio", learning_rate=0.05)
    run = Training(config, Prepared(folder), "gru", chosen, 1)
    batch = Batches(run.valid, 8).gather(np.arange(8))
    said, losses = [], []
    for epoch in run.epochs():
        run.model.eval()
        with torch.inference_mode():
            output = run.model(batch)
        said.append(float(torch.softmax(output.logits, 1)[:, 1].mean()))
        losses.append(float(run.task.loss(output, batch)[0]) / 8)
        if not epoch.last:  # then the best weights are there
            assert epoch.valid_loss == pytest.approx(losses[-1], rel=1e-5), "as it is in valid"
    assert said[-2] == pytest.approx(wanted, abs=0.03)


def test_the_learning_rate_rises_then_falls() -> None:
    rates = [warm_up_and_decay(step, peak=2.0, steps=100) for step in range(101)]
    assert rates[:10] == pytest.approx([(n + 1) / 5 for n in range(10)])
    assert rates[10] == 2.0
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[99] < 0.002 and rates[100] == pytest.approx(0)


def test_half_precision_where_asked(experiment: Make, training: Callable[..., Training]) -> None:
    cpu = torch.device("cpu")
    with autocast(cpu, experiment("audio").protocol):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        with pytest.raises(InputError, match="precision: bfloat16, but this cpu does not.*'auto'"):
            training(precision="bfloat16")
        return
    with autocast(cpu, experiment("audio", precision="bfloat16").protocol):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16
    assert all(math.isfinite(e.train_loss) for e in training(precision="bfloat16").epochs())


OVERFIT = [  # audio and music are read as signals are
    (variant, modality)
    for variant, entry in VARIANTS.items()
    for modality in sorted(entry.modalities - {"audio", "music"})
]


@pytest.mark.parametrize(("variant", "modality"), OVERFIT)
def test_every_variant_overfits_eight_examples(
    variant: str,
    modality: str,
    tmp_path: Path,
    specs: dict[str, Any],
    prepare: Callable[..., Path],
    experiment: Make,
    hyperparameters: Choose,
) -> None:
    data = Prepared(prepare(tmp_path / "data", specs[modality], (8, 8, 8)))
    chosen = hyperparameters(variant, modality, width=32, learning_rate=2e-2)
    # Eight examples are one step an epoch; the rate is warmed up over all of them.
    run = Training(experiment(modality, epochs=60, patience=60), data, variant, chosen, 0)
    batch = next(iter(run.batches.shuffled(1)))
    before = float(run.task.loss(run.model.eval()(batch), batch)[0].detach())
    for _ in range(60):
        run.model.train()
        run.step(batch)
    output = run.model.eval()(batch)
    assert float(run.task.loss(output, batch)[0].detach()) < 0.2 * before
    if run.spec.classes:
        assert output.logits.argmax(1).tolist() == batch.targets.tolist()


@pytest.mark.parametrize("variant", ["stacked_lstm", "lstm_location", "causal_transformer"])
def test_a_sequence_learned_in_windows_goes_on_from_where_it_was(
    variant: str, specs: dict[str, Any], hyperparameters: Choose
) -> None:
    """What a window says must be what the whole says there, whoever ended before."""
    spec = replace(specs["text"], classes=("a", "b"))
    model = TASKS["labelling"].model(variant, spec, hyperparameters(variant, "text"))
    lengths = torch.tensor([7, 2, 5, 3])
    real = torch.arange(7) < lengths[:, None]
    inputs, targets = torch.randint(2, 9, (4, 7)) * real, torch.randint(1, 3, (4, 7)) * real
    batch = Batch(inputs, lengths, targets, lengths)
    whole = model.eval()(batch)
    loss, count = TASKS["labelling"].loss(whole, batch)
    state, rows, losses, counts, start = None, torch.arange(4), 0.0, 0, 0
    for window, going in windows(batch, 3):
        rows, state = rows[going], index(state, going)
        output = model(window, state)
        torch.testing.assert_close(output.logits, whole.logits[rows, start : start + 3])
        part, terms = TASKS["labelling"].loss(output, window)
        losses, counts = losses + float(part.detach()), counts + terms
        state, start = output.state, start + 3
    assert rows.tolist() == [0] and counts == count
    assert losses == pytest.approx(float(loss.detach()), rel=1e-5)


def _shaped_like(name: str) -> Any:
    """The spec that an experiment's prepare would write, without the data."""
    from seqarena.data.store import DataSpec

    experiment = load(name, PARAMS)
    options, kind = (
        options_of(experiment.config, experiment.where).model_dump(),
        experiment.config.modality,
    )
    shapes = {
        "text": lambda: (),
        "audio": lambda: (options["mels"],),
        "signal": lambda: (3,),
        "music": lambda: (88,),
        "video": lambda: (1 + 2 * options["colour"], options["height"], options["width"]),
        "image": lambda: (1 + 2 * options["colour"], options["height"], options["width"]),
        "series": lambda: (1 + len(options["covariates"]) + 4 * options["calendar"],),
    }
    forecasts = {
        "horizon": options.get("horizon", 0),
        "target": {"mean": 1.0, "std": 2.0, "naive_mae": 3.0},
        "options": {key: options.get(key) for key in ("season", "covariates")},
    }
    channels = 3 if options.get("colour") else 1
    frames = {"pixel_stats": {"mean": [127.5] * channels, "std": [73.9] * channels}}
    regions = {"options": {"regions": options.get("regions")}}
    own = {"series": forecasts, "video": frames, "image": frames | regions}
    texts = {
        "target_vocabulary": ("<pad>", "<unk>", "<end>", "word2", "word3"),
        "target_unit": "words",
        "max_target_length": 3,
    }
    if experiment.config.task == "transduction":
        own[kind] = own.get(kind, {}) | texts
    return DataSpec(
        modality=kind,
        feature_shape=shapes[kind](),
        max_length=options.get("lookback") or (1 if kind == "image" else 12),
        step="hour",
        step_size=1.0,
        vocabulary=tuple(f"word{n}" for n in range(options.get("max_vocabulary", 0))),
        classes=("a", "b", "c")
        if experiment.config.task in ("classification", "labelling")
        else (),
        **{"target": {"mean": 1.0, "std": 2.0}, **own.get(kind, {})},
    )


@pytest.mark.parametrize("name", experiment_names(PARAMS))
def test_every_experiment_trains_one_batch_with_each_of_its_variants(
    name: str, tmp_path: Path, prepare: Callable[..., Path]
) -> None:
    import optuna

    experiment = load(name, PARAMS)
    targets = getattr(options_of(experiment.config, experiment.where), "targets", "next")
    spec = _shaped_like(name)
    data = Prepared(prepare(tmp_path / "data", spec, (8, 4, 4), targets=targets))
    for variant in experiment.config.variants:
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        chosen = suggest(study.ask(), space_of(experiment.config, variant, name))
        run = Training(experiment.config, data, variant, chosen, experiment.config.protocol.seed)
        before = [parameter.detach().clone() for parameter in run.model.parameters()]
        loss, count, norm, _ = run.step(next(iter(run.batches.shuffled(1))))
        assert math.isfinite(float(loss) / count) and float(norm) > 0, variant
        assert any(
            not torch.equal(old, new)
            for old, new in zip(before, run.model.parameters(), strict=True)
        )
        evaluate(run.model, run.task, run.valid, run.spec, run.protocol)
