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

from seqarena.config import Experiment, Protocol, parse
from seqarena.data.batches import Batch, Batches
from seqarena.data.modalities.text import Text, TextOptions
from seqarena.data.pitches import key_name
from seqarena.data.store import DataSpec, Prepared
from seqarena.data.tokens import END
from seqarena.decode import Decoding, beam_search, greedy
from seqarena.errors import InputError
from seqarena.fit import Training
from seqarena.inference import evaluate
from seqarena.models.writing.lm_stepper import LMStepper
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
        rows = [*((s, "train") for s in SENTENCES), ("he sees the book", "valid")]
        for number, row in enumerate([*rows, ("he reads the film", "test")]):
            writer.writerow([number, *row])
    prepare_raw(Text(), folder, folder, TextOptions(targets="next", min_count=1))
    return folder


RATES = {"lstm": 0.02, "lstm_attention": 0.02, "causal_transformer": 0.005}


@pytest.fixture(scope="module", params=RATES)
def predictor(sentences: Path, request: pytest.FixtureRequest) -> Predictor:
    variant = request.param
    section = {
        "data": "hutto_sentences",
        "modality": "text",
        "task": "language_modelling",
        "metric": "perplexity",
        "variants": [variant],
        "protocol": {"epochs": 80, "patience": 80, "batch_size": 4, "truncate": 3},
    }
    chosen = {"learning_rate": RATES[variant], "width": 16, "dropout": 0.0, "weight_decay": 0.0}
    chosen |= {"embedding": 8, "embedding_std": 1.0, "attention": 8, "layers": 2, "heads": 2}
    run = Training(parse(Experiment, section, "test"), Prepared(sentences), variant, chosen, 1)
    assert list(run.epochs())[-1].train_loss < 0.6
    return Predictor(save_trained(sentences / variant, run, "language_modelling", variant))


def read(predictor: Predictor, text: str) -> Any:
    ((_, steps, *_),) = Text().read(text, predictor.spec)
    return steps


@pytest.mark.parametrize(("metrics", "runs"), [(["perplexity"], 1), (None, 2)])
def test_rival_texts_are_read_only_for_the_preference(
    predictor: Predictor, sentences: Path, metrics: list[str] | None, runs: int
) -> None:
    model, task, spec, read = predictor.model, predictor.task, predictor.spec, []
    protocol = Protocol()
    valid = Prepared(sentences).split("valid")
    with model.register_forward_hook(lambda *_: read.append(1)):
        _, scores = evaluate(model, task, valid, spec, protocol, metrics)
    assert len(read) == runs
    assert list(scores) == (metrics or list(task.metrics))


def test_the_preference_does_not_depend_on_the_batch_size(
    predictor: Predictor, sentences: Path
) -> None:
    task, spec, valid = predictor.task, predictor.spec, Prepared(sentences).split("train")
    metric = task.metrics["preference"]
    found = []
    with torch.inference_mode():
        for size in (1, 3, 256):
            rows = [
                metric.statistics(
                    task.forward_with_targets(predictor.model, batch, spec, ["preference"]),
                    batch,
                    spec,
                )
                for _, batch in Batches(valid, size).in_order()
            ]
            found.append(metric.of(torch.cat(rows)))
    assert found == [found[0]] * 3
    assert 0 < found[0] <= 1


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
    (answer,) = predictor.predict([read(predictor, "she reads the")])
    likely = list(answer["next"])
    assert set(likely[:4]) == {"book", "film", "show", "play"}
    assert sum(answer["next"].values()) <= 1 + 1e-6


def test_it_continues_a_prompt(predictor: Predictor) -> None:
    begun = read(predictor, "he sees")
    (said,) = predictor.generate(begun, Decoding(), 10)
    assert said["text"] in SENTENCES
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
    other = one_word_replaced(Batch(inputs, lengths, targets, lengths), vocabulary=20)
    changed = other.targets != targets
    assert changed.sum(1).tolist() == [1, 1]
    assert not (targets[changed] == END).any() and not (targets[changed] == 0).any()
    assert (
        other.inputs[:, 1:].tolist() == (other.targets * (inputs.roll(-1, 1) != 0))[:, :-1].tolist()
    )


def replacements(texts: list[Any], vocabulary: int, size: int) -> list[int]:
    """Replace a word of each text, so many texts at a time, and return the words put in."""
    found = []
    for start in range(0, len(texts), size):
        group = texts[start : start + size]
        lengths = torch.tensor([len(text) + 1 for text in group])
        targets = torch.zeros(len(group), int(lengths.max()), dtype=torch.int32)
        for row, text in zip(targets, group, strict=True):
            row[: len(text)], row[len(text)] = torch.from_numpy(text), END
        inputs = torch.cat([torch.full((len(group), 1), END), targets[:, :-1]], 1)
        other = one_word_replaced(Batch(inputs, lengths, targets, lengths), vocabulary)
        for row, text in zip(other.targets.tolist(), group, strict=True):
            (place,) = (n for n, token in enumerate(text.tolist()) if row[n] != token)
            found.append(row[place])
    return found


def test_a_rival_depends_on_its_text_alone_and_is_as_common_as_words_are() -> None:
    words, random = 50, np.random.default_rng(0)
    texts = [random.integers(3, 3 + words, random.integers(1, 9)) for _ in range(1500)]
    alone, *others = (replacements(texts, 3 + words, size) for size in (1, 7, 256))
    assert all(each == alone for each in others)
    often = np.bincount(alone, minlength=3 + words) / len(texts)
    zipf = 1 / np.arange(1, words + 1)
    assert often[:3].sum() == 0
    np.testing.assert_allclose(often[3:], zipf / zipf.sum(), atol=0.03)


def test_an_unknown_word_is_replaced_by_a_known_one() -> None:
    assert set(replacements([np.array([1])], 5, 1)) <= {3, 4}


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
    for answers in (one, again):
        assert [answer["roll"].shape for answer in answers] == [(7, 6)] * 2
        assert all((answer["roll"][:2] == begun[1:]).all() for answer in answers)
    assert all((a["roll"] == b["roll"]).all() for a, b in zip(one, again, strict=True))
    whole = torch.from_numpy(np.concatenate([begun[:1], straight["roll"]])).float()
    said = model(Batch(whole[None, :-1], torch.tensor([7]), whole)).logits[0, 2:]
    assert ((said > 0) == (whole[3:] > 0)).all()
    logs = -torch.nn.functional.binary_cross_entropy_with_logits(said, whole[3:], reduction="sum")
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
    (answer,) = task.predict(output, batch, spec)
    assert set(answer["next"]) == {"A0", "A#0", "B0", "C1", "C#1", "D1"}
    assert list(answer["next"].values()) == sorted(answer["next"].values(), reverse=True)
    assert next(iter(answer["next"])) == key_name(int(output.logits[0, -1].argmax()))
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
