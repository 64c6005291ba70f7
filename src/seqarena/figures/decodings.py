"""Ways of writing compared: what a beam gains over the likeliest token, and what it costs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from seqarena.data.batches import Batches
from seqarena.data.store import Array, Split
from seqarena.decode import Decoding
from seqarena.files import write_csv
from seqarena.models.heads import Writer
from seqarena.models.writing.autoregressive import Decoder
from seqarena.plots.decodings import trade_off
from seqarena.predict import BATCH, Predictor

EXAMPLES = (
    BATCH  # one batch: a model that hardly ends a text took 16 s over 128, samples most of it
)
BEAMS = (1, 2, 3, 5, 8, 10)
ROUNDS = 2  # the faster counts


class Measured(NamedTuple):
    """Score and time of one way of writing."""

    name: str
    score: float
    milliseconds: float  # a sequence, encoded and written, many side by side


def draw_decodings(
    out: Path,
    predictor: Predictor,
    test: Split,
    metric: str,
    seed: int,
    plot_pool: Callable[..., None],
) -> None:
    """Have ``decoding.png`` and ``decoding.csv`` written into `out`: quality and time of every way.

    Draws nothing where nothing is written, or where the metric does not look at what was.
    """
    if not isinstance(predictor.model.head, Writer) or metric == "perplexity":
        return
    count = min(EXAMPLES, len(test))
    chosen = np.random.default_rng(seed).choice(len(test), count, replace=False)
    found = measure(predictor, test, chosen, metric, seed)
    rows = ([name, score, f"{took:.3f}"] for name, score, took in found)
    write_csv(out / "decoding.csv", ["decoding", metric, "milliseconds"], rows)
    greater = predictor.task.metrics[metric].bounds.greater
    points = {name: (took, score) for name, score, took in found}
    plot_pool(trade_off, points, metric, greater, count, out / "decoding.png")


def ways(samples: bool, seed: int) -> dict[str, Decoding]:
    """Return the ways of writing that a head has, by name; CTC draws no samples."""
    sampled = {"sample": Decoding(method="sample", seed=seed)} if samples else {}
    beams = {f"beam {width}": Decoding(method="beam", beam=width) for width in BEAMS}
    return {"greedy": Decoding(), **sampled, **beams}


def measure(
    predictor: Predictor, test: Split, chosen: Array, metric: str, seed: int
) -> list[Measured]:
    """Write for the examples `chosen` in every way, and time it."""
    model, task, spec = predictor.model, predictor.task, predictor.spec
    batch = Batches(test, BATCH).gather(chosen[np.argsort(test.lengths[chosen], kind="stable")])
    judge = task.metrics[metric]
    decodings, scores = ways(isinstance(model.head, Decoder), seed), {}
    took = dict.fromkeys(decodings, math.inf)
    with torch.inference_mode():
        task.forward(model, batch, spec)  # the first call of a kernel sets it up
        for _ in range(ROUNDS):
            for name, decoding in decodings.items():
                began = time.perf_counter()
                output = task.forward(model, batch, spec, decoding)
                took[name] = min(took[name], time.perf_counter() - began)
                scores[name] = judge.of(judge.statistics(output, batch, spec))
    return [
        Measured(name, score, 1000 * took[name] / len(chosen)) for name, score in scores.items()
    ]
