"""What makes a language model of few words: one table, penalties of states, masks per sequence."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch

from seqarena.data.batches import Batch
from seqarena.data.store import DataSpec
from seqarena.models.frontends import Embedding
from seqarena.models.heads import StepHead
from seqarena.models.model import SequenceModel, count_parameters
from seqarena.models.recurrent.encoders import RecurrentEncoder
from seqarena.models.recurrent.layers import Stack
from seqarena.models.regularisation.activation_penalty import SPACE, penalty
from seqarena.models.regularisation.dropout import Dropout, LockedDropout
from seqarena.models.tied import TiedOutput
from seqarena.tasks import TASKS

Choose = Callable[..., dict[str, Any]]
TASK = TASKS["language_modelling"]
LENGTHS = torch.tensor([5, 3])
REAL = torch.arange(5) < LENGTHS[:, None]


@pytest.fixture
def build(specs: dict[str, DataSpec], hyperparameters: Choose) -> Callable[..., SequenceModel]:
    def make(variant: str = "lstm", **chosen: Any) -> SequenceModel:
        torch.manual_seed(0)
        return TASK.model(variant, specs["text"], hyperparameters(variant, "text", **chosen))

    return make


def batch_of(vocabulary: int = 16) -> Batch:
    tokens = torch.randint(3, vocabulary, (2, 5), generator=torch.Generator().manual_seed(1))
    return Batch(tokens * REAL, LENGTHS, tokens.flip(1) * REAL, LENGTHS)


def test_a_tied_output_scores_tokens_by_the_vectors_they_are_read_as(
    build: Callable[..., SequenceModel],
) -> None:
    model, batch = build(output_table="tied").eval(), batch_of()
    assert isinstance(model.frontend, Embedding)
    output = model.head.output[-1]
    assert isinstance(output, TiedOutput)
    states = model.encode(batch).states
    table = model.frontend.table.weight
    with torch.no_grad():
        table[0] = 0.0
        output.bias.normal_()
    wanted = torch.stack(
        [output.project(states) @ vector + b for vector, b in zip(table, output.bias, strict=True)],
        dim=-1,
    )
    torch.testing.assert_close(model(batch).logits, wanted)


def test_one_table_is_learned_once_and_padding_not_at_all(
    build: Callable[..., SequenceModel],
) -> None:
    model, own = build(output_table="tied", embedding=4), build(embedding=4)
    assert [name for name in model.state_dict() if name.endswith("table.weight")] == [
        "frontend.table.weight"
    ]
    tokens, width = 16, 8
    saved = tokens * width - (width + 1) * 4  # its own table, less the projection to an embedding
    assert count_parameters(own) - count_parameters(model) == saved
    loss, _ = TASK.training_loss(model(batch_of()), batch_of(), {})
    loss.backward()
    gradient = model.frontend.table.weight.grad
    assert gradient is not None
    assert not gradient[0].any() and gradient[1:].any(1).all(), "all words but the padding learn"


def test_a_copy_is_tied_to_its_own_table(build: Callable[..., SequenceModel]) -> None:
    model = build(output_table="tied").eval()
    copy, before = deepcopy(model), model(batch_of()).logits
    with torch.no_grad():
        copy.frontend.table.weight.mul_(2)
    assert torch.equal(model(batch_of()).logits, before)
    assert copy.head.output[-1].shared[0] is copy.frontend.table


def test_penalties_are_the_formula_over_real_steps() -> None:
    states, h = torch.randn(2, 5, 3, dtype=torch.float64), dict(zip(SPACE, (2.0, 7.0), strict=True))
    wanted = 0.0
    for row, length in enumerate(LENGTHS.tolist()):
        for t in range(length):  # Merity et al. 2018, section 4.3, means over the units
            wanted += 2.0 * float((states[row, t] ** 2).mean())
            if t:
                wanted += 7.0 * float(((states[row, t] - states[row, t - 1]) ** 2).mean())
    assert float(penalty(states, LENGTHS, h)) == pytest.approx(wanted)
    assert penalty(states, LENGTHS, {}) == 0.0


def test_penalties_are_added_in_training_alone(build: Callable[..., SequenceModel]) -> None:
    model, batch = build(), batch_of()
    output = model(batch)
    plain, terms = TASK.loss(output, batch)
    chosen = {"activation_penalty": 1.5}
    loss, count = TASK.training_loss(output, batch, chosen)
    states = model.encode(batch).states
    torch.testing.assert_close(loss, plain + penalty(states, LENGTHS, chosen))
    assert count == terms == 8


def test_one_dropout_mask_may_serve_a_whole_sequence(build: Callable[..., SequenceModel]) -> None:
    chosen = {"dropout": 0.5, "layers": 2, "width": 64}
    for mask, kind in (("step", Dropout), ("sequence", LockedDropout)):
        model = build("stacked_lstm", dropout_mask=mask, **chosen)
        assert isinstance(model.frontend, Embedding)
        assert isinstance(model.encoder, RecurrentEncoder)
        assert isinstance(model.encoder.layer, Stack)
        assert isinstance(model.head, StepHead)
        drops = model.frontend.dropout, model.encoder.layer.dropout, model.head.output[0]
        assert {type(drop) for drop in drops} == {kind}
        assert {drop.p for drop in drops} == {0.5}
        for found in (drop(torch.ones(3, 6, 64)) for drop in drops):
            assert torch.equal(found, found[:, :1].expand_as(found)) == (mask == "sequence")
