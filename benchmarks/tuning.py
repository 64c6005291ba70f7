"""What pruning and the switch from the design to TPE cost and bring, on real trainings.

Of each case many configurations, drawn at random, are trained to their end, once. Studies are then
run by `Study` itself; what a trial asks for is answered by the training that lies nearest.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import numpy as np
import optuna
from numpy.typing import NDArray

from seqarena.config import Dimension, Range
from seqarena.experiments import ResolvedExperiment, load
from seqarena.fit import fit
from seqarena.runs import Hyperparameters, Result
from seqarena.search.study import Study
from seqarena.spaces import space_of, suggest
from seqarena.tasks import task_for
from seqarena.tasks.metric import Bounds

KEPT = Path("build/tuning")
CASES = {  # experiments, each prepared before, and a variant of each
    "signals": "lstm",
    "spoken_digits": "gru",
    "sentiment": "lstm",
    "adding": "lstm_attention",
    "forecast": "lstm",
}
TRAINED = 64
STUDIES = 300
NEIGHBOURS = 4  # over which the score of a configuration is averaged: one training is chance
PRUNING = ((4, 4), (6, 4), (12, 4))  # trials, of them designed
SWITCHES = tuple((trials, first) for trials in (6, 12, 24) for first in (2, 4, 8, 32))
NEVER = 10**6  # epochs before a trial may be pruned


class Trained(NamedTuple):
    """One training, and the best (score, loss) on valid up to each of its epochs."""

    hyperparameters: Hyperparameters
    bests: list[tuple[float, float]]


class Case:
    """An experiment, a variant, and trainings spread over its space."""

    def __init__(self, name: str, variant: str) -> None:
        self.experiment: ResolvedExperiment = load(name)
        config = self.experiment.config
        self.name, self.variant = name, variant
        self.space = space_of(config, variant, self.experiment.where)
        self.bounds: Bounds = task_for(config.task).metrics[config.metric].bounds
        self.trained = list(self._train())
        self.places = np.array([self._place(each.hyperparameters) for each in self.trained])
        ends = np.array([each.bests[-1][0] for each in self.trained])
        near = np.argsort(self._distances(self.places), axis=1)[:, :NEIGHBOURS]
        self.values: NDArray[np.float64] = ends[near].mean(1)  # what a configuration is worth

    def _train(self) -> Iterator[Trained]:
        """Yield what was trained before, and train the rest."""
        path = KEPT / f"{self.name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        yield from (
            Trained(values, [(score, loss) for score, loss in bests]) for values, bests in kept
        )
        sampler = optuna.samplers.RandomSampler(seed=0)
        study = optuna.create_study(sampler=sampler)
        drawn = [suggest(study.ask(), self.space) for _ in range(TRAINED)]
        for seed in range(len(kept), TRAINED):
            bests: list[tuple[float, float]] = []
            arguments = self.experiment.config, self.experiment.prepared, self.variant
            for epoch in fit(*arguments, drawn[seed], seed)[1]:
                now = epoch.scores[self.experiment.config.metric], epoch.valid_loss
                bests.append(max([*bests[-1:], now], key=lambda best: self.bounds.order(*best)))
            with path.open("a") as file:
                file.write(json.dumps([drawn[seed], bests]) + "\n")
            yield Trained(drawn[seed], bests)

    def _place(self, hyperparameters: Hyperparameters) -> list[float]:
        return [
            _share(dimension, hyperparameters[name])
            for name, dimension in self.space.items()
            if isinstance(dimension, (Range, list))
        ]

    def _distances(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.abs(places[:, None] - self.places[None]).sum(-1)

    def nearest(self, hyperparameters: Hyperparameters) -> int:
        """Return the number of the training that lies nearest."""
        return int(self._distances(np.array([self._place(hyperparameters)])).argmin())

    def regret(self, chosen: int) -> float:
        """Return how much worse a configuration is than the best, of what lies between quartiles.

        0 is the best there is, 1 worse by as much as the middle half of all differ.
        """
        values = self.bounds.sign * self.values
        low, high = np.quantile(values, [0.25, 0.75])
        return float((values.max() - values[chosen]) / (high - low))


class Replayed(NamedTuple):
    """What came of a study."""

    regret: float
    epochs: int
    pruned: int
    lost: bool  # whether a trial that was pruned would have been chosen, and rightly


def replay(case: Case, repetition: int, trials: int, designed: int, prunes: bool) -> Replayed:
    """Run one study over the trainings of a case."""
    changed: dict[str, object] = {"trials": trials}
    if not prunes:
        changed["grace"] = NEVER
    protocol = case.experiment.config.protocol.model_copy(update=changed)
    with (
        patch("seqarena.search.study.DESIGNED", designed),
        patch("seqarena.search.design.DESIGNED", designed),
    ):
        study = Study(case.variant, repetition, case.space, case.bounds, protocol)
        asked = []
        while job := study.next():
            number = case.nearest(job.hyperparameters)
            bests = case.trained[number].bests
            last = next(
                (epoch for epoch, best in enumerate(bests[:-1], 1) if study.prune(epoch, *best)), 0
            )
            outcome = "pruned" if last else "finished"
            epochs = last or len(bests)
            result = Result(outcome=outcome, best=bests[epochs - 1], epochs=epochs)  # type: ignore[arg-type]
            study.finish(str(number), job, result)
            asked.append((number, outcome))
    best = study.best()
    assert best is not None
    chosen = int(best.run)
    ends = {number: case.bounds.order(*case.trained[number].bests[-1]) for number, _ in asked}
    cut = [number for number, outcome in asked if outcome == "pruned"]
    lost = any(ends[n] > ends[chosen] and case.regret(n) < case.regret(chosen) for n in cut)
    return Replayed(case.regret(chosen), best.epochs, best.pruned, lost)


def _share(dimension: Dimension, value: object) -> float:
    """Return how far along its dimension a value lies, from 0 to 1."""
    if isinstance(dimension, list):
        return dimension.index(value) / max(1, len(dimension) - 1)  # type: ignore[arg-type]
    assert isinstance(dimension, Range)
    assert isinstance(value, (int, float))
    low, high, at = float(dimension.low), float(dimension.high), float(value)
    if dimension.log:
        low, high, at = np.log([low, high, at])
    return float((at - low) / (high - low))


def main() -> None:
    """Print a table of pruning and one of the switch."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    cases = [Case(name, variant) for name, variant in CASES.items()]
    print("| case | trials | regret, no pruning | pruned | epochs saved | trials pruned | lost |")
    print(f"|{'---|' * 7}")
    for case in cases:
        for trials, designed in PRUNING:
            print(_pruning(case, trials, designed), flush=True)
    print(f"\n| trials | designed | {' | '.join(case.name for case in cases)} | mean |")
    print(f"|{'---|' * (3 + len(cases))}")
    for trials, designed in SWITCHES:
        regrets = [_mean_regret(case, trials, designed) for case in cases]
        cells = [f"{value:.2f} ± {error:.2f}" for value, error in regrets]
        mean = np.mean([value for value, _ in regrets])
        error = np.sqrt(np.sum([error**2 for _, error in regrets])) / len(regrets)
        print(
            f"| {trials} | {designed} | {' | '.join(cells)} | {mean:.2f} ± {error:.2f} |",
            flush=True,
        )


def _pruning(case: Case, trials: int, designed: int) -> str:
    whole, cut = (
        [replay(case, number, trials, designed, prunes) for number in range(1, STUDIES + 1)]
        for prunes in (False, True)
    )
    saved = 1 - sum(each.epochs for each in cut) / sum(each.epochs for each in whole)
    cells = [
        f"{case.name}, {case.variant}",
        str(trials),
        _with_error([each.regret for each in whole]),
        _with_error([each.regret for each in cut]),
        f"{saved:.0%}",
        f"{sum(each.pruned for each in cut) / STUDIES / trials:.0%}",
        f"{sum(each.lost for each in cut) / STUDIES:.0%}",
    ]
    return f"| {' | '.join(cells)} |"


def _mean_regret(case: Case, trials: int, designed: int) -> tuple[float, float]:
    regrets = [
        replay(case, number, trials, designed, True).regret for number in range(1, STUDIES + 1)
    ]
    return float(np.mean(regrets)), float(np.std(regrets) / np.sqrt(STUDIES))


def _with_error(values: list[float]) -> str:
    return f"{np.mean(values):.2f} ± {np.std(values) / np.sqrt(len(values)):.2f}"


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
