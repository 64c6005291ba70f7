"""The train stage: the best configuration of each variant again, on fresh seeds, in parallel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ray
import torch

from seqarena.config import Experiment
from seqarena.data.store import Prepared
from seqarena.errors import RunError
from seqarena.experiments import ResolvedExperiment
from seqarena.fit import Training
from seqarena.predict import save_model
from seqarena.progress import Progress
from seqarena.search.cluster import Slot
from seqarena.tracking.recorder import Recorder


def train_finals(
    experiment: ResolvedExperiment,
    best: dict[str, Any],
    models: Path,
    slot: Slot,
    recorder: Recorder,
) -> list[dict[str, Any]]:
    """Train ``seeds`` finals of every variant and write each to ``models/<variant>/<seed>``.

    `best` maps variants to their ``hyperparameters``. Seeds are paired: every variant gets the
    same ones, and none is the seed of the search. Returns a record per final: ``variant``,
    ``seed``, ``run``, ``parameters``, ``train_seconds``, ``best_epoch`` and ``curve``. Raises
    `FinalError` when one gives no model.
    """
    config, protocol = experiment.config, experiment.config.protocol
    seeds = range(protocol.seed + 1, protocol.seed + 1 + protocol.seeds)
    # The costliest variants stand last by custom and are trained first: no worker waits for them.
    jobs = [(variant, seed) for variant in reversed(config.variants) for seed in seeds]
    finals = Finals(experiment, best, models, recorder)
    try:
        with Progress(f"train {experiment.name}", len(jobs)) as progress:
            task = ray.remote(num_cpus=slot.cpus, num_gpus=slot.gpus)(_train)
            shared = ray.put((config, str(experiment.prepared.resolve()), slot.cpus))
            running: dict[Any, str] = {}
            while jobs or running:
                while jobs and len(running) < slot.count:
                    variant, seed = jobs.pop(0)
                    hyperparameters = best[variant]["hyperparameters"]
                    reference = task.remote(shared, variant, hyperparameters, seed)
                    running[reference] = finals.start(variant, seed)
                (done, *_), _ = ray.wait(list(running))
                progress.advance(finals.finish(running.pop(done), done))
    except BaseException as error:
        finals.abandon("FAILED" if isinstance(error, Exception) else "KILLED")
        raise
    order = list(config.variants)
    return sorted(finals.records, key=lambda r: (order.index(r["variant"]), r["seed"]))


class FinalError(RunError):
    """A final that gave no model."""


class Finals:
    """Follows the finals: the ledger, MLflow and the model folders, all in the driver."""

    def __init__(
        self,
        experiment: ResolvedExperiment,
        best: dict[str, Any],
        models: Path,
        recorder: Recorder,
    ) -> None:
        self.experiment, self.best, self.models = experiment, best, models
        self.recorder, self.ledger = recorder, recorder.ledger
        self.spec = Prepared(experiment.prepared).spec
        self.jobs: dict[str, tuple[str, int]] = {}
        self.records: list[dict[str, Any]] = []

    def start(self, variant: str, seed: int) -> str:
        """Begin the run of one final."""
        params = {"variant": variant, "seed": seed, **self.best[variant]["hyperparameters"]}
        tags = {**self.recorder.tags, "search_run": self.best[variant]["run"]}
        run = self.ledger.start("final", f"{variant} seed {seed}", params=params, tags=tags)
        self.jobs[run] = (variant, seed)
        return run

    def finish(self, run: str, reference: Any) -> str:
        """Record the result of a final; raises `FinalError` where it failed."""
        variant, seed = self.jobs[run]
        try:
            final = ray.get(reference)
        except ray.exceptions.RayError as error:
            reason = str(error).strip().splitlines()[-1]
            raise FinalError(f"{self.experiment.name}: {variant} seed {seed}: {reason}") from error
        for epoch, values in enumerate(final["curve"], start=1):
            self.ledger.metrics(run, epoch, values)
        if not final["best_epoch"]:
            raise FinalError(
                f"{self.experiment.name}: {variant} seed {seed}: the loss is not finite"
            )
        folder = self.models / variant / str(seed)
        about = {
            "experiment": self.experiment.name,
            "task": self.experiment.config.task,
            "variant": variant,
            "hyperparameters": self.best[variant]["hyperparameters"],
            "seed": seed,
        }
        save_model(folder, final.pop("weights"), self.spec, about)
        self.ledger.tag(
            run, {"parameters": str(final["parameters"]), "device": final.pop("device")}
        )
        self.ledger.metrics(run, final["best_epoch"], {"train_seconds": final["train_seconds"]})
        self.ledger.end(run, "FINISHED")
        self.records.append({"variant": variant, "seed": seed, "run": run, **final})
        self.recorder.maybe_update()
        return f"{variant} seed {seed}"

    def abandon(self, status: Any) -> None:
        """End every open run with `status`."""
        for run in self.ledger.open_runs():
            self.ledger.end(run, status)
        self.recorder.update()


def _train(
    shared: tuple[Experiment, str, int], variant: str, hyperparameters: dict[str, Any], seed: int
) -> dict[str, Any]:
    """Run in a worker: train one final and send back its curve and weights."""
    experiment, prepared, threads = shared
    torch.set_num_threads(threads)
    training = Training(experiment, Prepared(Path(prepared)), variant, hyperparameters, seed)
    epochs = list(training.epochs())
    return {
        "curve": [epoch.values() for epoch in epochs],
        "train_seconds": sum(epoch.seconds for epoch in epochs),
        "best_epoch": max((epoch.epoch for epoch in epochs if epoch.improved), default=0),
        "parameters": training.parameters,
        "device": str(training.device),
        "weights": {name: tensor.cpu() for name, tensor in training.model.state_dict().items()},
    }
