"""Batches: every sequence once an epoch, padded with zeros, in an order that the seed fixes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from seqarena.data.batches import Batch, Batches, collate, moved
from seqarena.data.store import Split, write_split
from seqarena.data.writing import write_sequences

LENGTHS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5]


@pytest.fixture
def split(tmp_path: Path) -> Split:
    """Sequences whose steps all hold their own number, from 1."""
    sequences = [np.full((length, 2), n + 1, np.float32) for n, length in enumerate(LENGTHS)]
    write_sequences(tmp_path / "train", sequences, np.arange(len(LENGTHS)), ({} for _ in LENGTHS))
    return Split(tmp_path / "train")


def seen(batches: Batches, epoch: int) -> list[int]:
    return [int(target) for batch in batches.shuffled(epoch) for target in batch.targets]


def check_content(batch: Batch) -> None:
    """Each row holds its own steps, then zeros."""
    for inputs, length, target in zip(*batch[:3], strict=True):
        assert int(length) == LENGTHS[target]
        assert bool((inputs[:length] == target + 1).all())
        assert not inputs[length:].any()


def test_an_epoch_holds_every_sequence_once(split: Split) -> None:
    batches = Batches(split, 4)
    assert len(batches) == 3 == sum(1 for _ in batches.shuffled(1))
    for epoch in (1, 2):
        assert sorted(seen(batches, epoch)) == list(range(11))


def test_order_is_that_of_seed_and_epoch(split: Split) -> None:
    first = seen(Batches(split, 2, seed=7), 1)
    assert first == seen(Batches(split, 2, seed=7), 1)
    assert first != seen(Batches(split, 2, seed=7), 2)
    assert first != seen(Batches(split, 2, seed=8), 1)


def test_orders_stay_as_they_are_from_version_to_version(split: Split) -> None:
    batches = Batches(split, 2, seed=1)  # trainings come again by it
    assert seen(batches, 2) == [6, 0, 10, 7, 9, 2, 8, 4, 5, 3, 1]


def test_rows_are_gathered_and_padded_with_zeros(split: Split) -> None:
    for batch in Batches(split, 3).shuffled(1):
        assert batch.inputs.shape[1] == int(batch.lengths.max())
        check_content(batch)


def test_sequences_of_similar_length_lie_together(split: Split) -> None:
    steps = sum(
        batch.inputs.shape[0] * batch.inputs.shape[1] for batch in Batches(split, 2).shuffled(1)
    )
    in_pairs = sorted(LENGTHS, reverse=True)[::2]
    assert steps <= 2 * sum(in_pairs)


def test_the_ragged_batch_is_not_always_the_longest(split: Split) -> None:
    orders = {
        tuple(len(b.lengths) for b in Batches(split, 4).shuffled(epoch)) for epoch in range(1, 10)
    }
    assert len(orders) > 1, "batches come in another order each epoch"


def test_an_epoch_may_draw_fewer(split: Split) -> None:
    batches = Batches(split, 4, epoch_examples=5)
    assert len(batches) == 2
    epochs = [seen(batches, epoch) for epoch in range(1, 13)]
    pairs = zip(epochs[::2], epochs[1::2], strict=True)
    assert all(len({*one, *other}) == 10 for one, other in pairs), "none again before it must"
    assert set().union(*epochs) == set(range(11)), "all come up in time"
    assert len(Batches(split, 4, epoch_examples=99)) == 3


@pytest.fixture
def uneven(tmp_path: Path) -> Split:
    """Twenty sequences of class 0, six of class 2 and two of class 3."""
    classes = np.random.default_rng(0).permutation(np.repeat([0, 2, 3], [20, 6, 2]))
    steps = [np.full((3, 2), n, np.float32) for n in range(28)]
    write_sequences(tmp_path / "train", steps, classes, ({} for _ in steps))
    return Split(tmp_path / "train")


def test_weights_are_those_that_scikit_learn_calls_balanced(uneven: Split) -> None:
    batches = Batches(uneven, 5, balance="weights")
    weights = torch.cat(
        [batch.weights for batch in batches.shuffled(1) if batch.weights is not None]
    )
    classes = torch.tensor(seen(batches, 1))
    wanted = compute_class_weight("balanced", classes=np.array([0, 2, 3]), y=classes.numpy())
    for label, weight in zip((0, 2, 3), wanted, strict=True):
        assert weights[classes == label].tolist() == pytest.approx(
            [weight] * int((classes == label).sum())
        )
    assert float(weights.mean()) == pytest.approx(1)
    part = next(batches.shuffled(1)).rows(slice(1, None, 2))
    assert part.weights is not None and len(part.weights) == 2
    assert next(Batches(uneven, 5).shuffled(1)).weights is None


@pytest.mark.parametrize(("examples", "counts"), [(None, {9, 10}), (12, {4}), (2, {0, 1})])
def test_an_epoch_may_draw_classes_evenly(
    uneven: Split, examples: int | None, counts: set[int]
) -> None:
    batches = Batches(uneven, 5, seed=3, epoch_examples=examples, balance="sampling")
    assert len(batches) == -(-(examples or 28) // 5)
    found = set[int]()
    for epoch in range(1, 41):
        classes = seen(batches, epoch)
        assert len(classes) == (examples or 28)
        assert {classes.count(label) for label in (0, 2, 3)} == counts
        rows = [int(row[0, 0]) for batch in batches.shuffled(epoch) for row in batch.inputs]
        assert classes == np.asarray(uneven.targets)[rows].tolist()
        found |= set(rows)
        for label, size in ((0, 20), (2, 6), (3, 2)):
            own = [row for row, of in zip(rows, classes, strict=True) if of == label]
            again = {own.count(row) for row in np.flatnonzero(uneven.targets == label)}
            assert max(again) - min(again) <= 1, "none again before all of its class"
            assert len(own) <= size or min(again) >= 1
    assert examples == 2 or found == set(range(28)), "all come up in time"


def test_even_draws_are_those_of_seed_and_epoch_wherever_one_goes_on(uneven: Split) -> None:
    def rows(seed: int, epoch: int, start: int = 0) -> list[list[float]]:
        batches = Batches(uneven, 5, seed=seed, epoch_examples=17, balance="sampling")
        return [batch.inputs[:, 0, 0].tolist() for batch in batches.shuffled(epoch, start)]

    whole = rows(7, 1)
    assert rows(7, 1) == whole
    assert rows(7, 2) != whole and rows(8, 1) != whole
    assert rows(7, 1, 2) == whole[2:]


def test_in_order_gives_each_once_with_its_index(split: Split) -> None:
    seen: list[int] = []
    for indices, batch in Batches(split, 4).in_order():
        check_content(batch)
        assert batch.targets.tolist() == indices.tolist()
        seen += indices.tolist()
    assert sorted(seen) == list(range(11))


def test_overlapping_windows_are_views_of_one_series(tmp_path: Path) -> None:
    series = np.arange(20, dtype=np.float32)[:, None]
    starts = np.array([0, 1, 7, 15])
    lengths = np.array([5, 5, 4, 5])
    write_split(tmp_path / "test", series, starts, lengths, starts.astype(np.float32), [])
    for _, batch in Batches(Split(tmp_path / "test"), 3).in_order():
        for inputs, length, start in zip(*batch[:3], strict=True):
            wanted = torch.arange(int(start), int(start) + int(length), dtype=torch.float32)
            assert torch.equal(inputs[:length, 0], wanted)
            assert not inputs[length:].any()


def test_a_batch_does_not_write_to_the_prepared_file(split: Split) -> None:
    batch = next(iter(Batches(split, 4).shuffled(1)))
    batch.inputs.fill_(-1)
    assert float(np.load(split.folder / "inputs.npy").min()) == 1


def test_collate_pads_and_fills_in_targets() -> None:
    batch = collate([np.ones((2, 3), np.float32), np.ones((4, 3), np.float32)])
    assert batch.inputs.shape == (2, 4, 3)
    assert batch.lengths.tolist() == [2, 4]
    assert not batch.inputs[0, 2:].any()
    assert batch.targets.tolist() == [0, 0]


def test_targets_of_their_own_lengths_are_padded_too(tmp_path: Path) -> None:
    sources = [np.full(n, n, np.int32) for n in (3, 1, 2)]
    targets = [np.arange(1, n + 1, dtype=np.int32) for n in (2, 4, 1)]
    write_sequences(tmp_path / "train", sources, targets, ({} for _ in sources))
    split = Split(tmp_path / "train")
    assert [split.target(n).tolist() for n in range(3)] == [[1, 2], [1, 2, 3, 4], [1]]
    ((indices, batch),) = Batches(split, 3).in_order()
    assert batch.target_lengths is not None
    for row, index in enumerate(indices):
        length = int(batch.target_lengths[row])
        assert batch.targets[row, :length].tolist() == targets[index].tolist()
        assert not batch.targets[row, length:].any()
    moved = batch.to(torch.device("cpu"))
    assert moved.target_lengths is not None and torch.equal(moved.targets, batch.targets)


def test_batches_for_a_gpu_come_in_order_and_fail_as_they_are_gathered(
    split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a device without memory: what is known of a batch is its shape."""
    monkeypatch.setattr(Batch, "pinned", lambda batch: batch)
    meta, threads = torch.device("meta"), threading.active_count()
    batches = Batches(split, 4)
    found = list(moved(batches.in_order(), meta))
    for (indices, batch), (wanted, here) in zip(found, batches.in_order(), strict=True):
        assert indices.tolist() == wanted.tolist()
        assert batch.inputs.device == meta and batch.inputs.shape == here.inputs.shape
    for _ in moved(batches.in_order(), meta):
        break  # as where a training is interrupted
    assert threading.active_count() == threads

    def failing() -> Iterator[tuple[int, Batch]]:
        yield 0, batches.gather(np.arange(2))
        raise OSError("gone")

    going = moved(failing(), meta)
    assert next(going)[0] == 0
    with pytest.raises(OSError, match="gone"):
        next(going)
    assert threading.active_count() == threads
