"""A decoder and CTC over one encoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from seqarena.data.batches import Batch
from seqarena.data.store import DataSpec
from seqarena.data.tokens import PAD
from seqarena.decode import Decoding
from seqarena.models.heads import Writer
from seqarena.models.model import SequenceModel
from seqarena.models.variants import VARIANTS
from seqarena.models.writing.ctc import ctc_nll
from seqarena.models.writing.joint import JointDecoder, JointLogits
from seqarena.optimizer import AdamW
from seqarena.tasks import TASKS
from seqarena.tasks.base import cross_entropies

VARIANT = "bilstm_forward_ctc"
TRANSDUCTION = TASKS["transduction"]
BATCH = Batch(
    torch.randn(2, 7, 5, generator=torch.Generator().manual_seed(0)),
    torch.tensor([7, 4]),
    torch.tensor([[3, 4, 3, 2], [4, 2, 0, 0]]),
    torch.tensor([4, 2]),
)


@pytest.fixture
def spec(specs: dict[str, DataSpec]) -> DataSpec:
    vocabulary = ("<pad>", "<unk>", "<end>", "a", "b", "c")
    return replace(specs["audio"], target_vocabulary=vocabulary, max_target_length=4)


def chosen(hyperparameters: Callable[..., dict[str, Any]], weight: float) -> dict[str, Any]:
    own = {"embedding": 4, "embedding_std": 1.0, "dropout": 0.0, "ctc_weight": weight}
    return hyperparameters(VARIANT, "audio") | own


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_the_loss_is_of_both_by_the_weight(
    weight: float, spec: DataSpec, hyperparameters: Callable[..., dict[str, Any]]
) -> None:
    torch.manual_seed(0)
    h = chosen(hyperparameters, weight)
    output = TRANSDUCTION.model(VARIANT, spec, h).eval()(BATCH)
    assert isinstance(output, JointLogits)
    decoder = cross_entropies(output.logits, BATCH.targets, PAD).sum()
    ctc = ctc_nll(output.ctc, BATCH.lengths, BATCH).sum()
    loss, count = TRANSDUCTION.training_loss(output, BATCH, h)
    torch.testing.assert_close(loss, (1 - weight) * decoder + weight * ctc)
    assert count == 6
    torch.testing.assert_close(TRANSDUCTION.loss(output, BATCH)[0], decoder)  # its perplexity


def test_what_is_written_follows_the_weight(
    spec: DataSpec, hyperparameters: Callable[..., dict[str, Any]]
) -> None:
    """All of one is that one alone."""
    torch.manual_seed(0)
    h = chosen(hyperparameters, 0.5)
    model = TRANSDUCTION.model(VARIANT, spec, h)
    optimizer = AdamW(model.parameters(), lambda _: 0.02, weight_decay=0.0, clip=1.0)
    for _ in range(60):
        loss, count = TRANSDUCTION.training_loss(model(BATCH), BATCH, h)
        loss.backward()
        optimizer.step(torch.tensor(float(count)))
    truth = [[3, 4, 3], [4]]
    assert written(model.eval()) == truth
    assert isinstance(model.head, JointDecoder)
    with torch.no_grad():
        model.head.output.weight.zero_()  # a decoder that knows nothing
    for weight, right in ((0.0, False), (0.9, True)):
        model.head.weight = weight
        assert (written(model) == truth) == right


def written(model: SequenceModel) -> list[list[int]]:
    assert isinstance(model.head, Writer)
    with torch.no_grad():
        way = Decoding(method="beam", beam=4)
        return [best.tokens for best, *_ in model.head.write(model.encode(BATCH), way, 6)]


def test_where_nothing_is_written_it_is_refused() -> None:
    reason = TASKS["classification"].incompatibility(VARIANTS[VARIANT])
    assert reason == "writes by CTC too, and nothing is written here"
