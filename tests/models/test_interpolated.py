"""A language model with a trigram in it: two probabilities, one share, chosen by valid alone."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from seqarena.baselines.kneser_ney import kneser_ney_trigram
from seqarena.config import Experiment, parse
from seqarena.data.batches import Batch, Batches, windows
from seqarena.data.store import DataSpec, Prepared, write_spec
from seqarena.data.tokens import END, TARGET_SPECIALS
from seqarena.data.writing import write_sequences
from seqarena.decode.stepper import index
from seqarena.errors import InputError
from seqarena.figures.gradients import feature_gradients
from seqarena.fit import Training
from seqarena.inference import evaluate
from seqarena.models.interpolated import Interpolated, NGrams
from seqarena.models.kneser_ney import KneserNey, targets_of
from seqarena.models.variants import VARIANTS, variant_for
from seqarena.models.writing.lm_stepper import LMStepper
from seqarena.tasks import TASKS

Choose = Callable[..., dict[str, Any]]
TASK = TASKS["language_modelling"]
VARIANT = "lstm_kneser_ney"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, specs: dict[str, DataSpec]) -> Path:
    """Sentences of a chain that prefers some successors, each between two ends."""
    folder, random = tmp_path_factory.mktemp("words"), np.random.default_rng(0)
    words = (*TARGET_SPECIALS, *(f"word{n}" for n in range(9)))
    chances = random.dirichlet(np.full(9, 0.2), len(words))
    sizes = {"train": 60, "valid": 20, "test": 20}
    for split, count in sizes.items():
        sentences = []
        for length in random.integers(3, 7, count):
            tokens = [END]
            for _ in range(length):
                tokens.append(int(random.choice(9, p=chances[tokens[-1]])) + 3)
            sentences.append(np.array([*tokens, END], np.int32))
        inputs, targets = [s[:-1] for s in sentences], [s[1:] for s in sentences]
        write_sequences(folder / split, inputs, targets, ({"id": f"e{n}"} for n in range(count)))
    spec = replace(specs["text"], vocabulary=words, classes=(), sizes=sizes)
    write_spec(folder / "spec.json", spec)
    return folder


@pytest.fixture
def training(folder: Path, hyperparameters: Choose) -> Callable[..., Training]:
    def make(variant: str = VARIANT, **chosen: Any) -> Training:
        section = {
            "data": "hutto_sentences",
            "modality": "text",
            "task": "language_modelling",
            "metric": "perplexity",
            "variants": [variant],
            "protocol": {"epochs": 3, "patience": 3, "batch_size": 8, "truncate": 3},
        }
        space = TASK.added_space(VARIANTS[variant], "text")
        h = hyperparameters(variant, "text", **space, **chosen)
        return Training(parse(Experiment, section, "test"), Prepared(folder), variant, h, 1)

    return make


@pytest.fixture
def trained(training: Callable[..., Training]) -> Training:
    run = training()
    list(run.epochs())
    return run


def test_the_tensors_say_what_kneser_ney_says(folder: Path) -> None:
    data = Prepared(folder)
    sequences, size = targets_of(data.split("train")), len(data.spec.vocabulary)
    ngrams, model = NGrams(size), KneserNey(sequences, size)
    ngrams.count(sequences)
    pairs = torch.cartesian_prod(torch.arange(1, size), torch.arange(1, size))
    found = torch.zeros(len(pairs), size)
    ngrams.add_to(found, pairs[:, 0], pairs[:, 1], torch.ones(()))
    for word in range(size):
        one = ngrams.of(torch.full_like(pairs[:, 0], word), pairs[:, 0], pairs[:, 1])
        torch.testing.assert_close(one, found[:, word])
    torch.testing.assert_close(found.sum(1), torch.ones(len(pairs)))
    assert not found[:, 0].any(), "padding is never told"
    for (before, last), row in list(zip(pairs.tolist(), found, strict=True))[::7]:
        for word in range(1, size):
            history = [last] if before == END else [before, last]
            told = model.log_probabilities([np.array([*history, word])])[0][-1]
            if last == END and before != END:
                continue  # no sequence goes on after its end
            if last == END:
                told = model.log_probabilities([np.array([word])])[0][0]
            assert float(row[word]) == pytest.approx(math.exp(told), rel=1e-5)


def test_its_answers_are_the_mixture_and_its_share_the_likeliest_on_valid(
    trained: Training, folder: Path
) -> None:
    model = trained.model
    assert isinstance(model, Interpolated)
    share = float(model.share)
    assert 0 < share < 1
    batch = Batches(trained.valid, 20).gather(np.arange(20))
    truth, real = batch.targets.long()[..., None], batch.targets != 0

    def chances(share: float) -> torch.Tensor:
        model.share.fill_(share)
        model.eval()
        with torch.no_grad():
            logits = model(batch).logits
        return torch.log_softmax(logits.double(), -1).gather(2, truth).squeeze(2)[real].exp()

    own, counted, mixed = chances(0.0), chances(1.0), chances(share)
    torch.testing.assert_close(mixed, share * counted + (1 - share) * own, rtol=1e-4, atol=1e-7)
    grid = torch.linspace(0.001, 0.999, 999, dtype=torch.float64)[:, None]
    likely = (grid * counted + (1 - grid) * own).log().mean(1)
    assert float(mixed.log().mean()) >= float(likely.max()) - 1e-5
    model.share.fill_(1.0)
    split = Prepared(folder).split("test")
    _, scores = evaluate(model, trained.task, split, trained.spec, trained.protocol, ["perplexity"])
    baseline = np.exp(np.mean(np.concatenate(kneser_ney_trigram(Prepared(folder)))))
    assert scores["perplexity"] == pytest.approx(baseline, rel=1e-5)


def test_how_far_back_it_looks_can_be_drawn(trained: Training) -> None:
    """Gradients go through the mixture, as it answers."""
    batch = Batches(trained.valid, 20).gather(np.arange(20))
    model = trained.model.eval()
    assert isinstance(model, Interpolated)

    def by_feature(share: float) -> torch.Tensor:
        model.share.fill_(share)
        return feature_gradients(model, trained.task, batch)[0]

    share = float(model.share)
    own, mixed, counted = by_feature(0.0), by_feature(share), by_feature(1.0)
    assert mixed.isfinite().all() and not counted.any()
    assert 0 < float(mixed.sum()) < float(own.sum())  # of a trigram nothing is learned by gradients


def test_it_is_no_worse_than_either_and_learns_as_an_lstm_does(
    training: Callable[..., Training],
) -> None:
    mixed, plain = list(training().epochs()), list(training("lstm").epochs())
    for one, other in zip(mixed, plain, strict=True):
        assert one.train_loss == other.train_loss
        assert one.valid_loss < other.valid_loss


def test_what_is_counted_is_kept_with_the_weights(trained: Training) -> None:
    """A model that is made anew knows no sizes; a training that goes on has its own."""
    batch = Batches(trained.valid, 20).gather(np.arange(20))
    with torch.no_grad():
        wanted = trained.model(batch).logits
        task, chosen = trained.task, trained.hyperparameters
        again = task.model(VARIANT, trained.spec, chosen).eval()
        again.load_state_dict(load(save(trained.model.state_dict())))
        torch.testing.assert_close(again(batch).logits, wanted)
        assert torch.equal(copy.deepcopy(again)(batch).logits, again(batch).logits)


def test_windows_and_single_steps_come_to_what_the_whole_does(trained: Training) -> None:
    batch = Batches(trained.valid, 20).gather(np.flatnonzero(trained.valid.lengths == 7))
    state = None
    with torch.no_grad():
        whole = trained.model(batch).logits
        for start, (window, going) in zip(range(0, 7, 3), windows(batch, 3), strict=True):
            output = trained.model(window, index(state, going))
            state = output.state
            torch.testing.assert_close(output.logits, whole[:, start : start + 3])
        stepper = LMStepper(trained.model, batch.inputs[:1, :4].long())
        last, state = stepper.start()
        for step in range(3, 6):
            logits, state, _ = stepper.step(last, state)
            torch.testing.assert_close(logits[0, 0, 2:], whole[0, step, 2:])
            last = batch.inputs[:1, step + 1 : step + 2].long()


def test_before_anything_is_counted_it_is_its_own_self(
    specs: dict[str, DataSpec], hyperparameters: Choose
) -> None:
    chosen = hyperparameters(VARIANT, "text")
    model = TASK.model(VARIANT, specs["text"], chosen).eval()
    batch = Batch(torch.tensor([[2, 5, 6]]), torch.tensor([3]), torch.tensor([[5, 6, 2]]))
    mixed = model(batch).logits
    assert isinstance(model, Interpolated)
    own = model.head(model.encode(batch), batch).logits
    torch.testing.assert_close(mixed, torch.log_softmax(own, -1))


@pytest.mark.parametrize("task", [name for name in TASKS if name != "language_modelling"])
def test_it_is_refused_where_nothing_comes_next(task: str) -> None:
    if "text" not in TASKS[task].modalities:
        with pytest.raises(InputError, match="takes text, not"):
            variant_for(VARIANT, min(TASKS[task].modalities), "here")
        return
    assert "nothing does here" in (TASKS[task].incompatibility(VARIANTS[VARIANT]) or "")
