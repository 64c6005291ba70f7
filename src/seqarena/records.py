"""What an experiment's result files hold, each read and written as one typed record."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from seqarena.config import Record, Strict, parse
from seqarena.errors import InputError
from seqarena.files import read_json, write_json

ALPHA = 0.05  # a difference whose corrected p is below it is called detectable

Interval = tuple[float, float]


class VariantSummary(Strict):
    """One variant's finals on the test split."""

    values: tuple[float, ...]  # of the experiment's metric, in the order of the repetitions
    mean: float
    ci95: Interval  # of the mean
    parameters: int
    train_seconds: float  # of a final, on average
    test_examples: int


class Summary(Record):
    """summary.json: the variants and baselines of one experiment, and its verdict."""

    metric: str
    greater_is_better: bool
    baselines: dict[str, float]
    variants: dict[str, VariantSummary]
    verdict: str

    @property
    def means(self) -> dict[str, float]:
        """The mean of each variant."""
        return {name: variant.mean for name, variant in self.variants.items()}


class Headline(Record):
    """metrics.json, what `dvc metrics show` lists: the best by mean and the best baseline."""

    metric: str
    best: str
    score: float
    baseline: str | None = None
    baseline_score: float | None = None
    gap: float | None = None  # positive where the variant is ahead


class Pair(Strict):
    """One variant against a reference: the best variant, or a baseline."""

    difference: float  # variant minus reference, in the metric's unit
    ci95: Interval
    p: float  # min F', over seeds and examples
    p_holm: float  # corrected for the other pairs of the family; decides
    p_seeds: float  # paired t-test over seeds alone, to be read beside p
    effect_size: float | None  # Hedges' g of the paired seeds; None where seeds do not vary

    @property
    def detectable(self) -> bool:
        """Whether the difference is more than chance at the 5 % level, after correction."""
        return self.p_holm < ALPHA


class Comparison(Strict):
    """All variants against the best one, and against each baseline."""

    best: str  # by mean
    best_set: tuple[str, ...]  # not detectably different from the best, by mean, itself first
    pairs: dict[str, Pair]  # every other variant minus the best
    baselines: dict[str, dict[str, Pair]]  # baseline -> every variant minus it
    top_share: dict[str, float]  # share of resamplings in which the variant came out on top


class AllMetrics(Strict):
    """Every metric of the task, of all that was tested."""

    variants: dict[str, list[dict[str, float]]]  # of each final, in the order of the repetitions
    baselines: dict[str, dict[str, float]]
    unfitted: dict[str, str]  # baseline -> why it could not be fitted


class ComparisonRecord(Comparison, Record):
    """comparison.json: the comparison by the experiment's metric, and all other metrics."""

    metrics: AllMetrics


def read_summaries(path: Path) -> dict[str, Summary]:
    """Read the report's summary.json: the summary of each experiment that ran."""
    raw = read_json(path)
    if not isinstance(raw, dict):
        raise InputError(f"{path}: expected a mapping, found {type(raw).__name__}")
    return {name: parse(Summary, section, f"{path}: {name}") for name, section in raw.items()}


def write_summaries(path: Path, summaries: Mapping[str, Summary]) -> None:
    """Write the report's summary.json."""
    write_json(path, {name: summary.model_dump() for name, summary in summaries.items()})
