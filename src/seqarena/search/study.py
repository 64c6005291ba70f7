"""One search of one variant in one repetition: what to try next, what to prune, what was best.

A study depends on its own history alone, and its trials run one after the other: so its result is
the same on one worker or forty. Its history is what the ledger holds of it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import optuna
from optuna.trial import TrialState

from seqarena.config import Dimension, Protocol
from seqarena.runs import DESIGNED, Hyperparameters, Job, Result, StudyResult, TriedTrial
from seqarena.search.design import Design
from seqarena.spaces import suggest
from seqarena.tasks.metric import Bounds

optuna.logging.set_verbosity(optuna.logging.WARNING)
# `group` has been experimental, and unchanged, since 2021: conditional spaces need it.
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
TIE = 1e-9  # of a score: how much the loss counts beside it, which is where scores are equal


class Study:
    """Asks for one trial after the other until the budget is spent."""

    def __init__(
        self,
        variant: str,
        repetition: int,
        space: dict[str, Dimension],
        bounds: Bounds,
        protocol: Protocol,
        complete: Callable[[Hyperparameters], Hyperparameters] = dict,
    ) -> None:
        """Give what is drawn to `complete`, which adds what follows from it."""
        self.variant, self.repetition, self.space = variant, repetition, space
        self.bounds, self.protocol, self.complete = bounds, protocol, complete
        self.design = Design(protocol.seed, repetition)
        self.study = optuna.create_study(
            direction="maximize",
            pruner=optuna.pruners.PercentilePruner(
                100.0 / protocol.reduction, n_startup_trials=2, n_warmup_steps=protocol.grace
            ),
        )
        self.trial: optuna.Trial | None = None
        self.reported = 0  # epochs of it
        self.results: list[tuple[str, Job, Result]] = []  # run, what was asked, what came of it

    @property
    def remaining(self) -> int:
        """How many trainings are still to come."""
        return self.protocol.trials - len(self.results)

    def next(self) -> Job | None:
        """Return the next trial, None when the budget is spent."""
        number = len(self.results) + 1
        if number > self.protocol.trials:
            return None
        if number <= DESIGNED:
            self.study.enqueue_trial(self.design.point(self.space, number))
        # A sampler of its own for each trial: a draw does not depend on how many were drawn before
        # in this process.
        self.study.sampler = optuna.samplers.TPESampler(
            seed=seed_of(self.protocol.seed, self.repetition, number),
            multivariate=True,
            group=True,
            n_startup_trials=DESIGNED,
        )
        self.trial, self.reported = self.study.ask(), 0
        seed = seed_of(self.protocol.seed, self.repetition, number)
        chosen = self.complete(suggest(self.trial, self.space))
        return Job("trial", self.variant, self.repetition, number, chosen, seed)

    def usable(self, job: Job, result: Result) -> bool:
        """Tell whether a result of the ledger stands: not where a trial may now take longer."""
        limit = self.protocol.timeout or math.inf
        return result.timeout is None or limit <= result.timeout

    def prune(self, epoch: int, score: float, loss: float) -> bool:
        """Take the best score after an epoch of the trial; return whether it is to end there."""
        assert self.trial is not None
        if epoch <= self.reported:  # again, since its worker was lost: it went on then
            return False
        self.reported = epoch
        self.trial.report(self._objective(score, loss), epoch)
        return self.trial.should_prune()

    def keep(self, job: Job, weights: dict[str, Any]) -> str:
        """Keep nothing of a trial: its final is trained anew."""
        return ""

    def finish(self, run: str, job: Job, result: Result) -> None:
        """Take what came of the trial."""
        assert self.trial is not None
        if result.outcome == "failed" or result.best is None:
            self.study.tell(self.trial, state=TrialState.FAIL)
        elif result.outcome == "pruned":
            self.study.tell(self.trial, state=TrialState.PRUNED)
        else:
            self.study.tell(self.trial, self._objective(*result.best))
        self.results.append((run, job, result))

    def best(self) -> StudyResult | None:
        """Return the best trial so far and what all have spent; None where none has a score.

        Trials are ordered by the metric, then by the loss; of equal ones the first is best.
        """
        scored = [(each.best, run, job) for run, job, each in self.results if each.best]
        if not scored:
            return None
        (score, loss), run, job = max(scored, key=lambda entry: self.bounds.order(*entry[0]))
        outcomes = [each.outcome for _, _, each in self.results]
        return StudyResult(
            variant=self.variant,
            repetition=self.repetition,
            hyperparameters=job.hyperparameters,
            score=score,
            loss=loss,
            run=run,
            trials=len(self.results),
            pruned=outcomes.count("pruned"),
            failed=outcomes.count("failed"),
            epochs=sum(each.epochs for _, _, each in self.results),
            steps=sum(each.steps for _, _, each in self.results),
            seconds=sum(each.seconds for _, _, each in self.results),
            tried=tuple(_tried(job, each) for _, job, each in self.results),
        )

    def _objective(self, score: float, loss: float) -> float:
        """Put (metric, -loss) in one number of the same order, for samplers know only numbers."""
        share = loss / (1 + abs(loss)) if math.isfinite(loss) else 1.0
        return self.bounds.sign * score - TIE * max(1.0, abs(score)) * share


def _tried(job: Job, result: Result) -> TriedTrial:
    return TriedTrial(
        hyperparameters=job.hyperparameters,
        outcome=result.outcome,
        score=result.best[0] if result.best else None,
        epochs=result.epochs,
        seconds=result.seconds,
    )


def seed_of(*place: int) -> int:
    """Derive the seed of a trial from the experiment's, its repetition and its number."""
    return int(np.random.SeedSequence(place).generate_state(1)[0] >> 1)
