"""Contracts of tasks: sums and counts add up, metrics are the textbook's."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import pytest
import sacrebleu
import torch
from sklearn.metrics import mean_absolute_error, mean_pinball_loss, mean_squared_error

from seqarena.data.batches import Batch
from seqarena.data.modalities import MODALITIES
from seqarena.data.store import DataSpec, Split, write_split
from seqarena.data.tokens import END, TARGET_SPECIALS, words
from seqarena.decode import Hypothesis
from seqarena.errors import InputError
from seqarena.models.outputs import CTCLogits, Logits, Output
from seqarena.tasks import TASKS, AnyTask, StepTask, task_for
from seqarena.tasks.conformal import Calibrates
from seqarena.tasks.next_step import NextStep
from seqarena.tasks.outputs import RivalLikelihood, StepLabels, Taught, Written
from seqarena.tasks.quantile_forecasting import LEVELS, quantiles_of
from seqarena.tasks.text_scores import TEXT_SCORES
from support import scores_of

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
SPECS["multi_label_classification"] = SPECS["classification"]
SPECS["quantile_forecasting"] = SPECS["forecasting"]


def scored_case(name: str, count: int = 30) -> tuple[AnyTask, DataSpec, Any, Batch]:
    """What a task is scored by."""
    task, spec, output, batch = predicted_case(name, count)
    return task, spec, scored(task, output, batch), batch


def scored(task: AnyTask, output: Any, batch: Batch) -> Any:
    if isinstance(task, Calibrates):
        _, steps, levels = task.quantiles(output.logits).shape
        return task.with_margins(output, torch.zeros(steps, levels // 2))
    if not isinstance(task, NextStep):
        return output
    preferred = torch.ones(len(output.lengths)) > 0
    nll = task.nll(output, batch)
    return RivalLikelihood(lengths=output.lengths, nll=nll, preferred=preferred)


def predicted_case(name: str, count: int = 30) -> tuple[AnyTask, DataSpec, Any, Batch]:
    """What a task predicts from."""
    task, spec = TASKS[name], SPECS[name]
    if name == "transduction":
        return task, spec, *written(count, task.outputs(spec))
    generator = torch.Generator().manual_seed(0)
    if isinstance(task, StepTask):
        return task, spec, *stepwise(count, name, task.outputs(spec), generator)
    logits = torch.randn(count, task.outputs(spec), generator=generator)
    several = name == "multi_label_classification"
    shape = (count, task.outputs(spec)) if several else (count,)
    targets = torch.randint(0, 2 if several else 3, shape, generator=generator)
    if not spec.classes:
        targets = torch.randn(count, spec.horizon or task.outputs(spec), generator=generator)
    lengths = torch.ones(count, dtype=torch.int64)
    output = Logits(logits=logits, lengths=lengths)
    return task, spec, output, Batch(torch.empty(count), lengths, targets)


def stepwise(
    count: int, name: str, outputs: int, generator: torch.Generator
) -> tuple[Logits, Batch]:
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
    output = Logits(logits=logits, lengths=lengths)
    if name == "labelling":
        output = StepLabels(logits=logits, lengths=lengths, labels=logits.argmax(2))
    return output, Batch(torch.empty(count), lengths, targets, lengths)


def written(count: int, vocabulary: int) -> tuple[Taught, Batch]:
    """Texts of 1 to 5 tokens, every third written right."""
    random = np.random.default_rng(0)
    lengths = random.integers(2, 7, count)
    targets = np.zeros((count, 6), np.int32)
    said = []
    for row, length in enumerate(lengths):
        targets[row, : length - 1] = random.integers(3, vocabulary, length - 1)
        targets[row, length - 1] = END
        tokens = targets[row, : length - 1].tolist()
        said.append(Hypothesis(tokens if row % 3 == 0 else [*tokens[1:], 3], -1.0, -1.0, None))
    logits = torch.from_numpy(random.normal(size=(count, 6, vocabulary)).astype(np.float32))
    tokens_of = torch.from_numpy(targets), torch.from_numpy(lengths)
    ones = torch.ones(count, dtype=torch.int64)
    output = Taught(lengths=ones, hypotheses=said, truth=Logits(logits=logits, lengths=ones))
    return output, Batch(torch.empty(count), ones, *tokens_of)


def parts(output: Output, batch: Batch) -> list[tuple[Output, Batch]]:
    """The same answers in ragged shards."""

    def shard(part: Any, a: int, b: int) -> Any:
        if isinstance(part, Output):
            names = [field.name for field in fields(part)]
            return replace(part, **{name: shard(getattr(part, name), a, b) for name in names})
        if isinstance(part, Batch):
            return Batch(*(shard(one, a, b) for one in part))
        return part[a:b] if hasattr(part, "__len__") else part

    return [(shard(output, a, b), shard(batch, a, b)) for a, b in ((0, 1), (1, 12), (12, 30))]


@pytest.mark.parametrize("name", TASKS)
def test_shards_add_up_to_the_whole(name: str) -> None:
    task, spec, output, batch = scored_case(name)
    loss, count = task.loss(output, batch)
    shards = [task.loss(*part) for part in parts(output, batch)]
    assert sum(c for _, c in shards) == count
    assert sum(float(part) for part, _ in shards) == pytest.approx(float(loss), rel=1e-5)
    for metric in task.metrics.values():
        rows = [metric.statistics(*part, spec) for part in parts(output, batch)]
        whole = metric.of(metric.statistics(output, batch, spec))
        assert metric.of(torch.cat(rows)) == pytest.approx(whole)
        assert metric.of(torch.cat([metric.condensed(part) for part in rows])) == (
            pytest.approx(whole)
        )


@pytest.mark.parametrize("name", TASKS)
def test_it_gives_every_metric_it_names(name: str) -> None:
    task, spec, output, batch = scored_case(name)
    scores = scores_of(task, output, batch, spec)
    assert scores.keys() == task.metrics.keys()
    for metric in task.metrics.values():
        rows = metric.statistics(output, batch, spec)
        assert len(rows) == 30 and rows.dtype == torch.float64
        assert metric.derivatives(rows).shape == (30,)
    assert task.modalities <= MODALITIES.keys()
    task, spec, output, _ = predicted_case(name)
    said = scored(task, output, batch) if isinstance(task, Calibrates) else output
    assert len(task.predict(said, batch, spec)) == 30


@pytest.mark.parametrize("name", TASKS)
def test_a_perfect_answer_cannot_be_beaten(name: str) -> None:
    task, spec, output, batch = predicted_case(name)
    best = batch.targets
    if name in ("music_modelling", "multi_label_classification"):
        best = batch.targets.float() * 100 - 50
    elif name == "quantile_forecasting":
        best = batch.targets.repeat_interleave(len(LEVELS), 1)
    elif not best.is_floating_point():
        classes = (batch.targets.long() - int(name == "labelling")).clamp(min=0)
        best = torch.nn.functional.one_hot(classes, task.outputs(spec)) * 50.0
    said = [
        Hypothesis(row[: row.index(END)], 0.0, 0.0, None)
        for row in (batch.targets.tolist() if name == "transduction" else [])
    ]
    if isinstance(output, Taught):
        perfect = replace(output, hypotheses=said, truth=replace(output.truth, logits=best))
    else:
        perfect = scored(task, replace(output, logits=best), batch)
    scores = scores_of(task, perfect, batch, spec)
    for name, metric in task.metrics.items():
        if "coverage_error" not in name:  # who knows all holds more between two quantiles than 80 %
            assert scores[name] == pytest.approx(metric.bounds.best)
    assert float(task.loss(perfect, batch)[0]) == pytest.approx(0, abs=1e-6)


def test_perplexity_is_the_exponential_of_the_mean_nll() -> None:
    task, spec, output, batch = predicted_case("language_modelling")
    chosen = torch.log_softmax(output.logits.double(), 2)
    logs = chosen.gather(2, batch.targets[..., None]).squeeze(2)[batch.targets != 0]
    scores = scores_of(task, scored(task, output, batch), batch, spec)
    assert scores["perplexity"] == pytest.approx(math.exp(-float(logs.mean())), rel=1e-5)


def test_the_likelihood_of_music_is_summed_over_the_keys() -> None:
    task, spec, output, batch = predicted_case("music_modelling")
    total, frames = 0.0, 0
    for row, length in enumerate(batch.lengths.tolist()):
        on = torch.sigmoid(output.logits[row, :length].double())
        keys = batch.targets[row, :length].double()
        total -= float((keys * on.log() + (1 - keys) * (1 - on).log()).sum())
        frames += length
    scores = scores_of(task, scored(task, output, batch), batch, spec)
    assert scores["nll"] == pytest.approx(total / frames, rel=1e-5)


def test_what_a_baseline_claims_is_scored_as_a_model_is() -> None:
    for name in ("labelling", "language_modelling", "music_modelling", "regression"):
        task, spec, output, batch = scored_case(name)
        claimed = task.output_from_predictions(task.predictions(output), batch)
        told = scores_of(task, claimed, batch, spec)
        wanted = scores_of(task, output, batch, spec)
        assert told == pytest.approx({metric: wanted[metric] for metric in told})


def test_regression_metrics_are_in_the_unit_of_the_data() -> None:
    task, spec, output, batch = scored_case("regression")
    said, truth = (x.double().numpy() * 4 + 10 for x in (output.logits, batch.targets))
    scores = scores_of(task, output, batch, spec)
    assert scores["mse"] == pytest.approx(mean_squared_error(truth, said), rel=1e-6)
    assert scores["mae"] == pytest.approx(mean_absolute_error(truth, said), rel=1e-6)


def test_forecasting_metrics_are_in_the_unit_of_the_data() -> None:
    task, spec, output, batch = scored_case("forecasting")
    said, truth = (x.double().numpy() * 4 + 10 for x in (output.logits, batch.targets))
    scores = scores_of(task, output, batch, spec)
    assert scores["mae"] == pytest.approx(mean_absolute_error(truth, said), rel=1e-6)
    assert scores["rmse"] == pytest.approx(math.sqrt(mean_squared_error(truth, said)), rel=1e-6)
    assert scores["mase"] == pytest.approx(scores["mae"] / 5)


def test_errors_in_those_of_a_naive_forecast_that_makes_none_are_undefined(tmp_path: Path) -> None:
    _, spec, _, _ = scored_case("forecasting")
    metric, exact = TASKS["forecasting"].metrics["mase"], {**SPECS["forecasting"].target}
    one = np.zeros(1, np.int64)
    write_split(tmp_path / "test", np.zeros((4, 1)), one, one + 4, np.zeros((1, 3)), [{}])
    split = Split(tmp_path / "test")
    assert metric.undefined(split, spec) is None
    told = metric.undefined(split, replace(spec, target={**exact, "naive_mae": 0.0}))
    assert told == "on train the value 4 steps before is always right"


def test_quantiles_are_scored_as_scikit_learn_scores_them() -> None:
    task, spec, output, batch = scored_case("quantile_forecasting")
    said = quantiles_of(output.logits).double().numpy() * 4 + 10
    truth = batch.targets.double().numpy() * 4 + 10
    scores = scores_of(task, output, batch, spec)
    losses = [
        mean_pinball_loss(truth.ravel(), said[:, :, n].ravel(), alpha=level)
        for n, level in enumerate(LEVELS)
    ]
    assert scores["crps"] == pytest.approx(2 * np.mean(losses), rel=1e-6)
    assert scores["scaled_crps"] == pytest.approx(scores["crps"] / 5), "the naive forecast's MAE"
    assert scores["mae"] == pytest.approx(mean_absolute_error(truth, said[:, :, 4]), rel=1e-6)
    inside = (said[:, :, 0] <= truth) & (truth <= said[:, :, -1])
    assert scores["coverage_error"] == pytest.approx(abs(inside.mean() - 0.8), rel=1e-6)
    sure = replace(output, logits=batch.targets.repeat_interleave(9, 1) + 0.5)
    assert scores_of(task, sure, batch, spec)["crps"] == pytest.approx(2.0, rel=1e-5), "0.5 of 4"
    answer = task.predict(output, batch, spec)[0]
    np.testing.assert_allclose(answer["forecast"], said[0, :, 4], rtol=1e-6)
    np.testing.assert_allclose(answer["quantiles"]["0.9"], said[0, :, 8], rtol=1e-6)


def test_the_best_quantiles_are_those_of_what_comes() -> None:
    """What minimises the loss over many truths is exceeded as often as its level says."""
    task, _, _, _ = scored_case("quantile_forecasting")
    truth = torch.randn(4000, 3, generator=torch.Generator().manual_seed(1)).exp()
    batch = Batch(torch.empty(4000), torch.ones(4000), truth)
    logits = torch.zeros(27, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.02)
    for _ in range(600):
        optimizer.zero_grad()
        loss, count = task.loss(Logits(logits=logits.expand(4000, -1), lengths=truth), batch)
        (loss / count).backward()
        optimizer.step()
    below = (truth[:, :, None] < logits.detach().unflatten(0, (3, 9))).double().mean(0)
    np.testing.assert_allclose(below, np.tile(LEVELS, (3, 1)), atol=0.02)


def test_texts_are_scored_as_sacrebleu_scores_them() -> None:
    task, spec, output, batch = scored_case("transduction")
    said = [" ".join(spec.target_vocabulary[t] for t in h.tokens) for h in output.hypotheses]
    truth = [
        " ".join(spec.target_vocabulary[t] for t in row[: row.index(END)])
        for row in batch.targets.tolist()
    ]
    scores = scores_of(task, output, batch, spec)
    assert scores["bleu"] == pytest.approx(sacrebleu.corpus_bleu(said, [truth]).score)
    assert scores["chrf"] == pytest.approx(sacrebleu.corpus_chrf(said, [truth]).score)
    assert scores["exact_match"] == pytest.approx(sum(map(str.__eq__, said, truth)) / 30)
    assert scores["wer"] == pytest.approx(jiwer.wer(truth, said))
    assert scores["cer"] == pytest.approx(jiwer.cer(truth, said))
    log_probabilities = torch.log_softmax(output.truth.logits.double(), 2)
    chosen = log_probabilities.gather(2, batch.targets.long()[..., None]).squeeze(2)
    mean = float(chosen[batch.targets != 0].mean())
    assert scores["perplexity"] == pytest.approx(math.exp(-mean), rel=1e-5)


def test_scores_of_words_do_not_depend_on_the_unit_that_was_written() -> None:
    said, truth = "isn't it 9:30, or 10?", "isn't it 9:30, or 11!"
    pieces = {"words": words, "characters": list}
    pieces["subwords"] = lambda text: [p for w in words(text) for p in (f" {w[:2]}", w[2:]) if p]
    found = {}
    for unit, split in pieces.items():
        vocabulary = (*TARGET_SPECIALS, *sorted({*split(said), *split(truth)}))
        spec = replace(SPECS["transduction"], target_vocabulary=vocabulary, target_unit=unit)
        tokens, other = ([vocabulary.index(t) for t in split(text)] for text in (said, truth))
        batch = Batch(torch.empty(1), torch.ones(1), torch.tensor([[*other, END]]))
        output = Written(lengths=torch.ones(1), hypotheses=[Hypothesis(tokens, 0.0, 0.0, None)])
        found[unit] = [
            TEXT_SCORES[name].of(TEXT_SCORES[name].statistics(output, batch, spec))
            for name in ("wer", "word_f1", "bleu", "chrf")
        ]
    assert found["words"][:2] == [2 / 7, 10 / 14]  # of isn't, it, 9:30, a comma, or, 11 and a mark
    assert found["characters"] == found["subwords"] == found["words"]


def test_a_text_that_ctc_cannot_spell_has_no_finite_perplexity() -> None:
    """What spares training an infinite loss spares no metric."""
    task, spec, output, batch = scored_case("transduction", 4)
    assert batch.target_lengths is not None
    steps = torch.full((4,), int(batch.target_lengths.max()) * 2)
    logits = torch.randn(4, int(steps[0]), task.outputs(spec))
    spelled = replace(output, truth=CTCLogits(logits=logits, lengths=steps))
    metric = task.metrics["perplexity"]
    rows = metric.statistics(spelled, batch, spec)
    assert math.isfinite(metric.of(rows)) and math.isfinite(float(task.loss(spelled, batch)[0]))
    short = replace(output, truth=CTCLogits(logits=logits, lengths=torch.ones_like(steps)))
    rows = metric.statistics(short, batch, spec)
    assert rows[:, 0].isinf().any() and metric.of(rows) == math.inf
    assert float(task.loss(short, batch)[0]) == math.inf
    learned, _ = task.training_loss(short.truth, batch, {})
    assert math.isfinite(float(learned))


def test_a_word_that_train_lacks_is_never_said_right() -> None:
    task, spec, output, batch = scored_case("transduction", 1)
    unknown = batch._replace(
        targets=torch.tensor([[1, END]]), target_lengths=torch.tensor([2]), lengths=torch.ones(1)
    )
    logits = torch.zeros(1, 2, task.outputs(spec))
    said = replace(
        output,
        hypotheses=[Hypothesis([1], 0.0, 0.0, None)],
        truth=replace(output.truth, logits=logits),
    )
    assert scores_of(task, said, unknown, spec)["exact_match"] == 0


def test_answers_for_people() -> None:
    task, spec, output, batch = scored_case("classification", 5)
    for answer, logits in zip(task.predict(output, batch, spec), output.logits, strict=True):
        assert answer["label"] == spec.classes[int(logits.argmax())]
        assert answer["probability"] == max(answer["probabilities"].values())
        assert sum(answer["probabilities"].values()) == pytest.approx(1)
    task, spec, output, batch = scored_case("forecasting", 5)
    said = [answer["forecast"] for answer in task.predict(output, batch, spec)]
    np.testing.assert_allclose(said, output.logits.numpy() * 4 + 10, rtol=1e-6)


def test_an_unknown_task_names_the_nearest() -> None:
    with pytest.raises(InputError, match="here: no task named 'forcasting'.*'forecasting'"):
        task_for("forcasting", "here")
