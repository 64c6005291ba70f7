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


def outcome_of(name: str) -> dict[str, Ours] | None:
    """Measure the finals of an experiment of this project by variant; None without a verdict."""
    experiment = load(name)
    path = experiment.results / "summary.json"
    if not path.is_file():
        return None
    known, test = Summary.read(path).variants, Prepared(experiment.prepared).split("test")
    values: dict[str, list[float]] = defaultdict(list)
    for final in Finals.read(experiment.models / "finals.json").finals:
        model = Predictor(experiment.model_of(final.variant, final.repetition))
        values[final.variant].append(TABLES[name].measure(model, test))
    return {
        variant: Ours(tuple(found), known[variant].parameters, known[variant].train_seconds)
        for variant, found in values.items()
    }
