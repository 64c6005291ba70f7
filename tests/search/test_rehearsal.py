"""Each variant learns once before a search begins: what no trial could do is told in one line."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqarena.config import Experiment
from seqarena.data.batches import Batches
from seqarena.data.store import DataSpec, Prepared
from seqarena.data.tokens import END
from seqarena.data.writing import write_sequences
from seqarena.errors import InputError, InputWarning
from seqarena.figures.gradients import feature_gradients
from seqarena.fit import fit
from seqarena.models.variants import VARIANTS
from seqarena.search.rehearsal import rehearse
from seqarena.search.search import search
from seqarena.spaces import smallest, space_of
from seqarena.tasks import TASKS

from .conftest import ASKED, config_for, over, recorder_at, tiny

Prepare = Callable[..., Path]
Make = Callable[..., Experiment]


def spaces(config: Experiment) -> dict[str, Any]:
    return {variant: space_of(config, variant, "here") for variant in config.variants}


@pytest.fixture(params=ASKED, ids="-".join)
def everything(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    specs: dict[str, DataSpec],
    prepare: Prepare,
    experiment: Make,
) -> tuple[Experiment, Prepared]:
    """Every variant that a task of a modality takes, and a little data, of every such pair."""
    task, modality = request.param
    fitting = tuple(
        name
        for name, variant in VARIANTS.items()
        if modality in variant.modalities and not TASKS[task].incompatibility(variant)
    )
    data = tiny(tmp_path / "data", task, specs[modality], prepare)
    return config_for(experiment, task, modality, fitting, width=8), data


def test_every_variant_learns_and_leaves_no_trace(everything: tuple[Experiment, Prepared]) -> None:
    config, data = everything
    before = torch.random.get_rng_state()
    rehearse(config, data, spaces(config), "here")
    assert torch.equal(torch.random.get_rng_state(), before)


def test_how_far_back_any_variant_looks_can_be_drawn(
    everything: tuple[Experiment, Prepared],
) -> None:
    """Gradients go back through what it answers, not through what it learns by alone."""
    config, data = everything
    task = TASKS[config.task]
    _, batch = next(Batches(data.split("test"), 8).in_order())
    for variant, space in spaces(config).items():
        model = task.model(variant, data.spec, smallest(space))
        model.count(data.split("train"))
        norms, _ = feature_gradients(model.eval(), task, batch)
        norms = norms[batch.lengths == batch.lengths.max()]  # of others a text may be too long
        assert norms.isfinite().all() and norms.any(), variant


@pytest.mark.parametrize("patch", [2, [1, 2]])
def test_labels_per_step_and_a_patch_are_refused_before_anything_begins(
    patch: Any,
    tmp_path: Path,
    specs: dict[str, DataSpec],
    prepare: Prepare,
    experiment: Make,
    ray_here: None,
) -> None:
    tiny(tmp_path / "data", "labelling", specs["signal"], prepare)
    config = config_for(experiment, "labelling", "signal", ("conv1d", "gru"), patch=patch)
    recorder = recorder_at(tmp_path)
    told = (
        r"^params\.yaml: experiments\.toy\.variants: conv1d with patch 2, .*: "
        r"labelling answers at each of 7 steps, and 3 are left of them; expected patch 1$"
    )
    with pytest.raises(InputError, match=told):
        search(over(config, tmp_path / "data", tmp_path), recorder)
    assert not recorder.ledger.path.exists()


def test_a_patch_longer_than_train_is_refused(
    tmp_path: Path, specs: dict[str, DataSpec], prepare: Prepare, experiment: Make
) -> None:
    data = tiny(tmp_path / "data", "classification", specs["signal"], prepare)
    config = config_for(experiment, "classification", "signal", ("gru",), patch=[2, 8])
    told = "here.variants: gru with patch 8: patch: 8 steps, but the longest of train has 7"
    with pytest.raises(InputError, match=told):
        rehearse(config, data, spaces(config), "here")


@pytest.mark.parametrize("split", ["valid", "test"])
def test_a_metric_that_a_split_does_not_define_is_refused(
    split: str, tmp_path: Path, specs: dict[str, DataSpec], prepare: Prepare, experiment: Make
) -> None:
    data = tiny(tmp_path / "data", "classification", specs["signal"], prepare)
    path = data.folder / split / "targets.npy"
    np.save(path, np.zeros_like(np.load(path)))
    config = config_for(experiment, "classification", "signal", ("gru",))
    rehearse(config, data, spaces(config), "here")  # accuracy is defined
    config = config.model_copy(update={"metric": "auroc"})
    told = (
        rf"^here\.metric: auroc is not defined on {split}: all sequences are of one class, '.*'; "
    )
    with pytest.raises(InputError, match=told):
        rehearse(config, data, spaces(config), "here")


def test_what_a_variant_stumbles_over_is_told_in_one_line(
    tmp_path: Path, specs: dict[str, DataSpec], prepare: Prepare, experiment: Make
) -> None:
    data = tiny(tmp_path / "data", "classification", specs["text"], prepare)
    config = config_for(experiment, "classification", "text", ("gru",), embedding=10**15)
    with pytest.raises(InputError, match=r"here\.variants: gru with embedding 10+, .*: ") as told:
        rehearse(config, data, spaces(config), "here")
    assert "\n" not in str(told.value)


def test_a_number_that_is_none_in_train_is_refused(
    tmp_path: Path, specs: dict[str, DataSpec], prepare: Prepare, experiment: Make
) -> None:
    data = tiny(tmp_path / "data", "classification", specs["audio"], prepare)
    inputs = np.load(data.folder / "train" / "inputs.npy")
    np.save(data.folder / "train" / "inputs.npy", np.full_like(inputs, np.nan))
    config = config_for(experiment, "classification", "audio", ("lstm",))
    with pytest.raises(InputError, match="lstm with patch 1: the loss of .* is not finite"):
        rehearse(config, data, spaces(config), "here")


def unspellable(folder: Path, specs: dict[str, DataSpec], prepare: Prepare) -> Prepared:
    """Prepare targets of which one in train and two in valid are longer than any sequence."""
    data = tiny(folder, "transduction", specs["signal"], prepare)
    for split, places in (("train", [1]), ("valid", [0, 2]), ("test", [])):
        told = data.split(split)
        targets = [np.array([3, END], np.int32) for _ in range(len(told))]
        for place in places:
            targets[place] = np.array([3, 3, 3, 3, 3, END], np.int32)  # 9 steps, blanks in between
        steps = [told.sequence(index) for index in range(len(told))]
        examples = told.examples()
        shutil.rmtree(told.folder)
        write_sequences(told.folder, steps, targets, examples)
    return data


def test_targets_that_ctc_cannot_spell_are_counted_before_the_search(
    tmp_path: Path, specs: dict[str, DataSpec], prepare: Prepare, experiment: Make
) -> None:
    data = unspellable(tmp_path / "data", specs, prepare)
    config = config_for(experiment, "transduction", "signal", ("lstm_ctc", "lstm"))
    config = config.model_copy(update={"metric": "wer"})
    with pytest.warns(InputWarning) as told:
        rehearse(config, data, spaces(config), "here")
    assert [str(warning.message) for warning in told] == [
        "lstm_ctc with patch 1: cannot spell targets longer than the steps of their sequences: "
        "1 of 24 in train, 2 of 8 in valid"
    ]
    perplexity = config.model_copy(update={"metric": "perplexity"})
    refused = r"here\.variants: lstm_ctc with patch 1: the perplexity of valid or test is infinite"
    with pytest.warns(InputWarning), pytest.raises(InputError, match=refused):
        rehearse(perplexity, data, spaces(perplexity), "here")


def test_steps_are_counted_as_the_patch_leaves_them(
    tmp_path: Path, specs: dict[str, DataSpec], prepare: Prepare, experiment: Make
) -> None:
    data = tiny(tmp_path / "data", "transduction", specs["signal"], prepare)
    config = config_for(experiment, "transduction", "signal", ("lstm_ctc",), patch=[1, 7])
    with pytest.warns(InputWarning) as told:  # two words alike need three steps, all 7 are one
        rehearse(config.model_copy(update={"metric": "wer"}), data, spaces(config), "here")
    assert str(told[-1].message).startswith("lstm_ctc with patch 7: cannot spell targets")
    assert "12 of 24 in train" in str(told[-1].message)


def test_a_search_by_error_rate_goes_on_with_what_cannot_be_spelled(
    tmp_path: Path,
    specs: dict[str, DataSpec],
    prepare: Prepare,
    experiment: Make,
    hyperparameters: Callable[..., dict[str, Any]],
) -> None:
    data = unspellable(tmp_path / "data", specs, prepare)
    config = config_for(experiment, "transduction", "signal", ("lstm_ctc",))
    config = config.model_copy(update={"metric": "wer"})
    _, epochs = fit(config, data.folder, "lstm_ctc", hyperparameters("lstm_ctc", "signal"), 1)
    assert len(epochs) == config.protocol.epochs and any(epoch.improved for epoch in epochs)
    for epoch in epochs:
        assert math.isfinite(epoch.train_loss) and math.isfinite(epoch.scores["wer"])
        assert epoch.valid_loss == math.inf
