"""Contracts of tasks: sums and counts add up, metrics are the textbook's."""

from __future__ import annotations

import math
from typing import Any

import jiwer
import numpy as np
import pytest
import sacrebleu
import torch
from sklearn.metrics import accuracy_score, f1_score, mean_absolute_error, mean_squared_error

from seqarena.data.batches import Batch
from seqarena.data.modalities import MODALITIES
from seqarena.data.store import DataSpec
from seqarena.data.tokens import END
from seqarena.decode import Hypothesis
from seqarena.errors import InputError
from seqarena.models.model import Output
from seqarena.tasks import TASKS, StepTask, Task, task_for

TOKENS = {"modality": "text", "feature_shape": (), "max_length": 4, "step": "token"}
SPECS = {
    "classification": DataSpec(**TOKENS, step_size=1.0, classes=("a", "b", "c")),
    "labelling": DataSpec(**TOKENS, step_size=1.0, classes=("a", "b", "c")),
    "language_modelling": DataSpec(
        **TOKENS, step_size=1.0, vocabulary=("<pad>", "<unk>", "<end>", *"abc")
    ),
    "music_modelling": DataSpec(
        modality="music", feature_shape=(5,), max_length=4, step="beat", step_size=0.5
    ),
    "regression": DataSpec(
        modality="signal",
        feature_shape=(1,),
        max_length=4,
        step="step",
        step_size=1.0,
        target={"mean": 10.0, "std": 4.0},
    ),
    "forecasting": DataSpec(
        modality="series",
        feature_shape=(1,),
        max_length=4,
        step="hour",
        step_size=1.0,
        horizon=3,
        target={"mean": 10.0, "std": 4.0, "naive_mae": 5.0},
        options={"season": 4},
    ),
    "transduction": DataSpec(
        **TOKENS,
        step_size=1.0,
        target_vocabulary=("<pad>", "<unk>", "<end>", *"abcdef"),
        target_unit="words",
        max_target_length=6,
    ),
}


def answered(name: str, count: int = 30) -> tuple[Task, DataSpec, Output, Batch]:
    task, spec = TASKS[name], SPECS[name]
    if name == "transduction":
        return task, spec, *written(count, task.outputs(spec))
    generator = torch.Generator().manual_seed(0)
    if isinstance(task, StepTask):
        return task, spec, *stepwise(count, name, task.outputs(spec), generator)
    logits = torch.randn(count, task.outputs(spec), generator=generator)
    targets = torch.randint(0, 3, (count,), generator=generator)
    if not spec.classes:
        targets = torch.randn(count, task.outputs(spec), generator=generator)
    lengths = torch.ones(count, dtype=torch.int64)
    return task, spec, Output(logits, lengths, None), Batch(torch.empty(count), lengths, targets)


def stepwise(
    count: int, name: str, outputs: int, generator: torch.Generator
) -> tuple[Output, Batch]:
    """Sequences of 1 to 6 steps."""
    lengths = torch.randint(1, 7, (count,), generator=generator)
    real = torch.arange(6) < lengths[:, None]
    logits = torch.randn(count, 6, outputs, generator=generator)
    if name == "music_modelling":
        targets = torch.randint(0, 2, (count, 6, outputs), generator=generator).to(torch.uint8)
    else:  # of labelling some steps have none
        lowest = 0 if name == "labelling" else 1
        targets = torch.randint(lowest, outputs + (1 - lowest), (count, 6), generator=generator)
        targets[:, 0] = 1
        targets *= real
    preferred = torch.ones(count) > 0 if name == "language_modelling" else None
    output = Output(logits, lengths, None, preferred=preferred)
    return output, Batch(torch.empty(count), lengths, targets, lengths)


def written(count: int, vocabulary: int) -> tuple[Output, Batch]:
    """Texts of 1 to 5 tokens, every third written right."""
    random = np.random.default_rng(0)
    lengths = random.integers(2, 7, count)
    targets = np.zeros((count, 6), np.int32)
    hypotheses = []
    for row, length in enumerate(lengths):
        targets[row, : length - 1] = random.integers(3, vocabulary, length - 1)
        targets[row, length - 1] = END
        tokens = targets[row, : length - 1].tolist()
        if row % 3:
            tokens = [*tokens[1:], 3]
        hypotheses.append(Hypothesis(tokens, -1.0, -1.0, None))
    logits = torch.from_numpy(random.normal(size=(count, 6, vocabulary)).astype(np.float32))
    tokens_of = torch.from_numpy(targets), torch.from_numpy(lengths)
    ones = torch.ones(count, dtype=torch.int64)
    output = Output(logits, ones, None, hypotheses=hypotheses)
    return output, Batch(torch.empty(count), ones, *tokens_of)


def parts(output: Output, batch: Batch) -> list[tuple[Output, Batch]]:
    """The same answers in ragged shards."""

    def shard(tree: Any, a: int, b: int) -> Any:
        return type(tree)(*(part[a:b] if hasattr(part, "__len__") else part for part in tree))

    return [(shard(output, a, b), shard(batch, a, b)) for a, b in ((0, 1), (1, 12), (12, 30))]


