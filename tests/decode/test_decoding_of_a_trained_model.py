"""Decoding of a trained, saved model of pairs of texts: beams, samples, pictures."""

from __future__ import annotations

import csv
from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqarena.config import Experiment, parse
from seqarena.data.modalities.text import Text, TextOptions
from seqarena.data.store import Prepared
from seqarena.decode import Decoding, Hypothesis
from seqarena.errors import InputError
from seqarena.figures import draw_final
from seqarena.figures.decodings import draw_decodings, ways
from seqarena.fit import Training
from seqarena.models.variants import VARIANTS
from seqarena.predict import Predictor
from support import prepare_raw, rows_of, save_trained

WORDS = {"uno": "one", "dos": "two", "tres": "three", "seis": "six", "diez": "ten"}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two numbers, which the translation says in the other order."""
    folder = tmp_path_factory.mktemp("pairs")
    rows = [(f"{a} y {b}", f"{y} and {x}") for a, x in WORDS.items() for b, y in WORDS.items()]
    with (folder / "examples.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "target", "split"])
        for number, row in enumerate(rows):
            writer.writerow([*row, {3: "valid", 4: "test"}.get(number % 5, "train")])
    prepare_raw(Text(), folder, folder, TextOptions(targets="words", min_count=1))
    return folder


@pytest.fixture(scope="module")
def trained(pairs: Path) -> tuple[Training, Predictor]:
    section = {
        "data": "spanish_phrases",
        "modality": "text",
        "task": "transduction",
        "metric": "exact_match",
        "variants": ["lstm_attention"],
        "protocol": {"epochs": 60, "patience": 60, "batch_size": 4},
    }
    config = parse(Experiment, section, "test")
    chosen = {"learning_rate": 0.02, "width": 32, "dropout": 0.0, "weight_decay": 0.0}
    chosen |= {"embedding": 32, "embedding_std": 1.0, "attention": 32}
    training = Training(config, Prepared(pairs), "lstm_attention", chosen, 1)
    last = list(training.epochs())[-1]
    assert last.train_loss < 0.05
    folder = save_trained(pairs / "model", training, "transduction", "lstm_attention")
    return training, Predictor(folder)


def read(predictor: Predictor, *texts: str) -> list[Any]:
    return [Text().read(text, predictor.spec)[0][1] for text in texts]


@pytest.mark.parametrize("variant", ["lstm_attention", "lstm_attention_feeding"])
def test_what_was_said_is_fed_where_the_variant_asks_for_it(
    variant: str, trained: tuple[Training, Predictor]
) -> None:
    training, predictor = trained
    chosen = predictor.about["hyperparameters"]
    head = training.task.model(variant, training.spec, chosen).head
    fed = head.recurrence.kernel.input_size - chosen["embedding"]
    assert fed == (chosen["width"] if VARIANTS[variant].input_feeding else 0)
    assert VARIANTS[variant].input_feeding == (variant != "lstm_attention")


def test_it_writes_what_it_learned_in_the_order_of_the_other_language(trained: Any) -> None:
    _, predictor = trained
    one, other = predictor.predict(read(predictor, "uno y dos", "tres y uno"))
    assert (one["text"], other["text"]) == ("two and one", "one and three")
    assert one["tokens"] == ["two", "and", "one"]
    assert one["attention"].shape == (1, 4, 3)  # three words and the end, over three words
    assert one["attention"].sum(-1) == pytest.approx(1, abs=1e-5)
    assert -1 < one["log_probability"] < 0


@pytest.mark.parametrize("beam", [4, 50])  # wider than the vocabulary too
def test_a_beam_tells_what_came_next_to_it(trained: Any, beam: int) -> None:
    _, predictor = trained
    decoding = Decoding(method="beam", beam=beam, best=3, length_penalty=0.0)
    (prediction,) = predictor.predict(read(predictor, "uno y dos"), decoding)
    hypotheses = [prediction, *prediction["n_best"]]
    assert prediction["text"] == "two and one" and len({each["text"] for each in hypotheses}) == 3
    likely = [each["log_probability"] for each in hypotheses]
    assert likely == sorted(likely, reverse=True)


def test_samples_repeat_themselves_for_a_seed(trained: Any) -> None:
    _, predictor = trained
    ways = [Decoding(method="sample", temperature=3.0, best=4, seed=seed) for seed in (1, 1, 2)]
    texts = []
    for way in ways:
        (prediction,) = predictor.predict(read(predictor, "uno y dos"), way)
        texts.append([prediction["text"], *(other["text"] for other in prediction["n_best"])])
    assert texts[0] == texts[1] != texts[2]


def test_a_model_that_writes_nothing_says_so(
    tmp_path: Path,
    specs: dict[str, Any],
    prepare: Callable[..., Path],
    experiment: Callable[..., Experiment],
    hyperparameters: Callable[..., dict[str, Any]],
) -> None:
    data = Prepared(prepare(tmp_path / "data", specs["text"]))
    run = Training(experiment("text"), data, "gru", hyperparameters("gru", "text"), 0)
    batch = next(iter(run.batches.shuffled(1)))
    with pytest.raises(InputError, match="--decoding: this experiment's models write nothing"):
        run.task.forward(run.model, batch, run.spec, Decoding())


def test_every_example_is_drawn_also_one_that_was_cut(
    trained: Any, pairs: Path, tmp_path: Path
) -> None:
    test = Prepared(pairs).split("test")
    steps = int(test.lengths[0])
    whole = torch.softmax(torch.randn(4, 3, steps), 2)  # of four heads
    hypotheses = [Hypothesis([4, 5], -0.5, -0.5, whole) for _ in range(len(test))]
    hypotheses[1] = Hypothesis([4, 5, 4], -0.5, -0.5, whole)  # as many rows as tokens: no end
    weights = {index: whole.numpy() for index in (0, 1)}
    draw_final(
        tmp_path / "final", pairs, "transduction", "lstm_attention", hypotheses, weights, [0, 1]
    )
    names = sorted(path.name for path in (tmp_path / "final").iterdir())
    heads = [f"head-{example}-{head}.png" for example in (1, 2) for head in (1, 2, 3, 4)]
    assert names == ["attention-1.png", "attention-2.png", *heads, "predictions.csv"]
    rows = rows_of(tmp_path / "final", "predictions.csv")
    assert [row["truth"] for row in rows] == [example["target"] for example in test.examples()]
    assert {row["log_probability"] for row in rows} == {"-0.5000"}


def test_predictions_for_another_process_leave_the_attention_as_it_is(trained: Any) -> None:
    """torch moves tensors that are sent: a view of one that was is garbage."""
    training, _ = trained
    batch = next(iter(training.batches.shuffled(1)))
    with torch.inference_mode():
        output = training.task.forward(training.model.eval(), batch, training.spec)
    looked = training.task.attention_of(output, 0)
    rows = training.task.predictions(output)
    assert all(row.weights is None for row in rows)
    before = looked.copy()
    ForkingPickler.dumps(rows)
    assert (looked == before).all() and looked.sum(-1) == pytest.approx(1, abs=1e-5)


def at_once(draw: Callable[..., None], *what: Any) -> None:
    draw(*what)


def test_ways_of_writing_are_compared(trained: Any, pairs: Path, tmp_path: Path) -> None:
    _, predictor = trained
    test = Prepared(pairs).split("test")
    draw_decodings(tmp_path, predictor, test, "perplexity", 0, at_once)
    assert not list(tmp_path.iterdir()), "the perplexity of true texts is the same in every way"
    draw_decodings(tmp_path, predictor, test, "exact_match", 0, at_once)
    rows = {row["decoding"]: row for row in rows_of(tmp_path, "decoding.csv")}
    assert list(rows) == ["greedy", "sample", *(f"beam {w}" for w in (1, 2, 3, 5, 8, 10))]
    predictions = predictor.predict([test.sequence(index) for index in range(len(test))])
    truth = [example["target"] for example in test.examples()]
    right = np.mean([one["text"] == other for one, other in zip(predictions, truth, strict=True)])
    assert float(rows["greedy"]["exact_match"]) == pytest.approx(right)
    assert rows["beam 1"]["exact_match"] == rows["greedy"]["exact_match"]
    assert all(float(row["milliseconds"]) > 0 for row in rows.values())
    assert (tmp_path / "decoding.png").is_file()
    assert "sample" not in ways(samples=False, seed=0), "CTC draws none"
