"""What our finals come to, measured as it was published."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from statistics import fmean, stdev

from scipy.stats import t

from benchmarks.published.tables import TABLES
from seqarena.data.store import Prepared
from seqarena.experiments import load
from seqarena.predict import Predictor
from seqarena.records import Summary
from seqarena.runs import Finals


@dataclass(frozen=True)
class Ours:
    """One variant over all repetitions."""

    values: tuple[float, ...]
    parameters: int
    train_seconds: float

    @property
    def mean(self) -> float:
        """The mean of the repetitions."""
        return fmean(self.values)

    @property
    def half(self) -> float:
        """Half the 95 % interval of the mean, by Student's t over repetitions."""
        count = len(self.values)
        return float(t.ppf(0.975, count - 1)) * stdev(self.values) / count**0.5


@dataclass(frozen=True)
class Outcome:
    """An experiment that came to a verdict."""

    summary: Summary
    ours: dict[str, Ours]


def outcome_of(name: str) -> Outcome | None:
    """Measure the finals of an experiment of the project here; None without a verdict."""
    experiment = load(name)
    path = experiment.results / "summary.json"
    if not path.is_file():
        return None
    summary, test = Summary.read(path), Prepared(experiment.prepared).split("test")
    values: dict[str, list[float]] = defaultdict(list)
    for final in Finals.read(experiment.models / "finals.json").finals:
        model = Predictor(experiment.model_of(final.variant, final.repetition))
        values[final.variant].append(TABLES[name].measure(model, test))
    return Outcome(
        summary,
        {
            variant: Ours(tuple(found), known.parameters, known.train_seconds)
            for variant, found in values.items()
            for known in [summary.variants[variant]]
        },
    )
