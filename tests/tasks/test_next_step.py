"""Models of what comes next: probabilities by the chain rule, and continuations."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqarena.config import Experiment, parse
from seqarena.data.batches import Batch
from seqarena.data.modalities.text import Text, TextOptions
from seqarena.data.pitches import key_name
from seqarena.data.store import DataSpec, Prepared
from seqarena.data.tokens import END
from seqarena.decode import Decoding, beam_search, greedy
from seqarena.errors import InputError
from seqarena.fit import Training
from seqarena.models.lm_stepper import LMStepper
from seqarena.predict import Predictor
from seqarena.tasks import TASKS
from seqarena.tasks.next_step import one_word_replaced
from support import prepare_raw, save_trained

SENTENCES = [f"{who} {does} the {what}" for who, does in (("she", "reads"), ("he", "sees"))
             for what in ("book", "film", "show", "play")]  # fmt: skip


@pytest.fixture(scope="module")
def sentences(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sentences")
    with (folder / "examples.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "split"])
        rows = [*((s, "train") for s in SENTENCES), ("she sees the book", "valid")]
        for number, row in enumerate([*rows, ("he reads the film", "test")]):
            writer.writerow([number, *row])
    prepare_raw(Text(), folder, folder, TextOptions(targets="next", min_count=1))
    return folder


@pytest.fixture(scope="module")
def predictor(sentences: Path) -> Predictor:
    section = {
        "data": "hutto_sentences",
        "modality": "text",
        "task": "language_modelling",
        "metric": "perplexity",
        "variants": ["lstm"],
        "protocol": {"epochs": 80, "patience": 80, "batch_size": 4, "truncate": 3},
    }
    chosen = {"learning_rate": 0.02, "width": 16, "dropout": 0.0, "weight_decay": 0.0}
    chosen |= {"embedding": 8, "embedding_std": 1.0}
    run = Training(parse(Experiment, section, "test"), Prepared(sentences), "lstm", chosen, 1)
    assert list(run.epochs())[-1].train_loss < 0.6
    return Predictor(save_trained(sentences / "model", run, "language_modelling", "lstm"))


def read(predictor: Predictor, text: str) -> Any:
    ((_, steps),) = Text().read(text, predictor.spec)
    return steps


def test_inputs_and_targets_are_one_step_apart(sentences: Path) -> None:
    train = Prepared(sentences).split("train")
    for index in range(len(train)):
        inputs, targets = train.sequence(index), train.target(index)
        assert inputs[0] == END == targets[-1]
        assert inputs[1:].tolist() == targets[:-1].tolist()


def test_a_sentence_is_the_product_of_its_words(predictor: Predictor) -> None:
    """P(w1 … wn) = P(w1) P(w2 | w1) …, each read off the distribution after those before."""
    terms = predictor.score(read(predictor, "she reads the book"))
    assert [word for word, _ in terms] == ["she", "reads", "the", "book", "(end)"]
    vocabulary = predictor.spec.vocabulary
    steps = read(predictor, "she reads the book")
    for place, (word, term) in enumerate(terms):
        begun = torch.from_numpy(steps[: place + 1])[None]
        output = predictor.model(Batch(begun, torch.tensor([place + 1]), begun))
        chances = torch.log_softmax(output.logits[0, -1], 0)
        assert float(chances.exp().sum()) == pytest.approx(1, abs=1e-5)
        token = END if word == "(end)" else vocabulary.index(word)
        assert float(chances[token]) == pytest.approx(term, abs=1e-5)
    twisted = predictor.score(read(predictor, "she sees reads book"))
    assert sum(term for _, term in terms) > sum(term for _, term in twisted) + 1


def test_the_likeliest_next_words(predictor: Predictor) -> None:
    (prediction,) = predictor.predict([read(predictor, "she reads the")])
    likely = list(prediction["next"])
    assert set(likely[:4]) == {"book", "film", "show", "play"}
    assert sum(prediction["next"].values()) <= 1 + 1e-6


def test_it_continues_a_prompt(predictor: Predictor) -> None:
    begun = read(predictor, "he sees")
    (generated,) = predictor.generate(begun, Decoding(), 10)
    assert generated["text"] in SENTENCES
    ways = [Decoding(method="sample", seed=seed, best=3) for seed in (1, 1, 2)]
    drawn = [[one["text"] for one in predictor.generate(begun, way, 10)] for way in ways]
    assert drawn[0] == drawn[1] and all(text.startswith("he sees") for text in drawn[0])
    beams = predictor.generate(begun, Decoding(method="beam", beam=4, best=4), 10)
    assert {one["text"] for one in beams} == {s for s in SENTENCES if s.startswith("he")}


def test_a_beam_of_one_is_greedy(predictor: Predictor) -> None:
    prompts = torch.stack([torch.tensor([END, token]) for token in range(3, 8)])
    with torch.inference_mode():
        straight = greedy(LMStepper(predictor.model, prompts), 6)
        narrow = beam_search(LMStepper(predictor.model, prompts), 6, width=1)
    assert [one.tokens for one in straight] == [best.tokens for (best,) in narrow]


def test_a_replaced_word_is_another_one() -> None:
    targets = torch.tensor([[5, 6, END, 0], [7, 8, 9, END]])
    inputs = torch.tensor([[END, 5, 6, 0], [END, 7, 8, 9]])
    lengths = torch.tensor([3, 4])
    other = one_word_replaced(Batch(inputs, lengths, targets, lengths))
    changed = other.targets != targets
    assert changed.sum(1).tolist() == [1, 1]
    assert not (targets[changed] == END).any() and not (targets[changed] == 0).any()
    assert (
        other.inputs[:, 1:].tolist() == (other.targets * (inputs.roll(-1, 1) != 0))[:, :-1].tolist()
    )


def test_frames_are_drawn_key_by_key(
    specs: dict[str, DataSpec], hyperparameters: Callable[..., dict[str, Any]]
) -> None:
    torch.manual_seed(0)
    task, spec = TASKS["music_modelling"], specs["music"]
    model = task.model("gru", spec, hyperparameters("gru", "music")).eval()
    begun = np.zeros((3, 6), np.float32)
    begun[1:, 2] = 1
    with torch.inference_mode():
        way = Decoding(method="sample", best=2, seed=1)
        one, again = (task.generate(model, begun, spec, way, 5) for _ in range(2))
        (straight,) = task.generate(model, begun, spec, Decoding(), 5)
        with pytest.raises(InputError, match="--decoding: frames are drawn"):
            task.generate(model, begun, spec, Decoding(method="beam"), 5)
    for predictions in (one, again):
        assert [prediction["roll"].shape for prediction in predictions] == [(7, 6)] * 2
        assert all((prediction["roll"][:2] == begun[1:]).all() for prediction in predictions)
    assert all((a["roll"] == b["roll"]).all() for a, b in zip(one, again, strict=True))
    whole = torch.from_numpy(np.concatenate([begun[:1], straight["roll"]])).float()
    logits = model(Batch(whole[None, :-1], torch.tensor([7]), whole)).logits[0, 2:]
    assert ((logits > 0) == (whole[3:] > 0)).all()
    logs = -torch.nn.functional.binary_cross_entropy_with_logits(logits, whole[3:], reduction="sum")
    assert straight["log_probability"] == pytest.approx(float(logs.detach()), rel=1e-5)
    assert math.isfinite(straight["log_probability"])


def music(
    specs: dict[str, DataSpec], hyperparameters: Callable[..., dict[str, Any]]
) -> tuple[Any, DataSpec, Any, Any]:
    torch.manual_seed(0)
    task, spec = TASKS["music_modelling"], specs["music"]
    model = task.model("gru", spec, hyperparameters("gru", "music")).eval()
    steps = np.zeros((5, 6), np.float32)
    steps[[1, 2, 3], [2, 5, 0]] = 1
    return task, spec, model, steps


def test_a_piece_is_the_product_of_its_frames(
    specs: dict[str, DataSpec], hyperparameters: Callable[..., dict[str, Any]]
) -> None:
    task, spec, model, steps = music(specs, hyperparameters)
    with torch.inference_mode():
        terms = task.score(model, steps, spec)
        inputs = torch.from_numpy(steps)[None, :-1]
        chances = torch.sigmoid(model(Batch(inputs, torch.tensor([4]), inputs)).logits[0]).numpy()
    assert [beat for beat, _ in terms] == ["1", "1.5", "2", "2.5"]
    sounded = np.where(steps[1:] > 0, chances, 1 - chances)
    assert [term for _, term in terms] == pytest.approx(np.log(sounded).sum(1).tolist(), rel=1e-4)


def test_the_likeliest_next_keys_have_names(
    specs: dict[str, DataSpec], hyperparameters: Callable[..., dict[str, Any]]
) -> None:
    task, spec, model, steps = music(specs, hyperparameters)
    batch = Batch(torch.from_numpy(steps)[None], torch.tensor([5]), torch.empty(0))
    with torch.inference_mode():
        output = task.forward(model, batch, spec)
    (prediction,) = task.predict(output, spec)
    assert set(prediction["next"]) == {"A0", "A#0", "B0", "C1", "C#1", "D1"}
    assert list(prediction["next"].values()) == sorted(prediction["next"].values(), reverse=True)
    assert next(iter(prediction["next"])) == key_name(int(output.logits[0, -1].argmax()))
    assert (key_name(39), key_name(87)) == ("C4", "C8")


def test_keys_are_not_cut_to_the_likeliest(
    specs: dict[str, DataSpec], hyperparameters: Callable[..., dict[str, Any]]
) -> None:
    task, spec, model, steps = music(specs, hyperparameters)
    for cut in ({"top_k": 3}, {"top_p": 0.9}):
        with pytest.raises(InputError, match="--top-k, --top-p: each key"):
            task.generate(model, steps, spec, Decoding(method="sample", **cut), 2)


def test_other_tasks_say_that_they_cannot(
    specs: dict[str, DataSpec], hyperparameters: Callable[..., dict[str, Any]]
) -> None:
    task, spec = TASKS["classification"], specs["text"]
    model = task.model("gru", spec, hyperparameters("gru", "text"))
    with pytest.raises(InputError, match="generate: .* do not tell what comes next"):
        task.generate(model, np.array([2, 3]), spec, Decoding(), 5)
    with pytest.raises(InputError, match="score: .* do not tell what comes next"):
        task.score(model, np.array([2, 3]), spec)
