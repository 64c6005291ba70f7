"""The F1 of spans is seqeval's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from seqeval.metrics import f1_score
from seqeval.metrics.sequence_labeling import get_entities

from seqarena.data.batches import Batch
from seqarena.data.store import DataSpec, Split
from seqarena.models.outputs import Logits
from seqarena.tasks import TASKS
from seqarena.tasks.spans import spans

TAGS = ("O", "B-per", "I-per", "B-place", "I-place", "E-place", "S-per")
METRIC = TASKS["labelling"].metrics["span_f1"]
SPEC = DataSpec(
    modality="text", feature_shape=(), max_length=9, step="token", step_size=1.0, classes=TAGS
)


def drawn(seed: int, count: int = 50) -> list[list[str]]:
    random = np.random.default_rng(seed)
    return [list(random.choice(TAGS, size=random.integers(1, 10))) for _ in range(count)]


def test_tags_mark_the_spans_that_seqeval_sees() -> None:
    for tags in drawn(0, 500):
        found = [(span.kind, span.start, span.end - 1) for span in spans(tags)]
        assert found == get_entities(tags)


def test_span_f1_is_that_of_seqeval_whatever_the_batches() -> None:
    truth = drawn(1)
    random = np.random.default_rng(2)
    said = [[tag if random.random() < 0.7 else "O" for tag in tags] for tags in truth]
    rows = torch.cat(
        [
            METRIC.statistics(*batch_of(truth[part], said[part]), SPEC)
            for part in (slice(0, 1), slice(1, 20), slice(20, None))
        ]
    )
    assert METRIC.of(rows) == pytest.approx(f1_score(truth, said))


def batch_of(truth: list[list[str]], said: list[list[str]]) -> tuple[Logits, Batch]:
    """The output that says such tags, and the batch whose targets are the true ones."""
    lengths = torch.tensor([len(tags) for tags in truth])
    targets = torch.zeros(len(truth), int(lengths.max()), dtype=torch.int64)
    logits = torch.zeros(*targets.shape, len(TAGS))
    for row, (own, others) in enumerate(zip(truth, said, strict=True)):
        for step, (tag, other) in enumerate(zip(own, others, strict=True)):
            targets[row, step] = 1 + TAGS.index(tag)
            logits[row, step, TAGS.index(other)] = 1.0
    return Logits(logits=logits, lengths=lengths), Batch(torch.empty(len(truth)), lengths, targets)


class Targets(Split):
    """A split of which the targets alone are known."""

    def __init__(self, *targets: int) -> None:
        self.targets = np.array(targets, np.int32)


def test_it_is_defined_where_tags_mark_something() -> None:
    assert METRIC.undefined(Targets(1, 2), SPEC) is None
    assert METRIC.undefined(Targets(1, 1), SPEC) == "every step is 'O'"
    words = DataSpec(
        modality="text", feature_shape=(), max_length=9, step="token", step_size=1.0,
        classes=("he", "she"),
    )  # fmt: skip
    told = METRIC.undefined(Targets(1, 2), words)
    assert told == "the class 'he' is no tag such as 'B-x', 'I-x' or 'O'"
