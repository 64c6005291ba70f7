"""Is the budget enough? What stands below a verdict: each remark where it is true, with its fix."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from statistics import fmean, variance

from seqarena.evaluation.estimates import Part
from seqarena.evaluation.evidence import Evidence
from seqarena.evaluation.learning import (
    never_left_chance,
    not_all_seen,
    overfit,
    still_learning,
)
from seqarena.evaluation.tuning_record import ExpectedBest, Tuning
from seqarena.plots.formats import format_of, listed
from seqarena.records import ALPHA

PREVIEW, AFTER = "preview", "standard"  # the protocol that is no more, and the one that goes on
FEWEST_GROUPS = 30  # fewer leave their deviation uncertain by more than an eighth
COARSE = 0.5  # of the distance between best and worst: a smaller gap that cannot be seen is enough
NAMED = 3  # of the classes that a split lacks


def remarks(evidence: Evidence) -> tuple[str, ...]:
    """Say what this verdict lacks and what would help, a sentence each; nothing where all is well.

    In order: what was preliminary, what training and search left open, what the data cannot tell.
    """
    return tuple(sentence for check in CHECKS if (sentence := check(evidence)))


def preview(evidence: Evidence) -> str | None:
    """Tell that the protocol is meant for a first look."""
    protocol = evidence.protocol
    if protocol.name != PREVIEW:
        return None
    budget = f"{protocol.repetitions} repetitions of {protocol.trials} trials"
    return f"This is a preview ({budget}): `seqarena run --protocol {AFTER}` goes on from here."


def best_at_end(evidence: Evidence) -> str | None:
    """Name the ranges and lists at whose end the best values lie: the best may be beyond."""
    found = evidence.tuning.at_end
    if not found:
        return None
    told = [_at_end(evidence.tuning, *where, variants) for where, variants in found.items()]
    keys = listed(dict.fromkeys(f"`space.{name}`" for name, *_ in found))
    return f"Best values lie at an end of what was searched, {listed(told)}: widen {keys}."


def _at_end(tuning: Tuning, name: str, of_list: bool, end: str, variants: list[str]) -> str:
    if of_list:
        place = "largest of its list" if end == "high" else "smallest of its list"
    else:
        place = "upper end of its range" if end == "high" else "lower end of its range"
    having = [each.variant for each in tuning.places if each.hyperparameter == name]
    where = "every variant" if len(having) > 1 and having == variants else listed(variants)
    return f"{name.replace('_', ' ')} at the {place} in {where}"


def more_trials(evidence: Evidence) -> str | None:
    """Name the variants whose expected best of twice the trials is visibly better."""
    visible, trials = evidence.visible, evidence.tuning.trials
    if visible is None:
        return None
    form = format_of(evidence.summary)
    rises = {
        curve.variant: _rise(curve, evidence)
        for curve in evidence.tuning.expected
        if len(curve.expected) >= 2 * trials
    }
    told = [f"{name} {form(rise)}" for name, rise in rises.items() if rise > visible]
    if not told:
        return None
    seen = f"more than the smallest visible gap, {form(visible)}"
    return f"Twice the trials may bring {listed(told)}, {seen}: raise `protocol.trials`."


def _rise(curve: ExpectedBest, evidence: Evidence) -> float:
    """Return what twice the trials bring, beyond what is expected of these and what was found.

    A search may have found more than so many trials at random are expected to.
    """
    trials, sign = evidence.tuning.trials, evidence.bounds.sign
    found = fmean(course.final.score for course in evidence.courses[curve.variant])
    here = max(sign * curve.expected[trials - 1], sign * found)
    return sign * curve.expected[2 * trials - 1] - here


def small_test(evidence: Evidence) -> str | None:
    """Tell that the test split, and not the number of repetitions, is what limits the verdict."""
    count, visible = evidence.groups, evidence.visible
    if count < FEWEST_GROUPS:
        groups = f"{count} independent group{'s' * (count != 1)}"
        told = f"The test split has {groups}, and {FEWEST_GROUPS} are the fewest to judge by"
        if count == 1:
            told += ", so that intervals hold the chance of repetitions alone"
        only = "" if evidence.repetitions_help else "; more repetitions do not help"
        return f"{told}: add groups to test{only}."
    distance = _distance(evidence)
    if visible is None or visible <= COARSE * distance or evidence.repetitions_help:
        return None
    if 2 * _by_repetition(evidence) > visible:
        return None
    form = format_of(evidence.summary)
    unseen = "no gap" if math.isinf(visible) else f"no gap below {form(visible)}"
    told = f"{unseen} can be seen, and all that is compared lies within"
    fix = "add examples to test; more repetitions do not help"
    return f"With {count} independent groups in test {told} {form(distance)}: {fix}."


def _distance(evidence: Evidence) -> float:
    """Return how far the best lies from the worst of the variants and the strongest baseline."""
    summary, sign = evidence.summary, evidence.bounds.sign
    strongest = sorted(summary.references.values(), key=lambda value: sign * value)[-1:]
    compared = [*summary.means.values(), *strongest]
    return max(compared) - min(compared)


def _by_repetition(evidence: Evidence) -> float:
    """Return the half of the best variant's 95 % interval that repetitions alone would give."""
    values = evidence.summary.variants[evidence.best].values
    if len(values) < 2:
        return math.inf
    of_mean = Part(variance(values) / len(values), len(values) - 1)
    return math.sqrt(of_mean.squared_half_width(ALPHA))


def classes_absent(evidence: Evidence) -> str | None:
    """Name the classes that a split has no example of."""
    if not evidence.absent:
        return None
    told = listed(f"{split} ({_some(names)})" for split, names in evidence.absent.items())
    fix = "divide the data so that each split has every class (`prepare.valid`, `prepare.test`)"
    return f"Classes are absent from {told}: {fix}."


def _some(names: Iterable[str]) -> str:
    first = list(names)
    more = len(first) - NAMED
    return listed([*first[:NAMED], f"{more} more"] if more > 0 else first)


CHECKS: tuple[Callable[[Evidence], str | None], ...] = (
    preview,
    not_all_seen,
    never_left_chance,
    still_learning,
    best_at_end,
    more_trials,
    overfit,
    small_test,
    classes_absent,
)