@pytest.mark.parametrize("name", TASKS)
def test_shards_add_up_to_the_whole(name: str) -> None:
    task, spec, output, batch = answered(name)
    loss, count = task.loss(output, batch)
    shards = [task.loss(*part) for part in parts(output, batch)]
    assert sum(c for _, c in shards) == count
    assert sum(float(part) for part, _ in shards) == pytest.approx(float(loss), rel=1e-5)
    total: dict[str, Any] = {}
    for part in parts(output, batch):
        for key, value in task.counts(*part, spec).items():
            total[key] = total.get(key, 0) + value
    assert task.scores(total, spec) == pytest.approx(
        task.scores(task.counts(output, batch, spec), spec)
    )


@pytest.mark.parametrize("name", TASKS)
def test_it_gives_every_metric_it_names(name: str) -> None:
    task, spec, output, batch = answered(name)
    scores = task.scores(task.counts(output, batch, spec), spec)
    assert scores.keys() == task.metrics.keys()
    for metric in task.metrics:
        assert task.per_example(metric, output, batch, spec).shape == (30,)
    assert task.modalities <= MODALITIES.keys()
    assert len(task.predict(output, spec)) == 30


@pytest.mark.parametrize("name", TASKS)
def test_a_perfect_answer_cannot_be_beaten(name: str) -> None:
    task, spec, output, batch = answered(name)
    best = batch.targets
    if name == "music_modelling":
        best = batch.targets.float() * 100 - 50
    elif not best.is_floating_point():
        classes = (batch.targets.long() - int(name == "labelling")).clamp(min=0)
        best = torch.nn.functional.one_hot(classes, task.outputs(spec)) * 50.0
    hypotheses = [
        Hypothesis(row[: row.index(END)], 0.0, 0.0, None)
        for row in (batch.targets.tolist() if name == "transduction" else [])
    ]
    perfect = output._replace(logits=best, hypotheses=hypotheses)
    scores = task.scores(task.counts(perfect, batch, spec), spec)
    for name, metric in task.metrics.items():
        assert scores[name] == pytest.approx(metric.best)
        assert metric.sign * (metric.best - metric.worst) > 0
    assert float(task.loss(perfect, batch)[0]) == pytest.approx(0, abs=1e-6)


def test_classification_metrics_are_those_of_scikit_learn() -> None:
    task, spec, output, batch = answered("classification")
    predicted, truth = output.logits.argmax(1).numpy(), batch.targets.numpy()
    scores = task.scores(task.counts(output, batch, spec), spec)
    assert scores["accuracy"] == pytest.approx(accuracy_score(truth, predicted))
    assert scores["macro_f1"] == pytest.approx(f1_score(truth, predicted, average="macro"))
    mean = float(task.per_example("accuracy", output, batch, spec).mean())
    assert mean == pytest.approx(scores["accuracy"])


def test_a_class_that_never_occurs_scores_zero_not_nan() -> None:
    task, spec, output, _ = answered("classification", 2)
    logits = torch.tensor([[9.0, 0, 0], [9.0, 0, 0]])
    batch = Batch(torch.empty(2), output.lengths, torch.tensor([0, 0]))
    scores = task.scores(task.counts(output._replace(logits=logits), batch, spec), spec)
    assert scores == {"accuracy": 1.0, "macro_f1": pytest.approx(1 / 3)}


def test_steps_without_a_label_count_for_nothing() -> None:
    task, spec, output, batch = answered("labelling")
    labelled = batch.targets != 0
    predicted, truth = output.logits.argmax(2)[labelled] + 1, batch.targets[labelled]
    scores = task.scores(task.counts(output, batch, spec), spec)
    assert scores["accuracy"] == pytest.approx(accuracy_score(truth, predicted))
    assert task.loss(output, batch)[1] == int(labelled.sum())
    first = task.per_example("accuracy", output, batch, spec)[0]
    right = (output.logits[0].argmax(1) + 1 == batch.targets[0])[labelled[0]]
    assert float(first) == pytest.approx(float(right.float().mean()))


def test_perplexity_is_the_exponential_of_the_mean_nll() -> None:
    task, spec, output, batch = answered("language_modelling")
    chosen = torch.log_softmax(output.logits.double(), 2)
    logs = chosen.gather(2, batch.targets[..., None]).squeeze(2)[batch.targets != 0]
    scores = task.scores(task.counts(output, batch, spec), spec)
    assert scores["perplexity"] == pytest.approx(math.exp(-float(logs.mean())), rel=1e-5)


def test_the_likelihood_of_music_is_summed_over_the_keys() -> None:
    task, spec, output, batch = answered("music_modelling")
    total, frames = 0.0, 0
    for row, length in enumerate(batch.lengths.tolist()):
        on = torch.sigmoid(output.logits[row, :length].double())
        keys = batch.targets[row, :length].double()
        total -= float((keys * on.log() + (1 - keys) * (1 - on).log()).sum())
        frames += length
    scores = task.scores(task.counts(output, batch, spec), spec)
    assert scores["nll"] == pytest.approx(total / frames, rel=1e-5)


