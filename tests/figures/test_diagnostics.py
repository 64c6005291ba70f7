"""What lies behind the scores: lengths, gradients, gates and ways of writing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from seqarena.config import Experiment
from seqarena.data.batches import Batches
from seqarena.data.store import DataSpec, Prepared
from seqarena.figures.gates import draw_gates, gates_of
from seqarena.figures.gradients import (
    by_distance,
    draw_gradients,
    feature_gradients,
    first_model,
)
from seqarena.figures.lengths import bins_of, draw_lengths, lengths_of
from seqarena.fit import Training
from seqarena.models.recurrent.cells import CELLS
from seqarena.models.recurrent.layers import Unrolled
from seqarena.predict import Predictor
from seqarena.tasks import TASKS, task_for
from support import save_trained


def test_bins_hold_as_many_examples_each_and_never_part_a_length() -> None:
    lengths = np.random.default_rng(0).integers(3, 40, 500)
    bins = bins_of(lengths)
    assert len(bins) in (5, 6)
    assert sorted(np.concatenate(bins)) == list(range(500))
    for before, after in pairwise(bins):
        assert lengths[before].max() < lengths[after].min()
    assert max(map(len, bins)) < 2 * min(map(len, bins))


def test_a_few_long_ones_make_no_bin_of_their_own() -> None:
    lengths = np.array([5] * 50 + [6] * 50 + [7, 80])
    assert [len(each) for each in bins_of(lengths)] == [50, 52]


def test_lengths_are_those_of_sequences_or_of_what_pictures_say(
    specs: dict[str, DataSpec], prepare: Callable[..., Path], tmp_path: Path
) -> None:
    seconds = replace(specs["signal"], step="second", step_size=0.5)
    data = Prepared(prepare(tmp_path / "signal", seconds))
    lengths, unit = lengths_of(data.split("test"), data.spec)
    np.testing.assert_array_equal(lengths, data.split("test").lengths / 2)
    assert unit == "length in seconds"
    words = ("<pad>", "<unk>", "<end>", "no", "yes")
    pictures = replace(specs["image"], target_vocabulary=words, target_unit="words")
    data = Prepared(prepare(tmp_path / "image", pictures))
    lengths, unit = lengths_of(data.split("test"), data.spec)
    assert sorted(lengths) == [1] * 4 + [2] * 4 and unit.endswith("in words")


def test_quality_over_length_is_the_metric_of_each_bin(
    specs: dict[str, DataSpec], prepare: Callable[..., Path], tmp_path: Path
) -> None:
    """A root of a mean, which is no mean of roots."""
    spec = replace(specs["signal"], max_length=30)
    data = Prepared(prepare(tmp_path / "long", spec, (8, 8, 99)))
    errors = np.random.default_rng(0).random((3, 99)) ** 2
    rows = [torch.from_numpy(np.stack([one, np.ones(99)], 1)) for one in errors]
    drawn: list[Any] = []
    out, task = tmp_path / "lengths.png", TASKS["forecasting"]
    draw_lengths(out, "rmse", data, task, {"gru": rows[:2]}, {"median": rows[2:]}, keep(drawn))
    ((draw, centres, lines, references, unit, name, path),) = drawn
    bins = bins_of(np.asarray(data.split("test").lengths))
    wanted = np.sqrt([[one[bin].mean() for bin in bins] for one in errors])
    np.testing.assert_allclose(lines["gru"], wanted[:2])
    np.testing.assert_allclose(references["median"], wanted[2:])
    draw(centres, lines, references, unit, name, path)
    assert out.is_file()


def test_a_bin_whose_metric_is_not_defined_is_left_out(
    specs: dict[str, DataSpec], prepare: Callable[..., Path], tmp_path: Path
) -> None:
    """AUROC where all sequences are of one class."""
    spec = replace(specs["signal"], max_length=30)
    data = Prepared(prepare(tmp_path / "long", spec, (8, 8, 99)))
    lengths = np.asarray(data.split("test").lengths)
    bins, random = bins_of(lengths), np.random.default_rng(0)
    truth = random.integers(2, size=99)
    truth[bins[1]] = 1
    rows = torch.from_numpy(np.stack([random.normal(size=99), truth], 1))
    drawn: list[Any] = []
    task = TASKS["classification"]
    draw_lengths(tmp_path / "x.png", "auroc", data, task, {"gru": [rows]}, {}, keep(drawn))
    ((_, centres, lines, *_),) = drawn
    others = [bin for place, bin in enumerate(bins) if place != 1]
    np.testing.assert_allclose(centres, [lengths[bin].mean() for bin in others])
    wanted = [roc_auc_score(truth[bin], rows[bin, 0]) for bin in others]
    np.testing.assert_allclose(lines["gru"], [wanted])


def keep(drawn: list[Any]) -> Callable[..., None]:
    """A pool that draws nothing, and keeps what it was to draw."""
    return lambda *asked: drawn.append(asked)


def test_there_is_no_picture_where_lengths_hardly_vary(prepared: dict[str, Path]) -> None:
    data, drawn = Prepared(prepared["series"]), list[Any]()
    rows = [torch.ones(len(data.split("test")), 2)]
    task = TASKS["forecasting"]
    draw_lengths(Path("lengths.png"), "mae", data, task, {"gru": rows}, {}, keep(drawn))
    assert drawn == []


@pytest.mark.parametrize("variant", ["gru", "lstm_attention", "conv1d"])
def test_gradients_by_features_are_those_that_autograd_gives_for_inputs(
    variant: str, prepared: dict[str, Path], hyperparameters: Callable[..., dict]
) -> None:
    data, task = Prepared(prepared["signal"]), task_for("classification")
    model = task.model(variant, data.spec, hyperparameters(variant, "signal")).eval()
    _, batch = next(Batches(data.split("test"), 8).in_order())
    norms, ends = feature_gradients(model, task, batch)
    inputs = batch.inputs.clone().requires_grad_()  # a patch of 1 leaves them as they are
    task.loss(model(batch._replace(inputs=inputs)), batch)[0].backward()
    assert inputs.grad is not None
    torch.testing.assert_close(norms, inputs.grad.norm(dim=2))
    assert ends.tolist() == (batch.lengths - 1).tolist()
    beyond = torch.arange(norms.shape[1]) > ends[:, None]
    assert not norms[beyond].any() and norms[~beyond].any()


def test_where_every_step_is_answered_the_last_answer_counts(
    prepared: dict[str, Path], hyperparameters: Callable[..., dict]
) -> None:
    data, task = Prepared(prepared["signal"]), task_for("labelling")
    model = task.model("gru", data.spec, hyperparameters("gru", "signal")).eval()
    _, batch = next(Batches(data.split("test"), 8).in_order())
    targets = torch.zeros(batch.inputs.shape[:2], dtype=torch.long)
    targets[:, 0], targets[4:, 1] = 1, 2  # of the rest, no step has a label
    norms, ends = feature_gradients(
        model, task, batch._replace(targets=targets, target_lengths=batch.lengths)
    )
    assert ends.tolist() == [0] * 4 + [1] * 4
    assert norms[:4, 0].all() and not norms[:4, 1:].any()
    assert norms[4:, :2].all() and not norms[4:, 2:].any()


def test_distances_are_counted_back_from_the_end_of_each_sequence() -> None:
    norms = torch.tensor([[1.0, 10.0, 100.0, 0.0], [3.0, 30.0, 300.0, 3000.0]])
    mean = by_distance(norms, torch.tensor([2, 3]))
    np.testing.assert_allclose(mean, [1550, 155, 15.5])  # further back there is but one


def test_a_final_began_with_the_weights_that_are_drawn_again(
    specs: dict[str, DataSpec],
    prepare: Callable[..., Path],
    experiment: Callable[..., Experiment],
    hyperparameters: Callable[..., dict],
    tmp_path: Path,
) -> None:
    long = replace(specs["signal"], max_length=40)
    data, chosen = prepare(tmp_path / "data", long, (8, 8, 40)), hyperparameters("gru", "signal")
    training = Training(experiment("signal"), Prepared(data), "gru", chosen, 3)
    begun = {name: tensor.clone() for name, tensor in training.model.state_dict().items()}
    next(training.epochs())
    folder = save_trained(tmp_path / "m", training, "classification", "gru", seed=3)
    final, path = Predictor(folder), tmp_path / "gradients.png"
    torch.testing.assert_close(first_model(final).state_dict(), begun)
    draw_gradients(path, Prepared(data), {"gru": final}, 0, lambda draw, *what: draw(*what))
    assert path.is_file()


def test_gates_are_over_the_window_as_the_model_reads_it(
    prepared: dict[str, Path], hyperparameters: Callable[..., dict]
) -> None:
    data, task = Prepared(prepared["series"]), task_for("forecasting")
    chosen = hyperparameters("gru", "series", window_norm="last")
    model = task.model("gru", data.spec, chosen).eval()
    steps = data.split("test").sequence(0)
    moved = steps.copy()
    moved[:, : 1 + len(data.spec.options["covariates"])] += 5
    here, there = gates_of(model, steps), gates_of(model, moved)
    assert here is not None and there is not None
    np.testing.assert_allclose(here["update"], there["update"], atol=1e-4)


@pytest.mark.parametrize(("kind", "modality"), [("gru", "series"), ("lstm", "text")])
def test_gates_are_those_that_made_the_states(
    kind: str,
    modality: str,
    prepared: dict[str, Path],
    hyperparameters: Callable[..., dict],
    tmp_path: Path,
) -> None:
    data = Prepared(prepared[modality])
    task = task_for("forecasting" if modality == "series" else "classification")
    model = task.model(kind, data.spec, hyperparameters(kind, modality)).eval()
    steps = data.split("test").sequence(0)
    gates = gates_of(model, steps)
    assert gates is not None
    cell = CELLS[kind](*model.frontend.output_shape, model.encoder.width)
    weights = model.encoder.layer.kernel.state_dict()
    cell.load_state_dict({name.removesuffix("_l0"): w for name, w in weights.items()})
    with torch.inference_mode():
        inputs = torch.from_numpy(steps.copy())[None]
        features, lengths = model.frontend(inputs, torch.tensor([len(steps)]))
        states, _ = model.encoder(features, lengths)
        unrolled, _ = Unrolled(cell)(features)
        torch.testing.assert_close(states, unrolled)
        state = cell.initial_state(features[:, 0])
        for step, projected in enumerate(cell.project(features[0])):
            parts = {name: torch.from_numpy(gate[step]) for name, gate in gates.items()}
            _, after = cell.advance(projected[None], state)
            if kind == "lstm":  # c = f c + i g and h = o tanh(c)
                fresh = torch.tanh((projected + cell.weight_hh @ state[0][0] + cell.bias_hh)[16:24])
                kept = parts["forget"] * state[1][0] + parts["input"] * fresh
                torch.testing.assert_close(kept, after[1][0])
                torch.testing.assert_close(parts["output"] * torch.tanh(kept), after[0][0])
            else:  # h = n + z (h - n), n = tanh(W x + r U h)
                recurrent = (cell.weight_hh @ state[0][0] + cell.bias_hh)[16:]
                fresh = torch.tanh(projected[16:] + parts["reset"] * recurrent)
                mixed = fresh + parts["update"] * (state[0][0] - fresh)
                torch.testing.assert_close(mixed, after[0][0])
            state = after
    draw_gates(tmp_path / "gates.png", data.spec, steps, gates, "what it read")
    assert (tmp_path / "gates.png").is_file()


def test_dropped_weights_hide_no_gates(
    prepared: dict[str, Path], hyperparameters: Callable[..., dict]
) -> None:
    data, task = Prepared(prepared["signal"]), task_for("classification")
    plain, dropping = (
        task.model("gru", data.spec, hyperparameters("gru", "signal", weight_dropout=share)).eval()
        for share in (0.0, 0.5)
    )
    dropping.encoder.layer.layer.load_state_dict(plain.encoder.layer.state_dict())
    steps = data.split("test").sequence(0)
    one, other = gates_of(plain, steps), gates_of(dropping, steps)
    assert one is not None and other is not None
    assert all((one[name] == other[name]).all() for name in one)


@pytest.mark.parametrize("variant", ["rnn", "bilstm", "stacked_lstm", "conv1d"])
def test_what_is_not_one_layer_of_gates_has_none(
    variant: str, prepared: dict[str, Path], hyperparameters: Callable[..., dict]
) -> None:
    data = Prepared(prepared["signal"])
    model = task_for("classification").model(variant, data.spec, hyperparameters(variant, "signal"))
    assert gates_of(model, data.split("test").sequence(0)) is None
