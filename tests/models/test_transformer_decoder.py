"""The transformer decoder against torch's own, what its caches hold, every source it writes of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqarena.data.batches import Batch, collate, mask_of
from seqarena.data.store import DataSpec, Prepared
from seqarena.data.tokens import END
from seqarena.decode import Decoding
from seqarena.models.attention.transformer import positions
from seqarena.models.frontends import embedding_table
from seqarena.models.heads import Encoded
from seqarena.models.writing.transformer_decoder import TransformerDecoder
from seqarena.tasks import TASKS, task_for

WIDTH, HEADS, VOCABULARY = 8, 4, 9
LENGTHS = torch.tensor([4, 7, 1])
TARGETS = torch.tensor([[3, 4, 5, 8, END], [6, END, 0, 0, 0], [7, 7, END, 0, 0]])
WRITES = TASKS["transduction"].modalities


def build(dropout: float = 0.0) -> tuple[TransformerDecoder, Encoded]:
    torch.manual_seed(0)
    table = embedding_table(VOCABULARY, 5, 1.0)
    decoder = TransformerDecoder(WIDTH, 2, HEADS, table, dropout).double()
    for parameter in decoder.parameters():
        nn.init.normal_(parameter, std=0.5)
    states = torch.randn(3, 7, WIDTH, dtype=torch.float64)
    return decoder, Encoded(states, states[:, 0], LENGTHS)


def torchs(decoder: TransformerDecoder) -> nn.TransformerDecoder:
    """torch's decoder with the same weights."""
    layer = nn.TransformerDecoderLayer(
        WIDTH, HEADS, 4 * WIDTH, dropout=0.0, batch_first=True, norm_first=True
    )
    theirs = nn.TransformerDecoder(layer, 2, nn.LayerNorm(WIDTH)).double()
    ours: Any
    for ours, their in zip(decoder.layers, theirs.layers, strict=True):
        own, source = ours.own, ours.source
        parts = (source.query, source.key, source.value)
        both = (
            (their.self_attn, own.inputs.weight, own.inputs.bias, own.output),
            (
                their.multihead_attn,
                torch.cat([part.weight for part in parts]),
                torch.cat([part.bias for part in parts]),
                source.output,
            ),
        )
        with torch.no_grad():
            for attention, weight, bias, output in both:
                attention.in_proj_weight.copy_(weight)
                attention.in_proj_bias.copy_(bias)
                attention.out_proj.load_state_dict(output.state_dict())
        their.linear1.load_state_dict(ours.dense[0].state_dict())
        their.linear2.load_state_dict(ours.dense[2].state_dict())
        for norm, name in zip(ours.norms, ("norm1", "norm2", "norm3"), strict=True):
            getattr(their, name).load_state_dict(norm.state_dict())
    assert theirs.norm is not None
    theirs.norm.load_state_dict(decoder.norm.state_dict())
    return theirs


def test_it_is_the_decoder_of_torch() -> None:
    """Vaswani et al. 2017, section 3.1, with norms before each part (Xiong et al. 2020)."""
    decoder, encoded = build()
    theirs = torchs(decoder)
    seen: list[Any] = []
    last = theirs.layers[-1].multihead_attn
    last.register_forward_pre_hook(lambda _, args, kw: seen.append((args, kw)), with_kwargs=True)
    output = decoder(encoded, Batch(LENGTHS, LENGTHS, TARGETS))
    before = torch.cat([torch.full((3, 1), END), TARGETS[:, :-1]], 1)
    x = decoder.input_projection(decoder.embedding(before), positions(5, WIDTH))
    states = theirs(
        x,
        encoded.states,
        tgt_mask=nn.Transformer.generate_square_subsequent_mask(5, dtype=torch.float64),
        memory_key_padding_mask=~mask_of(LENGTHS, 7),
    )
    torch.testing.assert_close(output.logits, decoder.output(states))
    ((args, kw),) = seen
    _, wanted = last(*args, **{**kw, "need_weights": True, "average_attn_weights": False})
    torch.testing.assert_close(output.weights, wanted)


def test_no_token_looks_ahead() -> None:
    decoder, encoded = build()
    told = decoder(encoded, Batch(LENGTHS, LENGTHS, TARGETS)).logits
    other = TARGETS.clone()
    other[:, 2] = 8
    changed = decoder(encoded, Batch(LENGTHS, LENGTHS, other)).logits
    torch.testing.assert_close(changed[:, :3], told[:, :3])
    assert not torch.allclose(changed[:, 3], told[:, 3])


def test_hypotheses_side_by_side_keep_what_each_has_said() -> None:
    decoder, encoded = build()
    source = decoder.encode_memory(encoded)
    both: Tensor = torch.stack([TARGETS, TARGETS.flip(1)], 1)  # (B, W, U)
    first = decoder.advance(torch.full((3, 1), END), source, decoder.init_state(source))[1]
    carried = tuple(type(cache)(*(part.repeat(1, 2, 1, 1, 1) for part in cache)) for cache in first)
    for step in range(4):
        told, carried, weights = decoder.advance(both[:, :, step], source, carried)
        assert carried[0].keys.shape == (3, 2, HEADS, step + 2, WIDTH // HEADS)
    assert weights is not None and weights.shape == (3, HEADS, 2, 7)
    for place in range(2):
        taught = decoder(encoded, Batch(LENGTHS, LENGTHS, both[:, place])).logits
        torch.testing.assert_close(told[:, place], taught[:, 4])


def test_dropout_is_of_training_alone() -> None:
    decoder, encoded = build(dropout=0.5)
    batch = Batch(LENGTHS, LENGTHS, TARGETS)
    assert not torch.allclose(decoder(encoded, batch).logits, decoder(encoded, batch).logits)
    decoder.eval()
    assert torch.equal(decoder(encoded, batch).logits, decoder(encoded, batch).logits)


@pytest.mark.parametrize("modality", sorted(WRITES))
def test_it_writes_of_every_kind_of_source(
    modality: str, specs: dict[str, DataSpec], hyperparameters: Any, prepared: dict[str, Any]
) -> None:
    words = ("<pad>", "<unk>", "<end>", "a", "b")
    spec = replace(
        specs[modality], target_vocabulary=words, target_unit="words", max_target_length=3
    )
    task = task_for("transduction")
    chosen = {**hyperparameters("transformer", modality), **task.space, "embedding": 8}
    model = task.model("transformer", spec, chosen).eval()
    assert isinstance(model.head, TransformerDecoder)
    train = Prepared(prepared[modality]).split("train")
    batch = collate([train.sequence(index) for index in range(3)])
    for decoding in (Decoding(), Decoding(method="beam", beam=3)):
        with torch.inference_mode():
            output = task.forward(model, batch, spec, decoding)
        for place in range(3):
            looked = task.attention_of(output, place)
            assert looked is not None
            rows = len(output.hypotheses[place].tokens)
            assert looked.shape[0] == chosen["heads"] and looked.shape[1] in (rows, rows + 1)
            assert looked.sum(2) == pytest.approx(1, abs=1e-5)
