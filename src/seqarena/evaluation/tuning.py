"""What the searches of an experiment show: what they spent, and what more of it would bring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seqarena.config import Dimension
from seqarena.evaluation.best_of_n import designed_scores, expected_best
from seqarena.evaluation.importance import importances
from seqarena.evaluation.places import places, searched
from seqarena.evaluation.tuning_record import ExpectedBest, Importance, Spent, Tuning
from seqarena.runs import Final, StudyResult
from seqarena.tasks.metric import Bounds

Spaces = Mapping[str, Mapping[str, Dimension]]  # by variant


def tuning_of(
    studies: Sequence[StudyResult],
    finals: Sequence[Final],
    spaces: Spaces,
    metric: str,
    bounds: Bounds,
) -> Tuning:
    """Gather what the studies of every variant show; variants stand in the order of `spaces`."""
    by_variant = {v: [study for study in studies if study.variant == v] for v in spaces}
    by_variant = {variant: own for variant, own in by_variant.items() if own}
    return Tuning(
        metric=metric,
        trials=max((study.trials for study in studies), default=0),
        spent=tuple(spent(variant, own, finals) for variant, own in by_variant.items()),
        expected=tuple(
            _expected(variant, scores, bounds)
            for variant, own in by_variant.items()
            if (scores := designed_scores(own, bounds))
        ),
        importances=tuple(
            Importance(variant=variant, hyperparameter=name, share=share)
            for variant, own in by_variant.items()
            for name, share in _importances(own, spaces[variant], bounds).items()
        ),
        places=tuple(
            place
            for variant, own in by_variant.items()
            for place in places(variant, own, spaces[variant])
        ),
    )


def spent(variant: str, studies: Sequence[StudyResult], finals: Sequence[Final]) -> Spent:
    """Add up what the studies and the finals of a variant took."""
    trials = sum(study.trials for study in studies)
    pruned = sum(study.pruned for study in studies)
    failed = sum(study.failed for study in studies)
    return Spent(
        variant=variant,
        trials=trials,
        finished=trials - pruned - failed,
        pruned=pruned,
        failed=failed,
        epochs=sum(study.epochs for study in studies),
        steps=sum(study.steps for study in studies),
        search_seconds=sum(study.seconds for study in studies),
        final_seconds=sum(final.train_seconds for final in finals if final.variant == variant),
    )


def _expected(variant: str, scores: Sequence[float], bounds: Bounds) -> ExpectedBest:
    expected, low, high = (tuple(values.tolist()) for values in expected_best(scores, bounds))
    return ExpectedBest(variant=variant, expected=expected, low=low, high=high)


def _importances(
    studies: Sequence[StudyResult], space: Mapping[str, Dimension], bounds: Bounds
) -> dict[str, float]:
    trials = [trial for study in studies for trial in study.tried]
    return importances(trials, searched(space), bounds)
