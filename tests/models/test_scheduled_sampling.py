"""Scheduled sampling: whose tokens a decoder reads, and when."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from seqarena.data.batches import Batch
from seqarena.data.tokens import END
from seqarena.models.attention.scores import ATTENTIONS
from seqarena.models.frontends import embedding_table
from seqarena.models.heads import Encoded
from seqarena.models.writing.decoder import RecurrentDecoder
from seqarena.models.writing.scheduled_sampling import mixed

VOCABULARY, WIDTH = 9, 8
KINDS = [(None, False), ("additive", False), (None, True), ("additive", True)]
every_kind = pytest.mark.parametrize(("attention", "input_feeding"), KINDS)


def build(
    attention: str | None, input_feeding: bool, *, sampling: float = 1.0, dropout: float = 0.0
) -> RecurrentDecoder:
    torch.manual_seed(0)
    chosen = None if attention is None else ATTENTIONS[attention](WIDTH, WIDTH, WIDTH)
    table = embedding_table(VOCABULARY, 5, 1.0)
    return RecurrentDecoder(
        "lstm", WIDTH, chosen, table, dropout, input_feeding=input_feeding, sampling=sampling
    ).double()


def given() -> tuple[Encoded, Batch]:
    torch.manual_seed(1)
    lengths, target_lengths = torch.tensor([3, 2, 3]), torch.tensor([5, 3, 1])
    targets = torch.randint(3, VOCABULARY, (3, 5))
    targets[torch.arange(3), target_lengths - 1] = END
    targets *= torch.arange(5) < target_lengths[:, None]
    states = torch.randn(3, 3, WIDTH, dtype=torch.float64)
    encoded = Encoded(states, states[:, -1], lengths)
    return encoded, Batch(torch.empty(3), lengths, targets, target_lengths)


def read_by(decoder: RecurrentDecoder, encoded: Encoded, batch: Batch) -> tuple[Tensor, Tensor]:
    """The tokens that it reads, pass beside pass, and the logits."""
    read: list[Tensor] = []
    with decoder.embedding.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0])):
        logits = decoder(encoded, batch).logits
    return torch.cat(read, dim=1), logits


def after_begin(targets: Tensor) -> Tensor:
    return torch.cat([torch.full_like(targets[:, :1], END), targets[:, :-1]], dim=1)


@every_kind
def test_with_a_share_of_one_it_reads_its_own_tokens_alone(
    attention: str | None, input_feeding: bool
) -> None:
    decoder, (encoded, batch) = build(attention, input_feeding), given()
    taught = decoder.eval()(encoded, batch).logits
    said = taught.argmax(-1)
    assert not torch.equal(said, batch.targets)
    decoder.train().progress = 1.0
    read, logits = read_by(decoder, encoded, batch)
    torch.testing.assert_close(
        read, torch.cat([after_begin(batch.targets), after_begin(said)], dim=1)
    )
    expected = decoder.eval()(encoded, batch._replace(targets=said)).logits
    torch.testing.assert_close(logits, expected)


@every_kind
def test_before_training_has_gone_on_it_is_taught_by_the_truth_alone(
    attention: str | None, input_feeding: bool
) -> None:
    encoded, batch = given()
    told = []
    for sampling, progress in ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)):
        decoder = build(attention, input_feeding, sampling=sampling, dropout=0.3).train()
        decoder.progress = progress
        torch.manual_seed(2)
        told.append(decoder(encoded, batch).logits)
    plain, *same, other = told
    assert all(torch.equal(each, plain) for each in same)
    assert not torch.equal(other, plain)


@every_kind
def test_outside_training_it_reads_the_truth(attention: str | None, input_feeding: bool) -> None:
    decoder, (encoded, batch) = build(attention, input_feeding).eval(), given()
    decoder.progress = 1.0
    read, logits = read_by(decoder, encoded, batch)
    assert torch.equal(read, after_begin(batch.targets))
    assert torch.equal(
        logits, build(attention, input_feeding, sampling=0.0).eval()(encoded, batch).logits
    )


def test_the_share_grows_with_progress_and_repeats_itself_for_a_seed() -> None:
    decoder, (encoded, batch) = build("additive", False, sampling=0.5).train(), given()
    many = Batch(
        *(None if part is None else part.repeat(800, *[1] * (part.dim() - 1)) for part in batch)
    )
    wide = Encoded(*(part.repeat(800, *[1] * (part.dim() - 1)) for part in encoded[:3]))
    said = after_begin(decoder(encoded, batch).logits.argmax(-1)).repeat(800, 1)
    truth = after_begin(many.targets)
    different = said != truth
    shares = []
    for progress in (0.2, 0.6, 1.0):
        decoder.progress = progress
        torch.manual_seed(3)
        read = read_by(decoder, wide, many)[0][:, 5:]
        assert bool(((read == truth) | (read == said)).all())
        shares.append(float((read == said)[different].float().mean()))
    assert shares == pytest.approx([0.1, 0.3, 0.5], abs=0.02)
    torch.manual_seed(3)
    assert torch.equal(read_by(decoder, wide, many)[0][:, 5:], read)


@every_kind
def test_every_parameter_learns(attention: str | None, input_feeding: bool) -> None:
    decoder, (encoded, batch) = build(attention, input_feeding).train(), given()
    decoder.progress = 1.0
    decoder(encoded, batch).logits.sum().backward()
    gradients = [p.grad for p in decoder.parameters()]
    assert all(g is not None and bool(g.isfinite().all()) for g in gradients)


def test_what_is_read_by_hand() -> None:
    tokens = torch.tensor([[END, 4, 5], [END, 6, END]], dtype=torch.int32)
    told = torch.zeros(2, 3, 9)
    for row, step, said in ((0, 0, 7), (0, 1, 8), (0, 2, 3), (1, 0, 6), (1, 1, 3), (1, 2, 3)):
        told[row, step, said] = 1.0
    assert mixed(tokens, told, 1.0).tolist() == [[END, 7, 8], [END, 6, 3]]
    assert mixed(tokens, told, 0.0).tolist() == tokens.tolist()
    assert mixed(tokens[:, :1], told[:, :1], 1.0).tolist() == [[END], [END]]