def test_what_a_baseline_claims_is_scored_as_a_model_is() -> None:
    for name in ("labelling", "language_modelling", "music_modelling"):
        task, spec, output, batch = answered(name)
        if name != "labelling":
            nll = task.nll(output, batch)
            examined = output._replace(nll=nll)
        else:
            examined = output
        claimed = task.output_from_predictions(task.predictions(examined), batch)
        for part in (claimed, examined):
            scores = task.scores(task.counts(part, batch, spec), spec)
            wanted = task.scores(task.counts(output, batch, spec), spec)
            assert scores == pytest.approx({metric: wanted[metric] for metric in scores})


def test_regression_metrics_are_in_the_unit_of_the_data() -> None:
    task, spec, output, batch = answered("regression")
    predicted, truth = (x.double().numpy() * 4 + 10 for x in (output.logits, batch.targets))
    scores = task.scores(task.counts(output, batch, spec), spec)
    assert scores["mse"] == pytest.approx(mean_squared_error(truth, predicted), rel=1e-6)
    assert scores["mae"] == pytest.approx(mean_absolute_error(truth, predicted), rel=1e-6)


def test_forecasting_metrics_are_in_the_unit_of_the_data() -> None:
    task, spec, output, batch = answered("forecasting")
    predicted, truth = (x.double().numpy() * 4 + 10 for x in (output.logits, batch.targets))
    scores = task.scores(task.counts(output, batch, spec), spec)
    assert scores["mae"] == pytest.approx(mean_absolute_error(truth, predicted), rel=1e-6)
    assert scores["rmse"] == pytest.approx(
        math.sqrt(mean_squared_error(truth, predicted)), rel=1e-6
    )
    assert scores["mase"] == pytest.approx(scores["mae"] / 5)
    for metric in ("mae", "mase"):
        mean = float(task.per_example(metric, output, batch, spec).mean())
        assert mean == pytest.approx(scores[metric], rel=1e-5)
    squares = task.per_example("rmse", output, batch, spec).square()
    assert math.sqrt(float(squares.mean())) == pytest.approx(scores["rmse"], rel=1e-5)


def test_texts_are_scored_as_sacrebleu_scores_them() -> None:
    task, spec, output, batch = answered("transduction")
    assert output.hypotheses is not None
    texts = [" ".join(spec.target_vocabulary[t] for t in h.tokens) for h in output.hypotheses]
    truth = [
        " ".join(spec.target_vocabulary[t] for t in row[: row.index(END)])
        for row in batch.targets.tolist()
    ]
    scores = task.scores(task.counts(output, batch, spec), spec)
    assert scores["bleu"] == pytest.approx(sacrebleu.corpus_bleu(texts, [truth]).score)
    assert scores["chrf"] == pytest.approx(sacrebleu.corpus_chrf(texts, [truth]).score)
    assert scores["exact_match"] == pytest.approx(sum(map(str.__eq__, texts, truth)) / 30)
    assert scores["wer"] == pytest.approx(jiwer.wer(truth, texts))
    assert scores["cer"] == pytest.approx(jiwer.cer(truth, texts))
    log_probabilities = torch.log_softmax(output.logits.double(), 2)
    chosen = log_probabilities.gather(2, batch.targets.long()[..., None]).squeeze(2)
    mean = float(chosen[batch.targets != 0].mean())
    assert scores["perplexity"] == pytest.approx(math.exp(-mean), rel=1e-5)


def test_a_word_that_train_lacks_is_never_said_right() -> None:
    task, spec, output, batch = answered("transduction", 1)
    unknown = batch._replace(
        targets=torch.tensor([[1, END]]), target_lengths=torch.tensor([2]), lengths=torch.ones(1)
    )
    unlike = output._replace(
        hypotheses=[Hypothesis([1], 0.0, 0.0, None)], logits=torch.zeros(1, 2, task.outputs(spec))
    )
    assert task.scores(task.counts(unlike, unknown, spec), spec)["exact_match"] == 0


def test_answers_for_people() -> None:
    task, spec, output, _ = answered("classification", 5)
    for prediction, logits in zip(task.predict(output, spec), output.logits, strict=True):
        assert prediction["label"] == spec.classes[int(logits.argmax())]
        assert prediction["probability"] == max(prediction["probabilities"].values())
        assert sum(prediction["probabilities"].values()) == pytest.approx(1)
    task, spec, output, _ = answered("forecasting", 5)
    forecasts = [prediction["forecast"] for prediction in task.predict(output, spec)]
    np.testing.assert_allclose(forecasts, output.logits.numpy() * 4 + 10, rtol=1e-6)


def test_an_unknown_task_names_the_nearest() -> None:
    with pytest.raises(InputError, match="here: no task named 'forcasting'.*'forecasting'"):
        task_for("forcasting", "here")
