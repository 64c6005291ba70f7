"""Which hyperparameters decided the scores of a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from scipy.stats import rankdata

from seqarena.config import Dimension, Range
from seqarena.evaluation.tuning_record import FEWEST
from seqarena.runs import TriedTrial
from seqarena.tasks.metric import Bounds

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


def importances(
    trials: Sequence[TriedTrial], space: Mapping[str, Dimension], bounds: Bounds
) -> dict[str, float]:
    """Return the share of each searched dimension in the variance of ranks; empty for few trials.

    Functional ANOVA of a random forest (Hutter et al. 2014). Ranks, so that one training that
    diverged does not account for all of the variance.
    """
    scored = [trial for trial in trials if trial.score is not None]
    ranks = rankdata([bounds.sign * trial.score for trial in scored if trial.score is not None])
    if len(scored) < FEWEST or len(set(ranks)) == 1:
        return {}
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = {name: _distribution(dimension) for name, dimension in space.items()}
    study = optuna.create_study(direction="maximize")
    for trial, rank in zip(scored, ranks, strict=True):
        params = {name: trial.hyperparameters[name] for name in distributions}
        study.add_trial(
            optuna.trial.create_trial(params=params, distributions=distributions, value=float(rank))
        )
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    return optuna.importance.get_param_importances(study, evaluator=evaluator)


def _distribution(dimension: Dimension) -> BaseDistribution:
    """Return a searched dimension as `spaces.suggest` asks for it."""
    from optuna import distributions

    if isinstance(dimension, Range):
        low, high = dimension.low, dimension.high
        if dimension.integer:
            return distributions.IntDistribution(int(low), int(high), log=dimension.log)
        return distributions.FloatDistribution(low, high, log=dimension.log)
    assert isinstance(dimension, list)
    return distributions.CategoricalDistribution(dimension)
