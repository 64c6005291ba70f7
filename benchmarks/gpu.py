"""Training on one GPU: seqarena beside a bare loop, and several trainings that share the GPU.

``python -m benchmarks gpu``, on a machine that may have torch alone; without a GPU it says so.
"""

from __future__ import annotations

import multiprocessing
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch

from benchmarks import loops
from benchmarks.data import section_of
from benchmarks.fit import COMMON
from benchmarks.turns import Turns, interleave, tell
from seqarena.fit import Training

GPU = torch.device("cuda")
CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("text", "lstm", COMMON | {"width": 128}),
    ("pairs", "lstm_attention", COMMON | {"width": 128, "attention": 128}),
    ("video", "conv_lstm", COMMON | {"channels": 32, "kernel": 3}),
    ("series", "lstm", COMMON | {"width": 128, "patch": 1}),
]
SHARING = (1, 2, 4, 8)  # trainings at a time
SHARED = 10.0  # seconds of them
SAMPLE = 100  # milliseconds between looks at how busy the GPU is


class Round(NamedTuple):
    """What one epoch took."""

    seconds: float
    samples: int
    memory: int  # bytes of the GPU, at most at a time


def main(rounds: int = 7) -> None:
    """Every case in float32 and bfloat16 beside a bare loop, then trainings side by side."""
    if not torch.cuda.is_available():
        print("gpu: this machine has none, and nothing was measured")
        return
    print(f"gpu: {torch.cuda.get_device_name()}, torch {torch.__version__}")
    for case in CASES:
        race(case, rounds)
    for count in SHARING:
        share(count)


def race(case: tuple[str, str, dict[str, Any]], rounds: int) -> None:
    """Let seqarena and a bare loop in float32 take turns."""
    rivals = {precision: (train, *case, precision) for precision in ("float32", "bfloat16")}
    found = interleave({**rivals, "bare": (bare, *case)}, rounds, warm_up=2)
    what = f"gpu: {case[0]}, {case[1]}"
    seconds = {name: [each.seconds for each in taken] for name, taken in found.items()}
    for name in rivals:
        tell(f"{what}, {name} over a bare loop", seconds["bare"], seconds[name])
    for name, taken in found.items():
        rate = statistics.median(each.samples / each.seconds for each in taken)
        memory = max(each.memory for each in taken) / 2**20
        print(f"{what}, {name}: {rate:,.0f} samples/s, at most {memory:,.0f} MiB", flush=True)


def train(
    turns: Turns, folder: Path, kind: str, variant: str, h: dict[str, Any], precision: str
) -> None:
    """Be a contender whose round is an epoch of ours, validation apart."""
    training = training_of(folder, kind, variant, h, precision)
    turns.wait()
    for epoch in training.epochs():
        samples = training.batches.epoch_examples
        turns.report(Round(samples / epoch.examples_per_second, samples, peak()))
        turns.wait()


def bare(turns: Turns, folder: Path, kind: str, variant: str, h: dict[str, Any]) -> None:
    """Be a contender whose round is an epoch as PyTorch's tutorials train."""
    prepared = loops.MODALITIES[kind](folder)
    model = loops.build(prepared, variant, h).to(GPU)
    optimizer = loops.stock_optimizer(model, h)
    epochs = loops.Epochs(prepared, GPU)
    while True:
        turns.wait()
        began = time.perf_counter()
        loops.bare_epoch(model, optimizer, epochs)
        torch.cuda.synchronize()
        seconds = time.perf_counter() - began
        turns.report(Round(seconds, epochs.batches.epoch_examples, peak()))


def share(count: int) -> None:
    """Train so many models of the first case at a time, each in a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(count)
    with ProcessPoolExecutor(count, spawn, _keep, (barrier,)) as pool, busy() as shares:
        rates = [each.result() for each in [pool.submit(train_for, SHARED) for _ in range(count)]]
    kind, variant, _ = CASES[0]
    used = f"GPU busy {statistics.median(shares):.0f}% of the time" if shares else "no nvidia-smi"
    print(f"gpu: {kind}, {count} × {variant} at a time: {sum(rates):,.0f} samples/s, {used}")


_together: Any = None  # the barrier of the processes that train at a time


def _keep(barrier: Any) -> None:
    global _together  # as the processes of a pool are given what no call may carry
    _together = barrier


def train_for(seconds: float) -> float:
    """Train while others do; return samples per second."""
    kind, variant, h = CASES[0]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        training = training_of(Path(folder), kind, variant, h, "float32")
        training.advance()  # kernels are chosen in the first epoch
        _together.wait()
        began, samples = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            training.advance()
            samples += training.batches.epoch_examples
        return samples / (time.perf_counter() - began)


def training_of(
    folder: Path, kind: str, variant: str, h: dict[str, Any], precision: str
) -> Training:
    """Make a training; what asks for the project's settings needs more than torch."""
    prepared = loops.MODALITIES[kind](folder)
    section = section_of(prepared.spec)
    protocol = SimpleNamespace(
        batch_size=section.batch_size,
        epoch_examples=section.epoch_examples,
        epochs=1000,
        patience=1000,
        clip=1.0,
        precision=precision,
        truncate=None,
        balance="none",
        deterministic=False,
    )
    experiment: Any = SimpleNamespace(task=section.task, metric=section.metric, protocol=protocol)
    return Training(experiment, prepared, variant, h, loops.SEED)


def peak() -> int:
    """Return the most memory that was in use since the last call, and begin anew."""
    most = torch.cuda.max_memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    return most


@contextmanager
def busy() -> Iterator[list[float]]:
    """Look how busy the GPU is until the end of the block; the list is filled then."""
    asked = ["--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", f"-lms={SAMPLE}"]
    shares: list[float] = []
    try:
        watch = subprocess.Popen(["nvidia-smi", *asked], stdout=subprocess.PIPE, text=True)
    except FileNotFoundError:
        yield shares
        return
    try:
        yield shares
    finally:
        watch.terminate()
        printed, _ = watch.communicate()
        shares += [float(line) for line in printed.split() if line.isdigit()]
