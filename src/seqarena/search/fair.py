"""One search per variant, side by side in one Tune run: all share the workers, none the budget.

Each variant has its own Optuna study and its own ASHA brackets, so no variant is starved of trials
by another that looks better early, and none is stopped for being slower to learn than another.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import optuna
from ray.tune.experiment import Trial
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch

from seqarena.config import Dimension, Protocol
from seqarena.spaces import suggest

OBJECTIVE = "objective"
optuna.logging.set_verbosity(optuna.logging.WARNING)
# `group` has been experimental, and unchanged, since 2021: conditional spaces need it.
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)


class FairSearch(Searcher):
    """Hands out the same number of trials to every variant, round by round."""

    def __init__(self, spaces: dict[str, dict[str, Dimension]], mode: str, protocol: Protocol):
        super().__init__(metric=OBJECTIVE, mode=mode)
        self.studies = {
            variant: OptunaSearch(
                space=_define_by_run(space),
                metric=OBJECTIVE,
                mode=mode,
                study_name=variant,
                sampler=optuna.samplers.TPESampler(
                    seed=protocol.seed,
                    multivariate=True,
                    group=True,
                    n_startup_trials=max(2, min(10, protocol.trials // 2)),
                ),
            )
            for variant, space in spaces.items()
        }
        # The costliest variants stand last in params.yaml by custom: started first in each round,
        # they do not leave a worker idle at the end.
        self.queue = list(reversed(self.studies)) * protocol.trials
        self.variants: dict[str, str] = {}

    def suggest(self, trial_id: str) -> Any:
        if not self.queue:
            return Searcher.FINISHED
        variant = self.variants[trial_id] = self.queue.pop(0)
        return {
            "variant": variant,
            "hyperparameters": self.studies[variant].suggest(trial_id),
        }

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        if math.isfinite(result[OBJECTIVE]):
            self.studies[self.variants[trial_id]].on_trial_result(trial_id, result)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        study = self.studies[self.variants[trial_id]]
        if error or not result or not math.isfinite(result[OBJECTIVE]):
            # A study keeps a NaN trial running for ever; failed is what it is.
            study.on_trial_complete(trial_id, None, error=True)
        elif not result["last"]:
            # Stopped by ASHA: no result makes it PRUNED, so that TPE does not take a score of
            # few epochs for a score of all of them.
            study.on_trial_complete(trial_id, None)
        else:
            study.on_trial_complete(trial_id, result)

    def save(self, checkpoint_path: str) -> None:
        """Studies live in memory: a search is short and runs as one."""

    def restore(self, checkpoint_path: str) -> None:
        """See `save`."""


def _define_by_run(space: dict[str, Dimension]) -> Any:
    return lambda trial: suggest(trial, space)


class FairASHA(FIFOScheduler):
    """One ASHA per variant (Li et al. 2020): a trial is measured against its own kind only."""

    def __init__(self, variants: list[str], mode: str, protocol: Protocol) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.brackets = {
            variant: ASHAScheduler(
                time_attr="epoch",
                metric=OBJECTIVE,
                mode=mode,
                max_t=protocol.epochs,
                grace_period=min(protocol.grace, protocol.epochs),
                reduction_factor=protocol.reduction,
                stop_last_trials=False,
            )
            for variant in variants
        }

    def _of(self, trial: Trial) -> TrialScheduler:
        return self.brackets[trial.config["variant"]]

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        self._of(trial).on_trial_add(tune_controller, trial)

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        self._of(trial).on_trial_error(tune_controller, trial)

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        return self._of(trial).on_trial_result(tune_controller, trial, result)

    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> None:
        self._of(trial).on_trial_complete(tune_controller, trial, result)

    def on_trial_remove(self, tune_controller: Any, trial: Trial) -> None:
        self._of(trial).on_trial_remove(tune_controller, trial)

    def debug_string(self) -> str:
        return "\n".join(f"{name}: {asha.debug_string()}" for name, asha in self.brackets.items())
