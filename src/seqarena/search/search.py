"""The search stage: every variant of an experiment under the same budget, at the same time."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.experiment import Trial as TuneTrial

from seqarena.config import Experiment
from seqarena.data.store import Prepared
from seqarena.errors import RunError
from seqarena.experiments import ResolvedExperiment
from seqarena.progress import Progress
from seqarena.search.cluster import Slot
from seqarena.search.fair import OBJECTIVE, FairASHA, FairSearch
from seqarena.search.rehearsal import rehearse
from seqarena.search.trial import Trial
from seqarena.spaces import space_of
from seqarena.tasks import task_for
from seqarena.tasks.metric import Metric
from seqarena.tracking.ledger import Ledger
from seqarena.tracking.recorder import Recorder


class SearchError(RunError):
    """No trial of a variant has a score."""


def search(experiment: ResolvedExperiment, slot: Slot, recorder: Recorder) -> dict[str, Any]:
    """Search every variant and return the best configuration of each.

    The result maps each variant to ``hyperparameters``, ``objective`` (validation), ``run``,
    ``trials``, ``failed``, ``stopped`` and ``seconds``. Raises `SearchError` when a variant has
    no trial with a score, `InputError` when the data is missing or a variant does not fit.
    """
    config = experiment.config
    spaces = {v: space_of(config, v, experiment.where) for v in config.variants}
    rehearse(config, Prepared(experiment.prepared), spaces, experiment.where)
    config = config.model_copy(update={"protocol": config.protocol.of_trials()})
    metric = task_for(config.task).metrics[config.metric]
    log = SearchLog(experiment.name, config, recorder, metric)
    began = time.perf_counter()
    try:
        with log.progress:
            _tune(
                config, experiment.prepared, spaces, slot, "max" if metric.greater else "min", log
            )
            log.close("FINISHED")
    except (KeyboardInterrupt, SystemExit):
        log.close("KILLED")
        raise
    except BaseException:
        log.close("FAILED")
        raise
    return log.result(time.perf_counter() - began, slot.count)


def _tune(
    experiment: Experiment,
    prepared: Path,
    spaces: dict[str, Any],
    slot: Slot,
    mode: str,
    log: SearchLog,
) -> None:
    trainable = tune.with_resources(
        tune.with_parameters(
            Trial, experiment=experiment, prepared=str(prepared.resolve()), threads=slot.cpus
        ),
        {"cpu": slot.cpus, "gpu": slot.gpus},
    )
    with tempfile.TemporaryDirectory(prefix="seqarena-") as storage:
        tune.Tuner(
            trainable,
            tune_config=tune.TuneConfig(
                search_alg=FairSearch(spaces, mode, experiment.protocol),
                scheduler=FairASHA(list(spaces), mode, experiment.protocol),
                num_samples=experiment.protocol.trials * len(spaces),
                max_concurrent_trials=slot.count,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                storage_path=storage,
                callbacks=[log],
                verbose=0,
                checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0),
            ),
        ).fit()


class SearchLog(tune.Callback):
    """Follows the trials: the ledger, MLflow and the progress display, all in the driver."""

    def __init__(
        self, name: str, experiment: Experiment, recorder: Recorder, metric: Metric
    ) -> None:
        self.name, self.experiment, self.recorder = name, experiment, recorder
        self.ledger: Ledger = recorder.ledger
        self.sign = metric.sign
        protocol = experiment.protocol
        self.parents = {
            variant: self.ledger.start(
                "search",
                f"{variant} search",
                params={"variant": variant, **protocol.model_dump()},
                tags=recorder.tags,
            )
            for variant in experiment.variants
        }
        self.runs: dict[str, str] = {}  # Ray's trial id -> run
        self.records: dict[str, dict[str, Any]] = {}  # Ray's trial id -> its record
        self.progress = Progress(f"search {name}", protocol.trials * len(self.parents))

    def __getstate__(self) -> dict[str, Any]:
        """Return nothing when Tune pickles its own state: a log belongs to the driver."""
        return {}

    def on_trial_start(self, iteration: int, trials: Any, trial: TuneTrial, **info: Any) -> None:
        variant = trial.config["variant"]
        number = sum(r["variant"] == variant for r in self.records.values()) + 1
        self.records[trial.trial_id] = {**trial.config, "status": "failed", "seconds": 0.0}
        self.runs[trial.trial_id] = self.ledger.start(
            "trial",
            f"{variant} trial {number}",
            parent=self.parents[variant],
            params={
                "variant": variant,
                "seed": self.experiment.protocol.seed,
                **trial.config["hyperparameters"],
            },
            tags=self.recorder.tags,
        )

    def on_trial_result(
        self, iteration: int, trials: Any, trial: TuneTrial, result: dict[str, Any], **info: Any
    ) -> None:
        record = self.records[trial.trial_id]
        record.update({key: result[key] for key in (OBJECTIVE, "seconds", "epoch")})
        record["status"] = "finished" if result["last"] else "stopped"
        run = self.runs[trial.trial_id]
        self.ledger.metrics(run, result["epoch"], result["values"])
        if result["epoch"] == 1:
            self.ledger.tag(
                run, {"parameters": str(result["parameters"]), "device": result["device"]}
            )
        self.recorder.maybe_update()

    def on_trial_complete(self, iteration: int, trials: Any, trial: TuneTrial, **info: Any) -> None:
        record, run = self.records[trial.trial_id], self.runs[trial.trial_id]
        score = record.get(OBJECTIVE, float("nan"))
        if score != score:
            record["status"] = "failed"
            self.ledger.end(run, "FAILED", "the loss is not finite")
        else:
            self.ledger.metrics(
                run, record["epoch"], {OBJECTIVE: score, "seconds": record["seconds"]}
            )
            self.ledger.tag(run, {"outcome": record["status"]})
            self.ledger.end(run, "FINISHED")
        self._advance()

    def on_trial_error(self, iteration: int, trials: Any, trial: TuneTrial, **info: Any) -> None:
        if trial.trial_id not in self.runs:  # its worker died before Tune called it started
            self.on_trial_start(iteration, trials, trial)
        record = self.records[trial.trial_id]
        record["status"] = "failed"
        lines = str(trial.get_error() or "the worker died").strip().splitlines()
        record["error"] = lines[-1]
        self.ledger.end(self.runs[trial.trial_id], "FAILED", lines[-1])
        self._advance()

    def _advance(self) -> None:
        best = {v: self._best(v) for v in self.parents}
        scores = {v: record[OBJECTIVE] for v, record in best.items() if record}
        note = ""
        if scores:
            leader = max(scores, key=lambda v: self.sign * scores[v])
            note = f"best {leader} {self.experiment.metric} {scores[leader]:.4g}"
        self.progress.advance(note)
        self.recorder.maybe_update()

    def _best(self, variant: str) -> dict[str, Any] | None:
        scored = [
            r
            for r in self.records.values()
            if r["variant"] == variant and r["status"] != "failed" and OBJECTIVE in r
        ]
        return max(scored, key=lambda r: self.sign * r[OBJECTIVE], default=None)

    def close(self, status: Any) -> None:
        """End every open run with its true status, and update MLflow."""
        for variant, parent in self.parents.items():
            best = self._best(variant)
            if best:
                self.ledger.metrics(parent, 0, {OBJECTIVE: best[OBJECTIVE]})
            failed = status == "FINISHED" and best is None
            if failed:
                self.ledger.end(parent, "FAILED", "no trial came to a score")
        for run in self.ledger.open_runs():
            self.ledger.end(run, status)
        self.recorder.update()

    def result(self, wall: float, slots: int) -> dict[str, Any]:
        """Return the best of each variant; raises `SearchError` where there is none."""
        variants: dict[str, Any] = {}
        for variant, parent in self.parents.items():
            mine = [r for r in self.records.values() if r["variant"] == variant]
            best = self._best(variant)
            if best is None:
                reasons = {r.get("error", "the loss is not finite") for r in mine}
                raise SearchError(
                    f"{self.name}: all {len(mine)} trials of {variant} failed: {'; '.join(reasons)}"
                )
            variants[variant] = {
                "hyperparameters": best["hyperparameters"],
                "objective": best[OBJECTIVE],
                "run": parent,
                "trials": len(mine),
                "failed": sum(r["status"] == "failed" for r in mine),
                "stopped": sum(r["status"] == "stopped" for r in mine),
                "seconds": sum(r["seconds"] for r in mine),
            }
        return {"wall_seconds": wall, "slots": slots, "variants": variants}
