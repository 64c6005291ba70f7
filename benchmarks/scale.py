"""How costs grow: a search with its trials and nodes, the preparation of data with its rows."""

from __future__ import annotations

import csv
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import yaml

from benchmarks.search import SLOTS, alone

VARIANTS = 2  # of `benchmarks.data.experiment`
SEARCHES = {8: (2, 2), 80: (20, 2), 320: (40, 4), 1000: (100, 5)}  # trials of a study, repetitions
NODES = (1, 2, 4)
ROWS = (10_000, 100_000, 1_000_000)  # of sentiment: once, ten and a hundred times as many
WORDS = 20  # of a text
VOCABULARY = 9_000


def main() -> None:
    """Print a table of each, for docs/scale.md."""
    columns = ("trials", "nodes", "s", "ms a trial outside training", "driver", "ledger a trial")
    print(f"| {' | '.join(columns)} | ms a trial in MLflow |\n|{'---|' * 7}")
    for count in SEARCHES:
        search(count)
    for nodes in NODES:
        search(80, nodes)
    print("\n| rows | table | seconds | µs a row | memory |\n|---|---|---|---|---|")
    for rows in ROWS:
        prepare(rows)


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
        f"{found['memory'] / 2**20:.0f} MiB",
        f"{found['ledger'] / count / 2**10:.1f} KiB",
        f"{found['written'] / count * 1e3:.0f}",
    ]
    print(f"| {' | '.join(cells)} |", flush=True)


def prepare(rows: int) -> None:
    """Prepare a table of texts by the stage's own script."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        table = root / "data" / "raw" / "texts" / "examples.csv"
        table.parent.mkdir(parents=True)
        _write(table, rows)
        entry = {
            "data": "movie_reviews",
            "modality": "text",
            "task": "classification",
            "metric": "accuracy",
            "variants": ["gru"],
        }
        (root / "params.yaml").write_text(yaml.safe_dump({"experiments": {"texts": entry}}))
        began = time.perf_counter()
        script = Path(__file__).parents[1] / "pipelines" / "prepare.py"
        process = subprocess.Popen(
            [sys.executable, str(script), "texts"], cwd=root, stdout=subprocess.DEVNULL
        )
        most = _watch(process)
        if process.returncode:
            raise RuntimeError(f"prepare ended with {process.returncode}")
        seconds = time.perf_counter() - began
        cells = [f"{rows:,}", f"{table.stat().st_size / 2**20:.0f} MiB", f"{seconds:.1f}"]
        cells += [f"{seconds / rows * 1e6:.0f}", f"{most / 2**20:.0f} MiB"]
    print(f"| {' | '.join(cells)} |", flush=True)


def _write(table: Path, rows: int) -> None:
    drawn = random.Random(0)
    words = [f"word{number}" for number in range(VOCABULARY)]
    shares = [1 / (rank + 1) for rank in range(VOCABULARY)]  # as words are in any language
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "label"])
        for row in range(rows):
            text = " ".join(drawn.choices(words, shares, k=WORDS))
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
