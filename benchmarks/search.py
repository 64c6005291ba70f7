"""What a search costs beyond its trials, against Ray Tune, and what logging costs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from benchmarks.data import SIZE, experiment, sentences
from benchmarks.fit import COMMON
from benchmarks.turns import Turns, interleave, tell

SLOTS = 2
REPETITIONS = 2
TRIVIAL = {"trials": 2, "repetitions": REPETITIONS, "epochs": 1}  # of each of two variants
MODEST = {**TRIVIAL, "epochs": 6, "patience": 6}  # as much work a trial as the real ones
MANY = {"trials": 100, "repetitions": 5, "epochs": 1}
COUNT = 2 * TRIVIAL["trials"] * REPETITIONS


def main(rounds: int = 3) -> None:
    """Trivial trials against Tune, a process for every search; then longer and larger ones."""
    against_tune(rounds)
    modest = alone(MODEST, SIZE)
    bound("trials of 6 epochs", modest["wall"], modest["trained"] / SLOTS * 1.05 + 3, "s")
    for what, key in (("held up by MLflow", "held"), ("writing it all to MLflow", "written")):
        bound(f"{what}, of the wall time", modest[key] / modest["wall"] * 100, 3.0, "%")
    many = alone(MANY, 256)
    outside = (many["wall"] - many["trained"] / SLOTS) / 1000
    bound("each of 1,000 trivial trials, outside training", outside * 1000, 20.0, "ms")
    bound("memory that the driver gained over 900 of them", many["gained"] / 2**20, 32.0, "MiB")


def against_tune(rounds: int) -> None:
    """Compare with Ray Tune as it comes, and with its actors reused; Ray up, or started for it."""
    contenders = {
        "seqarena": (seqarena, TRIVIAL, 256),
        "tune": (tune, 256, False),
        "tune, actors reused": (tune, 256, True),
    }
    found: dict[str, list[dict[str, float]]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, figures in interleave(contenders, 1, warm_up=0).items():
            found[name] += figures
    walls = {name: [f["wall"] for f in figures] for name, figures in found.items()}
    started = {name: [f["wall"] + f["start"] for f in each] for name, each in found.items()}
    title = f"search: {COUNT} trivial trials over Ray Tune"
    tell(f"{title}'s defaults, Ray up", walls["tune"], walls["seqarena"], 5.0)
    tell(
        f"{title} with actors reused, Ray up", walls["tune, actors reused"], walls["seqarena"], 2.0
    )
    tell(f"{title}'s defaults, with Ray's start", started["tune"], started["seqarena"], 2.5)


def alone(protocol: dict[str, int], train: int, nodes: int = 0) -> dict[str, float]:
    """Run one search by itself."""
    figures = interleave({"seqarena": (seqarena, protocol, train, nodes)}, 1, warm_up=0)
    figure: dict[str, float] = figures["seqarena"][0]
    return figure


def bound(what: str, found: float, most: float, unit: str) -> None:
    """Print a figure beside the most it may be."""
    verdict = "met" if found <= most else "MISSED"
    print(f"search: {what}: {found:.1f} {unit}  target at most {most:.1f} {unit}: {verdict}")


def seqarena(
    turns: Turns, folder: Path, protocol: dict[str, int], train: int, nodes: int = 0
) -> None:
    """Search with seqarena: its wall time, its trials' own seconds, and what MLflow took.

    On a cluster of so many nodes with a core each, or on one that the search starts.
    """
    _two_cores(folder)
    cluster_of_nodes = _join_nodes(nodes) if nodes else None
    from seqarena.cluster.session import cluster
    from seqarena.experiments import ResolvedExperiment
    from seqarena.search.search import search
    from seqarena.tracking.ledger import Ledger
    from seqarena.tracking.mlflow.projection import Projection, sync
    from seqarena.tracking.recorder import Recorder

    sentences(folder / "data/prepared/bench", train)
    ledger = Ledger(Path("results/bench/ledger.jsonl"), "bench")
    held, memory = Stopwatch(), Memory(ledger.path)
    turns.wait()
    began = time.perf_counter()
    with cluster():
        start = time.perf_counter() - began
        projection = Projection(ledger)
        looks = held.timing(projection.maybe_update), held.timing(projection.update)
        recorder = Recorder(ledger, {"data.digest": "bench"}, memory.watching(looks[0]), looks[1])
        began, computed = time.perf_counter(), time.process_time()
        experiment_ = ResolvedExperiment("bench", experiment("text", **protocol), root=folder)
        result = search(experiment_, recorder)
        wall, computed = time.perf_counter() - began, time.process_time() - computed
    written = Stopwatch()
    written.timing(sync)(Path("results"), ["bench"], f"sqlite:///{folder}/again.db")
    figure = {"start": start, "wall": wall, "held": held.seconds, "written": written.seconds}
    figure |= {"driver": computed, "trained": sum(study.seconds for study in result.studies)}
    figure |= {"gained": memory.gained, "ledger": ledger.path.stat().st_size}
    turns.report({**figure, "memory": psutil.Process().memory_info().rss})
    try:
        turns.wait()
    finally:
        if cluster_of_nodes is not None:
            cluster_of_nodes.communicate()


NODES = """
import sys
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
for _ in range(int(sys.argv[1]) - 1):
    cluster.add_node(num_cpus=1)
