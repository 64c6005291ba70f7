"""From what was tested to the comparison, the summary and the headline of an experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from seqarena.config import Experiment
from seqarena.evaluation import cheapest
from seqarena.evaluation.ending import ending
from seqarena.evaluation.estimates import Estimates
from seqarena.evaluation.scoring import Tested, TestedBaseline
from seqarena.evaluation.verdict import verdict
from seqarena.plots.formats import Format
from seqarena.records import (
    AllMetrics,
    BaselineSummary,
    Comparison,
    Headline,
    Summary,
    VariantSummary,
    best_of,
)
from seqarena.runs import Final
from seqarena.tasks.metric import Bounds


@dataclass(frozen=True)
class Outcome:
    """What the test split said of every final and baseline."""

    finals: Mapping[str, Sequence[Tested]]  # of each variant, in the order of the repetitions
    baselines: Mapping[str, TestedBaseline]
    unfitted: Mapping[str, str]  # baseline -> why it could not be fitted
    milliseconds: Mapping[str, float]  # of one prediction, by variant

    def estimates(self, bounds: Bounds) -> Estimates:
        """Return what is known of each score."""
        return Estimates.of(
            {name: np.stack([one.units for one in runs]) for name, runs in self.finals.items()},
            {name: one.units for name, one in self.baselines.items()},
            bounds,
            len(next(iter(self.finals.values()))[0].predictions),
        )

    @property
    def rows(self) -> dict[str, list[Tensor]]:
        """The rows of the experiment's metric, of all runs of each variant and baseline."""
        finals = {name: [one.rows for one in runs] for name, runs in self.finals.items()}
        return finals | {name: [one.rows] for name, one in self.baselines.items()}

    @property
    def all_metrics(self) -> AllMetrics:
        """Every metric of all that was tested."""
        return AllMetrics(
            variants={name: [one.metrics for one in runs] for name, runs in self.finals.items()},
            baselines={name: one.metrics for name, one in self.baselines.items()},
            unfitted=dict(self.unfitted),
        )


def summarised(
    config: Experiment,
    finals: Mapping[str, Sequence[Final]],
    outcome: Outcome,
    estimates: Estimates,
    comparison: Comparison,
) -> Summary:
    """Summarise an experiment, without the remarks on its budget."""
    greater = estimates.sign > 0
    variants = {
        name: VariantSummary(
            values=tuple(one.value for one in runs),
            mean=float(np.mean([one.value for one in runs])),
            ci95=estimates.interval(name),
            parameters=finals[name][0].parameters,
            train_seconds=float(np.mean([final.train_seconds for final in finals[name]])),
            milliseconds=outcome.milliseconds[name],
            test_examples=len(runs[0].predictions),
        )
        for name, runs in outcome.finals.items()
    }
    baselines = {
        name: BaselineSummary(value=one.value, ci95=estimates.interval(name), seconds=one.seconds)
        for name, one in outcome.baselines.items()
    }
    values = {name: baseline.value for name, baseline in baselines.items()}
    strongest = best_of(values, greater) if values else None
    form = Format([*(variant.mean for variant in variants.values()), *values.values()])
    return Summary(
        metric=config.metric,
        greater_is_better=greater,
        baselines=baselines,
        variants=variants,
        verdict=verdict(
            config.metric,
            greater,
            variants,
            comparison,
            values,
            left_out=outcome.unfitted,
            tuned_once=config.protocol.search == "shared",
            margin=config.margin,
        ),
        ending=ending(comparison, strongest),
        cost=cheapest.sentence(variants, comparison, strongest, form),
    )


def headline(summary: Summary) -> Headline:
    """Return the best variant by mean, the best baseline where there is one, and the gap."""
    means, strongest, greater = summary.means, summary.strongest, summary.greater_is_better
    best = best_of(means, greater)
    if strongest is None:
        return Headline(metric=summary.metric, best=best, score=means[best])
    reference = summary.references[strongest]
    return Headline(
        metric=summary.metric,
        best=best,
        score=means[best],
        baseline=strongest,
        baseline_score=reference,
        gap=(1.0 if greater else -1.0) * (means[best] - reference),
    )
