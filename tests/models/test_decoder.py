"""The decoder: what it is taught at once is what it says token by token."""

from __future__ import annotations

import pytest
import torch

from seqarena.data.batches import Batch
from seqarena.data.tokens import END
from seqarena.decode import Stepper, beam_search, greedy
from seqarena.models.attention.scores import ATTENTIONS
from seqarena.models.attention.transformer import Transformer
from seqarena.models.encoder import Encoder
from seqarena.models.frontends import Embedding, embedding_table
from seqarena.models.model import SequenceModel
from seqarena.models.recurrent.cells import CELLS
from seqarena.models.recurrent.encoders import RecurrentEncoder
from seqarena.models.recurrent.layers import Fused
from seqarena.models.writing.autoregressive import Decoder
from seqarena.models.writing.decoder import RecurrentDecoder
from seqarena.models.writing.joint import JointDecoder, JointLogits
from seqarena.models.writing.pointer import PointerDecoder
from seqarena.models.writing.transformer_decoder import TransformerDecoder

VOCABULARY, WIDTH = 9, 8
CASES = [
    (kind, attention, input_feeding)
    for kind in ("rnn", "gru", "lstm")
    for attention in (None, "additive")
    for input_feeding in (False, True)
]
CASES += [("gru", name, input_feeding) for name in ATTENTIONS for input_feeding in (False, True)]
CASES += [("transformer", None, False), ("pointer", "additive", False)]
every_case = pytest.mark.parametrize(("kind", "attention", "input_feeding"), CASES)
JOINT = [("ctc_lstm", attention, False) for attention in (None, "additive", "forward")]
every_one = pytest.mark.parametrize(("kind", "attention", "input_feeding"), CASES + JOINT)


def build(kind: str, attention: str | None, input_feeding: bool, specs: dict) -> SequenceModel:
    torch.manual_seed(0)
    encoder: Encoder
    decoder: Decoder
    table = embedding_table(VOCABULARY, 5, 0.5)
    if kind == "transformer":
        decoder = TransformerDecoder(WIDTH, 2, 2, table, 0.2)
        encoder = Transformer(6, WIDTH, layers=1, heads=2, dropout=0.1)
    else:
        chosen = None if attention is None else ATTENTIONS[attention](WIDTH, WIDTH, WIDTH)
        encoder = RecurrentEncoder(Fused(kind if kind in CELLS else "lstm", 6, WIDTH))
        if kind == "ctc_lstm":
            decoder = JointDecoder("lstm", WIDTH, chosen, table, 0.2, 0.4)
        elif kind == "pointer":
            assert chosen is not None
            copies = torch.arange(15) % VOCABULARY
            decoder = PointerDecoder("lstm", WIDTH, chosen, table, 0.2, copies)
        else:
            decoder = RecurrentDecoder(kind, WIDTH, chosen, table, 0.2, input_feeding=input_feeding)
    model = SequenceModel(Embedding(specs["text"], 6, 0.5, 0.1), encoder, decoder)
    for parameter in model.parameters():
        parameter.data.mul_(2.0)
    return model.double().eval()


def stepper_of(model: SequenceModel, given: Batch) -> Stepper:
    assert isinstance(model.head, Decoder)
    return model.head.stepper(model.encode(given))


def batch() -> Batch:
    torch.manual_seed(1)
    lengths, target_lengths = torch.tensor([4, 7, 1]), torch.tensor([5, 2, 3])
    inputs = torch.randint(1, 15, (3, 7)) * (torch.arange(7) < lengths[:, None])
    targets = torch.randint(3, VOCABULARY, (3, 5))
    targets[torch.arange(3), target_lengths - 1] = END
    targets *= torch.arange(5) < target_lengths[:, None]
    return Batch(inputs, lengths, targets, target_lengths)


@every_case
def test_token_by_token_is_all_at_once(
    kind: str, attention: str | None, input_feeding: bool, specs: dict
) -> None:
    model, given = build(kind, attention, input_feeding, specs), batch()
    output = model(given)
    stepper = stepper_of(model, given)
    last, state = stepper.start()
    for step in range(given.targets.shape[1]):
        logits, state, weights = stepper.step(last, state)
        torch.testing.assert_close(logits[:, 0], output.logits[:, step])
        if weights is not None:
            assert output.weights is not None
            torch.testing.assert_close(weights[:, 0], output.weights[:, :, step])
        last = given.targets[:, step : step + 1]


@every_one
def test_a_sequence_is_written_the_same_alone_and_beside_longer_ones(
    kind: str, attention: str | None, input_feeding: bool, specs: dict
) -> None:
    model, given = build(kind, attention, input_feeding, specs), batch()
    together = beam_search(stepper_of(model, given), 6, width=3, length_penalty=0.6)
    for row, length in enumerate(given.lengths.tolist()):
        one = Batch(
            given.inputs[row : row + 1, :length], given.lengths[row : row + 1], given[2][:1]
        )
        (alone,) = beam_search(stepper_of(model, one), 6, width=3, length_penalty=0.6)
        assert alone[0].tokens == together[row][0].tokens
        assert alone[0].score == pytest.approx(together[row][0].score, abs=1e-5)


@every_one
def test_a_beam_of_one_is_greedy(
    kind: str, attention: str | None, input_feeding: bool, specs: dict
) -> None:
    model, given = build(kind, attention, input_feeding, specs), batch()
    narrow = [best.tokens for (best,) in beam_search(stepper_of(model, given), 6, width=1)]
    assert narrow == [hypothesis.tokens for hypothesis in greedy(stepper_of(model, given), 6)]


@every_one
def test_every_parameter_learns(
    kind: str, attention: str | None, input_feeding: bool, specs: dict
) -> None:
    model, given = build(kind, attention, input_feeding, specs), batch()
    output = model.train()(given)
    total = output.logits.square().sum()
    if isinstance(output, JointLogits):
        total = total + output.ctc.square().sum()
    total.backward()
    assert [n for n, p in model.named_parameters() if p.grad is None] == []
    assert all(bool(p.grad.isfinite().all()) for p in model.parameters() if p.grad is not None)
