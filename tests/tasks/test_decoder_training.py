"""How decoders are trained, from params.yaml to the loss: label smoothing, scheduled sampling."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from seqarena.data.batches import Batch
from seqarena.data.store import DataSpec, Prepared
from seqarena.data.tokens import END
from seqarena.errors import InputError
from seqarena.experiments import ResolvedExperiment, load
from seqarena.fit import Training
from seqarena.inference import evaluate
from seqarena.models.outputs import Logits
from seqarena.spaces import smallest, space_of
from seqarena.tasks import TASKS
from seqarena.validation import resolved

VARIANTS = ["lstm", "lstm_attention", "lstm_attention_feeding", "bilstm_ctc"]
TAUGHT = {"label_smoothing": 0.1, "scheduled_sampling": 0.5}
SPACE = {"width": 8, "embedding": 8, "attention": 8, "dropout": 0.2, **TAUGHT}


@pytest.fixture(scope="module")
def data(
    tmp_path_factory: pytest.TempPathFactory,
    specs: dict[str, DataSpec],
    prepare: Callable[..., Path],
) -> Prepared:
    """Texts of one or two words and their end."""
    texts = ("<pad>", "<unk>", "<end>", "no", "yes")
    spec = replace(
        specs["text"], target_vocabulary=texts, target_unit="words", max_target_length=3, classes=()
    )
    return Prepared(prepare(tmp_path_factory.mktemp("texts"), spec))


def experiment(folder: Path, **space: Any) -> ResolvedExperiment:
    section = {
        "data": "spanish_phrases",
        "modality": "text",
        "task": "transduction",
        "metric": "bleu",
        "prepare": {"targets": "words"},
        "variants": VARIANTS,
        "space": {**SPACE, **space},
        "protocol": {"epochs": 3, "batch_size": 8, "patience": 3},
    }
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump({"experiments": {"toy": section}}))
    return load("toy", path)


def train(folder: Path, data: Prepared, variant: str, **space: Any) -> Training:
    config = experiment(folder, **space).config
    return Training(config, data, variant, smallest(space_of(config, variant, "toy")), 1)


def test_the_smoothed_loss_is_that_of_its_formula() -> None:
    torch.manual_seed(0)
    targets = torch.tensor([[4, 3, END], [END, 0, 0]])
    batch = Batch(torch.empty(2), torch.ones(2), targets, torch.tensor([3, 1]))
    output = Logits(logits=torch.randn(2, 3, 5, dtype=torch.float64), lengths=batch.lengths)
    share, expected = 0.3, 0.0
    for row, target in enumerate(targets.tolist()):
        for step, true in enumerate(target[: target.index(END) + 1]):
            scores = output.logits[row, step].tolist()
            mass = sum(math.exp(score) for score in scores)
            for token, score in enumerate(scores):
                wanted = (1 - share) * (token == true) + share / 5
                expected -= wanted * math.log(math.exp(score) / mass)
    loss, count = TASKS["transduction"].training_loss(output, batch, {"label_smoothing": share})
    assert (float(loss), count) == (pytest.approx(expected), 4)
    plain = TASKS["transduction"].loss(output, batch)
    for none in ({}, {"label_smoothing": 0.0}):
        assert TASKS["transduction"].training_loss(output, batch, none) == plain
    assert float(plain[0]) != pytest.approx(expected)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_writer_has_what_it_can_use(variant: str, tmp_path: Path) -> None:
    space = resolved(experiment(tmp_path))["space"][variant]
    taught = {name: space[name] for name in TAUGHT if name in space}
    assert taught == ({} if variant == "bilstm_ctc" else TAUGHT)


@pytest.mark.parametrize("name", TAUGHT)
def test_a_share_above_the_whole_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"space\.{name}: expected numbers from 0 to"):
        experiment(tmp_path, **{name: 1.5})


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_trains_and_repeats_itself_for_a_seed(
    variant: str, tmp_path: Path, data: Prepared
) -> None:
    runs = [list(train(tmp_path, data, variant).epochs()) for _ in range(2)]
    losses = [[(epoch.train_loss, epoch.valid_loss) for epoch in run] for run in runs]
    assert losses[0] == losses[1]
    assert losses[0][-1][0] < losses[0][0][0]
    off = train(tmp_path, data, variant, label_smoothing=0.0, scheduled_sampling=0.0)
    same = [(epoch.train_loss, epoch.valid_loss) for epoch in off.epochs()] == losses[0]
    assert same == (variant == "bilstm_ctc")


def test_its_own_tokens_come_little_by_little(tmp_path: Path, data: Prepared) -> None:
    training = train(tmp_path, data, "lstm")
    passes: list[tuple[float, int]] = []
    head = training.model.head
    seen: list[Any] = []
    head.embedding.register_forward_pre_hook(lambda _, inputs: seen.append(inputs))
    for epoch in (1, 2, 3):
        for batch in training.batches.shuffled(epoch):
            seen.clear()
            training.step(batch)
            passes.append((head.progress, len(seen)))
    assert passes == [(pytest.approx(n / 9), 1 if n == 0 else 2) for n in range(9)]


def test_perplexity_is_of_the_true_texts(tmp_path: Path, data: Prepared) -> None:
    smoothed = train(tmp_path, data, "lstm", label_smoothing=0.9)
    loss, scores = evaluate(
        smoothed.model, smoothed.task, smoothed.valid, data.spec, smoothed.protocol
    )
    assert scores["perplexity"] == pytest.approx(math.exp(loss))
    plain = train(tmp_path, data, "lstm", label_smoothing=0.0)
    again, _ = evaluate(plain.model, plain.task, plain.valid, data.spec, plain.protocol)
    assert loss == again
