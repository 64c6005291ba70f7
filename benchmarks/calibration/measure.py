"""How often the comparison errs, covers and decides in made-up contests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from benchmarks.calibration.former import best_set
from benchmarks.calibration.worlds import SPREADS, World, clusters, equal
from seqarena.evaluation.compare import compare
from seqarena.evaluation.estimates import Estimates
from seqarena.records import Interval

COUNTS = (2, 5, 9)  # variants
REPETITIONS = (3, 5)  # as `preview` and `standard` have them
PLANNED = (3, 5, 8, 12)
ANY = (-np.inf, np.inf)


@dataclass(frozen=True)
class Errors:
    """Shares of contests in which something was false."""

    excluded: float  # a true best was left out of the best set
    former: float  # the same by the former method
    baseline: float  # some variant was told from a baseline that is as good
    means: float  # 95 % intervals of a variant's mean that miss the truth
    gaps: float  # some 95 % interval of a gap to the best misses the truth


@dataclass(frozen=True)
class Case:
    """One line of the table of errors."""

    label: str
    world: World
    repetitions: int


def cases() -> Iterator[Case]:
    """Yield equal and unequal variants, under each spread, normal and skewed."""
    for varies, count, repetitions in product(SPREADS, COUNTS, REPETITIONS):
        yield Case("equal", equal(count, varies), repetitions)
        skewed = replace(equal(count, varies), skewed=True)
        yield Case("equal, skewed", skewed, repetitions)
    for varies, count, repetitions in product(SPREADS, (5, 9), REPETITIONS):
        yield Case("two clusters", clusters(count, varies, 0.05), repetitions)
        halves = replace(equal(count, varies), halves=2.0)
        yield Case("half of them twice as unstable", halves, repetitions)
        unstable = replace(equal(count, varies), unstable=6.0)
        yield Case("one six times as unstable", unstable, repetitions)
        skewed = replace(unstable, skewed=True)
        yield Case("one six times as unstable, skewed", skewed, repetitions)


def errors(case: Case, runs: int, seed: int) -> Errors:
    """Simulate a case `runs` times."""
    random = np.random.default_rng(seed)
    found = np.array([_said(case, random) for _ in range(runs)])
    return Errors(*found.mean(axis=0).tolist())


def _said(case: Case, random: np.random.Generator) -> tuple[float, ...]:
    world = case.world
    units, baseline = world.draw(random, case.repetitions)
    estimates = Estimates.of(units, {"baseline": baseline}, ANY)
    found = compare(estimates, world.names, None)
    truth = dict(zip(world.names, world.means, strict=True))
    to_baseline = {name: truth[name] - truth["v0"] for name in truth}
    return (
        float(not world.best <= set(found.best_set)),
        float(not world.best <= best_set(units)),
        float(
            any(
                pair.decided and to_baseline[name] * pair.difference <= 0
                for name, pair in found.baselines["baseline"].items()
            )
        ),
        float(np.mean([_missed(truth[name], estimates.interval(name)) for name in truth])),
        float(
            any(
                _missed(truth[name] - truth[found.best], pair.interval)
                for name, pair in found.pairs.items()
            )
        ),
    )


def _missed(truth: float, interval: Interval) -> bool:
    return not interval[0] <= truth <= interval[1]


@dataclass(frozen=True)
class Power:
    """How often variants that are truly worse are told from the best, by gap and repetitions."""

    repetitions: int
    gap: float
    told: float  # share of the worse variants
    former: float  # the same by the former method


def powers(world: World, gaps: Iterable[float], runs: int, seed: int) -> list[Power]:
    """Simulate the first variant ahead by each gap, with ever more repetitions."""
    random = np.random.default_rng(seed)
    return [
        Power(repetitions, gap, *_told(world.with_gap(gap), repetitions, runs, random))
        for repetitions, gap in product(PLANNED, gaps)
    ]


def _told(
    world: World, repetitions: int, runs: int, random: np.random.Generator
) -> tuple[float, float]:
    worse = set(world.names) - world.best
    told = former = 0
    for _ in range(runs):
        units, _baseline = world.draw(random, repetitions)
        found = compare(Estimates.of(units, {}, ANY), world.names, None)
        told += len(worse - set(found.best_set))
        former += len(worse - best_set(units))
    return told / runs / len(worse), former / runs / len(worse)


def chances_covered(runs: int, seed: int) -> float:
    """Return the share of the intervals of P(A > B) that hold the truth."""
    random = np.random.default_rng(seed)
    held = []
    for varies, gap in product(SPREADS, (0.0, 0.02, 0.05)):
        world = equal(5, varies).with_gap(gap)
        for _ in range(runs):
            estimates = Estimates.of(world.draw(random, 5)[0], {}, ANY)
            held.append(not _missed(world.chance(0, 1), estimates.chance("v0", "v1")[1]))
    return float(np.mean(held))
