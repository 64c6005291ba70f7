"""Remarks on how the finals learned: too short, not at all, or by heart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median, stdev

from seqarena.evaluation.evidence import Course, Evidence, Losses
from seqarena.plots.formats import Format, listed
from seqarena.tasks.metric import Bounds

LATE = 0.25  # of the epochs: what they bring, twice the epochs bring about as much again
LEARNED = 0.01  # of the way from a constant prediction to a perfect one, or of the first loss
APART = 1.5  # loss on valid / on train; less is no trouble where the first epoch teaches nearly all
LOST = 0.5  # of what was learned on train


def never_left_chance(evidence: Evidence) -> str | None:
    """Name the variants with finals that are no better than a constant prediction.

    One that came less than `LEARNED` of the way from the weakest constant baseline to a perfect
    score counts; where no such baseline was tested, one whose loss on train fell by no more.
    """
    stuck = [
        f"{_share(count, len(courses))} finals of {variant}"
        for variant, courses in evidence.courses.items()
        if (count := sum(_at_chance(course, evidence) for course in courses))
    ]
    if not stuck:
        return None
    told = f"{listed(stuck)} did no better than a constant prediction"
    fix = "widen `space.learning_rate` or raise `protocol.epochs`"
    return f"{told[0].upper()}{told[1:]}: {fix}."


def _share(count: int, of: int) -> str:
    if count < of:
        return f"{count} of {of}"
    return "both" if of == 2 else f"all {of}"


def _at_chance(course: Course, evidence: Evidence) -> bool:
    if evidence.constants:
        bounds = evidence.bounds
        weakest = min(evidence.constants.values(), key=lambda value: bounds.sign * value)
        way = bounds.sign * (bounds.best - weakest)
        gain = bounds.sign * (course.tested - weakest)
        return 0 < way < math.inf and gain < LEARNED * way
    losses = [loss.train for _, loss in sorted(course.losses.items())]
    return len(losses) > 1 and losses[0] - min(losses) < LEARNED * abs(losses[0])


def not_all_seen(evidence: Evidence) -> str | None:
    """Tell that no training was long enough to see all of train, as each baseline did."""
    protocol, examples = evidence.protocol, evidence.examples
    if examples is None or protocol.epoch_examples is None:
        return None
    seen = protocol.epochs * protocol.epoch_examples
    if seen >= examples:
        return None
    told = f"No training saw more than {seen:,} of {examples:,} examples of train, baselines all"
    return f"{told}: raise `protocol.epochs` to {math.ceil(examples / protocol.epoch_examples)}."


def still_learning(evidence: Evidence) -> str | None:
    """Name the variants most of whose finals gained on valid up to the last epoch.

    The rate falls to zero, so that the last epoch is often the best by a hair. What counts is a
    gain over the last quarter that is more than the smallest visible gap, and than what the finals
    of the variant differ by.
    """
    learning = {
        variant: count
        for variant, courses in evidence.courses.items()
        if 2 * (count := _count_learning(courses, evidence)) > len(courses)
    }
    if not learning:
        return None
    of = sum(len(evidence.courses[variant]) for variant in learning)
    where = "every variant" if len(learning) == len(evidence.courses) > 1 else listed(learning)
    told = f"{sum(learning.values())} of {of} finals of {where} were still learning"
    return f"{told} at the last epoch: raise `protocol.epochs`."


def _count_learning(courses: Sequence[Course], evidence: Evidence) -> int:
    scores = [course.final.score for course in courses]
    noise = max(evidence.visible or 0.0, stdev(scores) if len(scores) > 1 else 0.0)
    epochs = evidence.protocol.epochs
    return sum(_late_gain(course, epochs, evidence.bounds) > noise for course in courses)


def _late_gain(course: Course, epochs: int, bounds: Bounds) -> float:
    """Return what the last quarter of the epochs brought; nothing where the last is not best."""
    final = course.final
    before = [bounds.sign * score for epoch, score in final.curve if epoch <= (1 - LATE) * epochs]
    if final.best_epoch < epochs or not before:
        return 0.0
    return bounds.sign * final.score - max(before)


def overfit(evidence: Evidence) -> str | None:
    """Tell where the best variant learned much on train that does not hold on valid.

    Of what its loss on train fell by since the first epoch, at the best one, more than half is lost
    on valid, and the two are `APART`; the median of the finals. Dropout raises the loss on train,
    so that the truth is worse.
    """
    courses = evidence.courses[evidence.best]
    known = [pair for course in courses if (pair := _first_and_best(course))]
    if not known:
        return None
    lost = median(_lost(first, best) for first, best in known)
    train, valid = (median(getattr(best, split) for _, best in known) for split in Losses._fields)
    if lost <= LOST or valid <= APART * train:
        return None
    form = Format([train, valid])
    told = f"median loss at the best epoch {form(train)} on train, {form(valid)} on valid"
    fix = "add training data, or raise `space.dropout` or `space.weight_decay`"
    return f"{evidence.best} overfits ({told}): {fix}."


def _first_and_best(course: Course) -> tuple[Losses, Losses] | None:
    first, best = (course.losses.get(epoch) for epoch in (1, course.final.best_epoch))
    if first is None or best is None:
        return None
    finite = all(map(math.isfinite, (first.train, *best)))
    return (first, best) if finite else None


def _lost(first: Losses, best: Losses) -> float:
    """Return the share of what was learned on train that is lost on valid."""
    learned = first.train - best.train
    return (best.valid - best.train) / learned if learned > 0 else 0.0
