"""Units of groups that are unequal and alike within: against drawing the groups anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from seqarena.data.batches import Batch
from seqarena.data.store import Array
from seqarena.data.tokens import END
from seqarena.decode import Hypothesis
from seqarena.evaluation.compare import compare
from seqarena.evaluation.estimand import influence
from seqarena.evaluation.estimates import Estimates
from seqarena.tasks import TASKS
from seqarena.tasks.metric import Metric
from seqarena.tasks.outputs import Written
from support import class_rows, class_spec

COUNT, GROUPS = 900, 150
TEXTS = replace(
    class_spec(3),
    target_vocabulary=("<pad>", "<unk>", "<end>", *"abcdefgh"),
    target_unit="words",
)


def grouped() -> Array:
    """Number groups of very unequal size, each in use."""
    random = np.random.default_rng(0)
    shares = np.repeat([1.0, 4.0], GROUPS // 2)
    drawn = random.choice(GROUPS, COUNT - GROUPS, p=shares / shares.sum())
    return random.permutation(np.append(np.arange(GROUPS), drawn))


def classified(metric: str, truth: Array, signal: float = 1.0, seed: int = 1) -> Tensor:
    """The rows of a classifier that leans to the truth."""
    noise = np.random.default_rng(seed).normal(size=(len(truth), 3))
    logits = torch.from_numpy(noise + signal * np.eye(3)[truth])
    scored = TASKS["classification"].metrics[metric]
    return class_rows(scored, logits, torch.from_numpy(truth))


def written(metric: str, groups: Array) -> Tensor:
    """The rows of texts of which some words are wrong, more in some groups than in others."""
    random = np.random.default_rng(2)
    wrong = random.beta(1, 4, GROUPS)
    lengths = random.integers(3, 12, len(groups))
    targets = torch.zeros(len(groups), 13, dtype=torch.int32)
    said = []
    for row, (length, group) in enumerate(zip(lengths, groups, strict=True)):
        tokens = random.integers(3, 11, length)
        targets[row, :length], targets[row, length] = torch.from_numpy(tokens), END
        other = np.where(
            random.random(length) < wrong[group], random.integers(3, 11, length), tokens
        )
        kept = other[: max(1, length - int(random.random() < 0.3))]
        said.append(Hypothesis(kept.tolist(), 0.0, 0.0, None))
    return rows_of_texts(metric, said, targets)


def rows_of_texts(metric: str, said: list[Hypothesis], targets: Tensor) -> Tensor:
    ones = torch.ones(len(said), dtype=torch.int64)
    output = Written(lengths=ones, hypotheses=said)
    batch = Batch(torch.empty(0), ones, targets, ones)
    return TASKS["transduction"].metrics[metric].statistics(output, batch, TEXTS)


def rows_for(metric: str, groups: Array) -> tuple[Metric[Any], Tensor]:
    """Return a metric and rows in which the sequences of a group are alike."""
    if metric in TASKS["transduction"].metrics:
        return TASKS["transduction"].metrics[metric], written(metric, groups)
    if metric in TASKS["forecasting"].metrics:
        random = np.random.default_rng(3)
        errors = np.abs(random.normal(size=COUNT) * random.uniform(0.5, 2, GROUPS)[groups])
        terms = errors**2 if metric == "rmse" else errors
        rows = torch.from_numpy(np.stack([terms, np.ones(COUNT)], 1))
        return TASKS["forecasting"].metrics[metric], rows
    liked = np.random.default_rng(4).integers(3, size=GROUPS)
    own = np.random.default_rng(5).integers(3, size=COUNT)
    truth = np.where(np.random.default_rng(6).random(COUNT) < 0.5, liked[groups], own)
    return TASKS["classification"].metrics[metric], classified(metric, truth)


@pytest.mark.parametrize(
    "name", ["accuracy", "macro_f1", "auroc", "bleu", "chrf", "wer", "mae", "rmse"]
)
def test_units_are_the_metric_and_its_standard_error(name: str) -> None:
    """The mean to rounding, the spread as drawing groups anew gives it."""
    groups = grouped()
    metric, rows = rows_for(name, groups)
    value, units = influence(metric, rows, groups)
    assert value == metric.of(rows) and units.shape == (GROUPS,)
    assert units.mean() == pytest.approx(value, rel=1e-12)
    members = [torch.from_numpy(np.flatnonzero(groups == group)) for group in range(GROUPS)]
    random, values = np.random.default_rng(7), []
    for _ in range(600):
        drawn = torch.cat([members[group] for group in random.integers(GROUPS, size=GROUPS)])
        values.append(metric.of(rows.index_select(0, drawn)))
    error = float(units.std(ddof=1)) / GROUPS**0.5
    assert error == pytest.approx(np.std(values, ddof=1), rel=0.12)  # 600 draws tell it to 3 %


def test_bleu_is_tested_as_printed() -> None:
    """Short texts written right lift a mean of sentences, and hardly the BLEU of the corpus."""
    metric = TASKS["transduction"].metrics["bleu"]
    random = np.random.default_rng(0)
    lengths = np.where(np.arange(200) % 2, 20, 4)
    targets = torch.zeros(200, 21, dtype=torch.int32)
    for row, length in enumerate(lengths):
        targets[row, :length] = torch.from_numpy(random.integers(3, 11, length))
        targets[row, length] = END
    tested: dict[str, list[Array]] = {"short": [], "long": []}
    printed: dict[str, list[float]] = {"short": [], "long": []}
    sentences: dict[str, list[float]] = {"short": [], "long": []}
    wrong = {"short": {4: 0.0, 20: 0.5}, "long": {4: 0.8, 20: 0.15}}
    for name in tested:
        for seed in range(3):
            random, said = np.random.default_rng(seed), []
            for row, length in enumerate(lengths.tolist()):
                noise = random.random(length) < wrong[name][length]
                tokens = targets[row, :length].numpy()
                other = np.where(noise, random.integers(3, 11, length), tokens)
                said.append(Hypothesis(other.tolist(), 0.0, 0.0, None))
            rows = rows_of_texts("bleu", said, targets)
            value, units = influence(metric, rows, np.arange(200))
            tested[name].append(units)
            printed[name].append(value)
            sentences[name].append(float(np.mean([metric.of(row[None]) for row in rows])))
    assert np.mean(sentences["short"]) > np.mean(sentences["long"]) + 5
    units = {name: np.stack(each) for name, each in tested.items()}
    found = compare(Estimates.of(units, {}, metric.bounds), list(units), None)
    gap = float(np.mean(printed["short"]) - np.mean(printed["long"]))
    assert found.best == "long" and found.pairs["short"].difference == pytest.approx(gap)
    assert gap < 0
