"""How costs grow: a search with its trials and nodes, own data with their rows or files."""

from __future__ import annotations

import csv
import os
import random
import subprocess
import sys
import tempfile
import time
from itertools import accumulate
from pathlib import Path

import numpy as np
import psutil
import soundfile
import yaml

from benchmarks.search import SLOTS, alone

VARIANTS = 2  # of `benchmarks.data.experiment`
SEARCHES = {8: (2, 2), 80: (20, 2), 320: (40, 4), 1000: (100, 5)}  # trials of a study, repetitions
NODES = (1, 2, 4)
ROWS = (10_000, 100_000, 1_000_000, 8_000_000)  # the last are a table of a gigabyte
FILES = (1_000, 10_000, 100_000)
WORDS = 20  # of a text
VOCABULARY = 9_000


def main() -> None:
    """Print a table of each, for docs/scale.md."""
    columns = (
        "trials",
        "nodes",
        "s",
        "ms a trial outside training",
        "of the driver",
        "its memory",
        "ledger a trial",
    )
    print(f"| {' | '.join(columns)} | ms a trial in MLflow |\n|{'---|' * 8}")
    for count in SEARCHES:
        search(count)
    for nodes in NODES:
        search(80, nodes)
    columns = ("what", "size", "s to fetch", "s to prepare", "µs each", "memory")
    print(f"\n| {' | '.join(columns)} |\n|{'---|' * 6}")
    for rows in ROWS:
        table(rows)
    for files in FILES:
        folder(files)


def search(count: int, nodes: int = 0) -> None:
    """Search trivial trials."""
    trials, repetitions = SEARCHES[count]
    assert VARIANTS * trials * repetitions == count
    protocol = {"trials": trials, "repetitions": repetitions, "epochs": 1}
    found = alone(protocol, 256, nodes)
    outside = (found["wall"] - found["trained"] / (nodes or SLOTS)) / count
    cells = [
        str(count),
        str(nodes or "1, of 2 cores"),
        f"{found['wall']:.1f}",
        f"{outside * 1e3:.0f}",
        f"{found['driver'] / count * 1e3:.0f}",
        f"{found['memory'] / 2**20:.0f} MiB",
        f"{found['ledger'] / count / 2**10:.1f} KiB",
        f"{found['written'] / count * 1e3:.0f}",
    ]
    print(f"| {' | '.join(cells)} |", flush=True)


def table(rows: int) -> None:
    """Bring in a table of texts."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "own.csv")
        _write(path, rows)
        _bring_in(path, "text", rows, path.stat().st_size)


def folder(files: int) -> None:
    """Bring in a folder of recordings of a twentieth of a second, in ten classes."""
    with tempfile.TemporaryDirectory() as name:
        path, drawn = Path(name, "own"), np.random.default_rng(0)
        for number in range(10):
            (path / f"class {number}").mkdir(parents=True)
        size = 0
        for number in range(files):
            place = path / f"class {number % 10}" / f"{number}.wav"
            soundfile.write(place, 0.1 * drawn.standard_normal(400), 8000)
            size += place.stat().st_size
        _bring_in(path, "audio", files, size)


def _bring_in(path: Path, modality: str, count: int, size: int) -> None:
    """Fetch and prepare own files by the stages' own scripts, and print a row of it."""
    entry = {
        "data": f"./{path.name}",
        "modality": modality,
        "task": "classification",
        "metric": "accuracy",
        "variants": ["gru"],
    }
    text = yaml.safe_dump({"experiments": {"own": entry}})
    (path.parent / "params.yaml").write_text(text)
    seconds, most = list[float](), 0
    for stage in ("fetch", "prepare"):
        began = time.perf_counter()
        script = Path(__file__).parents[1] / "pipelines" / f"{stage}.py"
        process = subprocess.Popen(
            [sys.executable, str(script), "own"],
            cwd=path.parent,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        most = max(most, _watch(process))
        if process.returncode:
            raise RuntimeError(f"{stage} ended with {process.returncode}")
        seconds.append(time.perf_counter() - began)
    cells = [f"{count:,} {'texts' if modality == 'text' else 'recordings'}"]
    cells += [f"{size / 2**20:,.0f} MiB", *(f"{each:.1f}" for each in seconds)]
    cells += [f"{sum(seconds) / count * 1e6:.0f}", f"{most / 2**20:.0f} MiB"]
    print(f"| {' | '.join(cells)} |", flush=True)


def _write(table: Path, rows: int) -> None:
    drawn = random.Random(0)
    words = [f"word{number}" for number in range(VOCABULARY)]
    shares = [1 / (rank + 1) for rank in range(VOCABULARY)]  # as words are in any language
    summed = list(accumulate(shares))
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "label"])
        for row in range(rows):
            text = " ".join(drawn.choices(words, cum_weights=summed, k=WORDS))
            writer.writerow([row, f"{text} {row}", ("no", "yes")[row % 2]])


def _watch(process: subprocess.Popen[bytes]) -> int:
    """Return the most memory that a process had at a time, with its children's."""
    most, observed = 0, psutil.Process(process.pid)
    while process.poll() is None:
        try:
            family = [observed, *observed.children(recursive=True)]
            most = max(most, sum(each.memory_info().rss for each in family))
        except psutil.NoSuchProcess:
            pass
        time.sleep(0.05)
    return most


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
