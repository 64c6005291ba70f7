"""What an experiment's result files hold, each read and written as one typed record."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Literal
from urllib.parse import quote, urlencode

from pydantic import Field

from seqarena.config import Record, Strict, parse
from seqarena.errors import InputError
from seqarena.files import read_json, write_json

SCORE = "score"  # the column of predictions.csv with the metric of that example alone
ALPHA = 0.05  # the chance of any wrong claim among those that are made together

Interval = tuple[float, float]


class VariantSummary(Strict):
    """One variant's finals on the test split."""

    values: tuple[float, ...]  # of the experiment's metric, in the order of the repetitions
    mean: float
    ci95: Interval  # of the mean
    parameters: int
    train_seconds: float  # of a final, on average
    milliseconds: float  # to predict one example alone, on one thread of the CPU
    test_examples: int


class BaselineSummary(Strict):
    """One baseline on the test split."""

    value: float  # of the experiment's metric
    ci95: Interval  # over the groups of the test split
    seconds: float  # to fit it and to predict, in one


class SeriesSummary(Strict):
    """One series of several on the test split."""

    test_examples: int  # windows
    values: dict[str, float | None]  # of variants, on average, and of baselines; None: undefined


class Summary(Record):
    """summary.json: the variants and baselines of one experiment, and its verdict."""

    metric: str
    greater_is_better: bool
    baselines: dict[str, BaselineSummary]
    variants: dict[str, VariantSummary]
    verdict: str
    ending: str  # how it ended, in three words or so
    cost: str  # what to take if it must be one; empty where the verdict leaves but one
    remarks: tuple[str, ...] = ()  # what the verdict lacks, each with what would help
    series: dict[str, SeriesSummary] = Field(default_factory=dict)  # where data hold several

    @property
    def means(self) -> dict[str, float]:
        """The mean of each variant."""
        return {name: variant.mean for name, variant in self.variants.items()}

    @property
    def references(self) -> dict[str, float]:
        """The value of each baseline."""
        return {name: baseline.value for name, baseline in self.baselines.items()}

    @property
    def strongest(self) -> str | None:
        """The baseline with the best value, of equal ones the first, if there is any."""
        return best_of(self.references, self.greater_is_better) if self.baselines else None

    @property
    def sentences(self) -> str:
        """The verdict and its cost and, below them, the remarks as a list in Markdown."""
        told = f"{self.verdict} {self.cost}".strip()
        return "\n".join([told, "", *(f"- {remark}" for remark in self.remarks)]).strip()


class Headline(Record):
    """metrics.json, what `dvc metrics show` lists: the best by mean and the best baseline."""

    metric: str
    best: str
    score: float
    baseline: str | None = None
    baseline_score: float | None = None
    gap: float | None = None  # positive where the variant is ahead


Word = Literal["better", "worse", "equivalent", "not separated"]


class Pair(Strict):
    """One variant against a reference: the best variant by mean, or a baseline."""

    difference: float  # variant minus reference, in the metric's unit
    interval: Interval  # of the difference; with those of the other pairs it holds in 95 % of cases
    p: float  # over repetitions and test groups
    p_adjusted: float  # corrected for the other pairs
    decided: bool  # whether the interval is all on one side of 0
    word: Word
    chance: float  # that the variant is ahead in one more repetition on one more test split
    chance_ci95: Interval
    visible: float | None  # the least gap that four of five tries would decide, if there is any
    repetitions: int | None  # that would decide this gap in four of five; None: decided, or none
    groups: int | None  # the same of independent test groups, with the repetitions at hand


class Comparison(Strict):
    """All variants against the best one by mean, and against each baseline."""

    best: str  # by mean
    best_set: tuple[str, ...]  # itself first; all that are truly best are in it with 95 %
    pairs: dict[str, Pair]  # every other variant minus the best, best first
    baselines: dict[str, dict[str, Pair]]  # baseline -> every variant minus it
    chances: dict[str, dict[str, float]]  # how likely one competitor beats another, see `Pair`

    def loses_to(self, baseline: str | None) -> bool:
        """Return whether every variant is worse than a baseline; no one is than None."""
        return baseline is not None and all(
            pair.word == "worse" for pair in self.baselines[baseline].values()
        )

    @property
    def visible(self) -> float | None:
        """The median of the gaps to the best that would have been seen, or else to a baseline."""
        to_baselines = [pair for pairs in self.baselines.values() for pair in pairs.values()]
        pairs = self.pairs.values() or to_baselines
        gaps = [math.inf if pair.visible is None else pair.visible for pair in pairs]
        return median(gaps) if gaps else None


class AllMetrics(Strict):
    """Every metric of the task, of all that was tested."""

    variants: dict[str, list[dict[str, float]]]  # of each final, in the order of the repetitions
    baselines: dict[str, dict[str, float]]
    unfitted: dict[str, str]  # baseline -> why it could not be fitted


class ComparisonRecord(Comparison, Record):
    """comparison.json: the comparison by the experiment's metric, and all other metrics."""

    metrics: AllMetrics


View = Literal["verdict", "search", "curves", "attention"]  # that MLflow has of an experiment


class MlflowPlace(Record):
    """mlflow.json: where MLflow shows an experiment, while its server runs."""

    address: str  # of the server
    experiment: str  # as MLflow numbers it

    def view(self, view: View) -> str:
        """Return the URL of a saved view of the experiment."""
        return self._runs(viewStateShareKey=view_key(view), compareRunsMode="CHART")

    def run(self, run: str) -> str:
        """Return the URL of the list of runs with one alone, by its id in the ledger."""
        return self._runs(searchFilter=f"tags.seqarena.run = '{run}'")

    def _runs(self, **query: str) -> str:
        query |= {"workflowType": "machine_learning"}  # or it opens on traces of language models
        shown = urlencode(query, quote_via=quote)
        return f"{self.address}/#/experiments/{self.experiment}/runs?{shown}"


def view_key(view: View) -> str:
    """Return the key under which MLflow keeps a saved view, in a tag and in links."""
    return f"seqarena-{view}"


def best_of(values: Mapping[str, float], greater_is_better: bool) -> str:
    """Name the best of some values, of equal ones the first."""
    return (max if greater_is_better else min)(values, key=lambda name: values[name])


def read_summaries(path: Path) -> dict[str, Summary]:
    """Read the report's summary.json: the summary of each experiment that ran."""
    raw = read_json(path)
    if not isinstance(raw, dict):
        raise InputError(f"{path}: expected a mapping, found {type(raw).__name__}")
    return {name: parse(Summary, section, f"{path}: {name}") for name, section in raw.items()}


def write_summaries(path: Path, summaries: Mapping[str, Summary]) -> None:
    """Write the report's summary.json."""
    write_json(path, {name: summary.model_dump() for name, summary in summaries.items()})
