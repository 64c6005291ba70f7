"""What batches of similar lengths save, and reversal against packing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.data import LENGTHS, SIZE, experiment, sentences
from benchmarks.fit import COMMON
from benchmarks.turns import Turns, interleave, repeat, tell
from seqarena.data.batches import Batch, collate
from seqarena.fit import Training
from seqarena.models.recurrent.layers import Bidirectional, Fused

WIDTH = 64


def main(rounds: int = 7) -> None:
    """Bucketing, then the bidirectional LSTM, each with one thread and with two."""
    for threads in (1, 2):
        names = ("bucketed", "random", "longest")
        seconds = interleave({name: (epoch, name) for name in names}, rounds, threads)
        for name, target in (("random", 2.5), ("longest", None)):
            padding = "to the batch's longest" if name == "random" else "to the data's longest"
            what = f"batches: bucketed over padded {padding}, threads: {threads}"
            tell(what, seconds[name], seconds["bucketed"], target)
    for threads in (1, 2):
        contenders = {name: (repeat, 10, bidirectional, name) for name in ("packed", "reversed")}
        seconds = interleave(contenders, rounds, threads)
        what = f"batches: bidirectional LSTM over packing, threads: {threads}"
        tell(what, seconds["packed"], seconds["reversed"])
    print(f"batches: largest difference from packed outputs: {difference():.1e}", flush=True)


def epoch(turns: Turns, folder: Path, how: str) -> None:
    """Train the sentiment LSTM for an epoch a round, over batches made one way or another."""
    prepared = sentences(folder, SIZE)
    training = Training(experiment("text"), prepared, "lstm", COMMON | {"width": WIDTH}, 0)
    training.model.train()
    number = 0
    while True:
        turns.wait()
        number += 1
        began = time.perf_counter()
        batches = training.batches.shuffled(number) if how == "bucketed" else mixed(training, how)
        for batch in batches:
            training.step(batch)
        turns.report(time.perf_counter() - began)


def mixed(training: Training, how: str) -> Iterator[Batch]:
    """Draw batches of any lengths, padded to the longest of the batch or of all the data."""
    split, size = training.batches.split, training.protocol.batch_size
    order = torch.randperm(len(split)).tolist()
    for start in range(0, len(order), size):
        chosen = order[start : start + size]
        batch = collate([split.sequence(i) for i in chosen], np.asarray(split.targets[chosen]))
        missing = int(LENGTHS["longest"]) - batch.inputs.shape[1] if how == "longest" else 0
        yield batch._replace(inputs=nn.functional.pad(batch.inputs, (0, missing)))


def bidirectional(how: str) -> Callable[[], Tensor]:
    """Run a padded batch forward and backward through the same weights, packed or reversed."""
    torch.manual_seed(0)
    layer = Bidirectional(Fused("lstm", WIDTH, WIDTH), Fused("lstm", WIDTH, WIDTH))
    packed = nn.LSTM(WIDTH, WIDTH, batch_first=True, bidirectional=True)
    for suffix, half in (("", layer.forwards), ("_reverse", layer.backwards)):
        for name, weight in half.kernel.named_parameters():
            getattr(packed, name + suffix).data.copy_(weight.data)
    lengths = torch.randint(10, 33, (64,)).sort().values
    x = torch.randn(64, 32, WIDTH, requires_grad=True)

    def step() -> Tensor:
        if how == "reversed":
            outputs = layer(x, lengths=lengths)[0]
        else:
            ragged = nn.utils.rnn.pack_padded_sequence(
                x, lengths, batch_first=True, enforce_sorted=False
            )
            outputs = nn.utils.rnn.pad_packed_sequence(
                packed(ragged)[0], batch_first=True, total_length=x.shape[1]
            )[0]
        real = outputs[torch.arange(x.shape[1]) < lengths[:, None]]
        real.sum().backward()
        return real.detach()

    return step


def difference() -> float:
    """Return the largest difference of the two ways' outputs on real steps."""
    return float((bidirectional("reversed")() - bidirectional("packed")()).abs().max())
