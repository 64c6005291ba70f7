"""A decoder that may copy what it looks at."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from seqarena.data.batches import Batch
from seqarena.data.store import DataSpec
from seqarena.data.tokens import UNKNOWN
from seqarena.errors import InputError
from seqarena.models.variants import VARIANTS
from seqarena.models.writing.pointer import copies_of
from seqarena.optimizer import AdamW
from seqarena.tasks import TASKS

SOURCE = ("<pad>", "<unk>", *"abcdefgh")
TARGET = ("<pad>", "<unk>", "<end>", *"hgfedcb")  # another order, and no a


@pytest.fixture
def spec(specs: dict[str, DataSpec]) -> DataSpec:
    return replace(specs["text"], vocabulary=SOURCE, target_vocabulary=TARGET, max_target_length=6)


CHOSEN = {
    "width": 16, "attention": 8, "dropout": 0.0, "embedding": 8, "embedding_std": 1.0,
    "learning_rate": 0.01, "weight_decay": 0.0,
}  # fmt: skip


def test_tokens_are_copied_by_what_they_are() -> None:
    assert copies_of(SOURCE, TARGET).tolist() == [0, 1, UNKNOWN, 9, 8, 7, 6, 5, 4, 3]


def test_texts_that_share_no_token_are_refused() -> None:
    with pytest.raises(InputError, match="no token of the source is one of the target"):
        copies_of(SOURCE, ("<pad>", "<unk>", "<end>", "x"))


def test_its_probabilities_are_its_own_and_what_is_copied(spec: DataSpec) -> None:
    torch.manual_seed(0)
    model = TASKS["transduction"].model("lstm_pointer", spec, CHOSEN).eval()
    inputs = torch.tensor([[3, 2, 3], [9, 0, 0]])  # b a b; h
    batch = Batch(inputs, torch.tensor([3, 1]), torch.tensor([[3, 2], [3, 2]]))
    output = model(batch)
    chances = output.logits.exp()
    torch.testing.assert_close(chances.sum(-1), torch.ones(2, 2))
    looked, copied = output.weights.unbind(1)
    torch.testing.assert_close(looked.sum(-1), torch.ones(2, 2))
    b, h = TARGET.index("b"), TARGET.index("h")
    assert (chances[0, :, b] >= copied[0, :, 0] + copied[0, :, 2]).all()
    assert (chances[0, :, UNKNOWN] >= copied[0, :, 1]).all()  # a, which it cannot write
    assert (chances[1, :, h] >= copied[1, :, 0]).all()
    assert (copied <= looked).all()


def test_it_learns_to_copy_tokens_that_no_target_had(spec: DataSpec) -> None:
    """What a softmax over tokens alone cannot: their outputs were never taught."""
    torch.manual_seed(0)
    task = TASKS["transduction"]
    taught, new = torch.arange(3, 7), torch.arange(7, 10)  # b to e; f to h
    right = {}
    for variant in ("lstm_pointer", "lstm_attention"):
        model = task.model(variant, spec, CHOSEN)
        optimizer = AdamW(model.parameters(), lambda _: 0.02, weight_decay=0.0, clip=1.0)
        for _ in range(150):
            inputs = taught[torch.randint(4, (16, 1))]
            loss, count = task.training_loss(model(batch_of(inputs)), batch_of(inputs), CHOSEN)
            loss.backward()
            optimizer.step(torch.tensor(float(count)), 1.0)
        with torch.no_grad():
            told = model.eval()(batch_of(new[:, None])).logits[:, 0]
        wanted = copies_of(SOURCE, TARGET)[new]
        right[variant] = int((told.argmax(-1) == wanted).sum())
    assert right == {"lstm_pointer": 3, "lstm_attention": 0}


def batch_of(inputs: torch.Tensor) -> Batch:
    lengths = torch.ones(len(inputs), dtype=torch.long)
    ends = torch.full_like(inputs, TARGET.index("<end>"))
    targets = torch.cat([copies_of(SOURCE, TARGET)[inputs], ends], dim=1)
    return Batch(inputs, lengths, targets, 2 * lengths)


def test_only_texts_are_copied_from_and_only_where_something_is_written() -> None:
    assert VARIANTS["lstm_pointer"].modalities == {"text"}
    reason = TASKS["classification"].incompatibility(VARIANTS["lstm_pointer"])
    assert reason == "copies what it reads, and nothing is written here"
    assert TASKS["transduction"].incompatibility(VARIANTS["lstm_pointer"]) is None
