"""What a search costs beyond its trials, against Ray Tune's defaults, and what logging costs."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.data import SIZE, experiment, sentences
from benchmarks.fit import COMMON
from benchmarks.turns import Turns, interleave, tell

TRIALS = 4  # of each of the two variants
SLOTS = 2
TRIVIAL = {"trials": TRIALS, "epochs": 1}
MODEST = {"trials": TRIALS, "epochs": 6, "patience": 6}  # as much work a trial as the real ones


def main(rounds: int = 3) -> None:
    """Trivial trials against Tune, a process for every search; then one search of some length."""
    ours, theirs = [], []
    for _ in range(rounds):
        contenders = {"seqarena": (seqarena, TRIVIAL, 256), "tune": (tune_defaults, 256)}
        figures = interleave(contenders, 1, warm_up=0)
        ours.append(figures["seqarena"][0])
        theirs.append(figures["tune"][0])
    walls = [figure["wall"] for figure in ours]
    tell(f"search: {2 * TRIALS} trivial trials over Ray Tune's defaults", theirs, walls, 2.5)
    bound("trivial trials", ours[-1])
    modest = interleave({"seqarena": (seqarena, MODEST, SIZE)}, 1, warm_up=0)["seqarena"][0]
    bound("trials of 6 epochs", modest)
    for what, key in (("held up by MLflow", "held"), ("writing it all to MLflow", "written")):
        share = modest[key] / modest["wall"]
        verdict = "met" if share < 0.03 else "MISSED"
        print(f"search: {what}, share of its wall time: {share:.1%}  target 3%: {verdict}")


def bound(what: str, figure: dict[str, float]) -> None:
    """Print the wall time beside the most it may be."""
    most = figure["trials"] / SLOTS * 1.25 + 15
    verdict = "met" if figure["wall"] <= most else "MISSED"
    print(f"search: {what}: {figure['wall']:.1f} s  target at most {most:.1f} s: {verdict}")


def seqarena(turns: Turns, folder: Path, protocol: dict[str, int], train: int) -> None:
    """Search with seqarena: its wall time, its trials' own seconds, and what MLflow took."""
    _two_cores(folder)
    from seqarena.experiments import ResolvedExperiment
    from seqarena.search.cluster import cluster
    from seqarena.search.search import search
    from seqarena.tracking.ledger import Ledger
    from seqarena.tracking.mlflow.projection import Projection, sync
    from seqarena.tracking.recorder import Recorder

    sentences(folder / "data/prepared/bench", train)
    ledger = Ledger(Path("results/bench/ledger.jsonl"), "bench")
    held = Stopwatch()
    turns.wait()
    began = time.perf_counter()
    projection = Projection(ledger)
    recorder = Recorder(
        ledger, {}, held.timing(projection.maybe_update), held.timing(projection.update)
    )
    with cluster() as slot:
        config = experiment("text", **protocol)
        result = search(ResolvedExperiment("bench", config, root=folder), slot, recorder)
    wall = time.perf_counter() - began
    written = Stopwatch()
    written.timing(sync)(Path("results"), ["bench"], f"sqlite:///{folder}/again.db")
    trials = sum(variant["seconds"] for variant in result["variants"].values())
    turns.report({"wall": wall, "trials": trials, "held": held.seconds, "written": written.seconds})
    turns.wait()


def tune_defaults(turns: Turns, folder: Path, train: int) -> None:
    """Run the same trials as a bare loop in a Tune function, Tune's settings left alone."""
    _two_cores(folder)
    from ray import tune

    prepared = folder / "prepared"
    sentences(prepared, train)
    batch_size = experiment("text").protocol.batch_size

    def trainable(config: dict[str, Any]) -> None:
        from benchmarks.loops import Epochs, bare_epoch, build, stock_optimizer
        from seqarena.data.store import Prepared

        data = Prepared(prepared)
        model = build(data, config["variant"], config)
        loss = bare_epoch(model, stock_optimizer(model, config), Epochs(data, batch_size))
        tune.report({"train_loss": loss})

    space = COMMON | {"width": 64, "kernel": 3, "learning_rate": tune.loguniform(1e-3, 1e-2)}
    space["variant"] = tune.grid_search(["window_mlp", "conv1d"])
    turns.wait()
    began = time.perf_counter()
    results = tune.Tuner(
        trainable,
        param_space=space,
        tune_config=tune.TuneConfig(num_samples=TRIALS),
        run_config=tune.RunConfig(storage_path=str(folder / "tune")),
    ).fit()
    wall = time.perf_counter() - began
    if results.num_errors or len(results) != 2 * TRIALS:
        raise RuntimeError(f"Tune: {results.num_errors} errors in {len(results)} trials")
    turns.report(wall)
    turns.wait()


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