print(cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""


def _join_nodes(count: int) -> subprocess.Popen[str]:
    """Have searches of this process join a cluster of nodes; it ends once its input is closed."""
    import seqarena.cluster  # noqa: F401  # so that both have a token, or neither

    nodes = subprocess.Popen(
        [sys.executable, "-c", NODES, str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert nodes.stdout is not None
    os.environ["RAY_ADDRESS"] = nodes.stdout.readline().strip()
    return nodes


def tune(turns: Turns, folder: Path, train: int, reuse_actors: bool) -> None:
    """Run as many such trials as a bare loop in a Tune function, its other settings left alone."""
    _two_cores(folder)
    import ray
    from ray import tune

    prepared = folder / "prepared"
    sentences(prepared, train)

    def trainable(config: dict[str, Any]) -> None:
        from benchmarks.loops import Epochs, bare_epoch, build, stock_optimizer
        from seqarena.data.store import Prepared

        data = Prepared(prepared)
        model = build(data, config["variant"], config)
        loss = bare_epoch(model, stock_optimizer(model, config), Epochs(data))
        tune.report({"train_loss": loss})

    space = COMMON | {"width": 64, "kernel": 3, "learning_rate": tune.loguniform(1e-3, 1e-2)}
    space["variant"] = tune.grid_search(["window_mlp", "conv1d"])
    turns.wait()
    began = time.perf_counter()
    ray.init(address="local", num_cpus=SLOTS, include_dashboard=False, log_to_driver=False)
    start = time.perf_counter() - began
    began = time.perf_counter()
    results = tune.Tuner(
        trainable,
        param_space=space,
        tune_config=tune.TuneConfig(num_samples=COUNT // 2, reuse_actors=reuse_actors),
        run_config=tune.RunConfig(storage_path=str(folder / "tune")),
    ).fit()
    wall = time.perf_counter() - began
    if results.num_errors or len(results) != COUNT:
        raise RuntimeError(f"Tune: {results.num_errors} errors in {len(results)} trials")
    ray.shutdown()
    turns.report({"start": start, "wall": wall})
    turns.wait()


class Memory:
    """What the driver's memory gained from a tenth of a search to its end."""

    def __init__(self, ledger: Path) -> None:
        self.ledger, self.first, self.last = ledger, 0, 0

    def watching(self, function: Callable[[], object]) -> Callable[[], object]:
        """Return the function, which looks at the memory too."""

        def watched() -> object:
            self.last = psutil.Process().memory_info().rss
            written = self.ledger.stat().st_size if self.ledger.exists() else 0
            if not self.first and written > 300_000:
                self.first = self.last
            return function()

        return watched

    @property
    def gained(self) -> int:
        """Bytes."""
        return self.last - self.first if self.first else 0


class Stopwatch:
    """Adds up the seconds of calls."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def timing(self, function: Callable[..., object]) -> Callable[..., object]:
        """Return the function, timed."""

        def timed(*arguments: Any) -> object:
            began = time.perf_counter()
            try:
                return function(*arguments)
            finally:
                self.seconds += time.perf_counter() - began

        return timed


def _two_cores(folder: Path) -> None:
    """Give both the same two cores, a folder of their own, and a cluster of their own."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:SLOTS])
    for name in ("RAY_ADDRESS", "MLFLOW_TRACKING_URI"):
        os.environ.pop(name, None)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))  # Ray's workers need it too
    os.chdir(folder)
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)  # Tune's tables
    os.dup2(silent, 2)
