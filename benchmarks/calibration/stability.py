"""What verdicts of several runs of one procedure say of each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from statistics import fmean, stdev

from seqarena.records import Comparison, Summary


@dataclass(frozen=True)
class Stability:
    """How often runs of an experiment agree; counts, so that experiments add up."""

    runs: int = 0
    intervals: int = 0  # of a variant's mean in a run
    covered: int = 0  # that hold the mean of the other runs
    pairs: int = 0  # a variant and the best of a run
    decided: int = 0
    checks: int = 0  # a decided pair in another run
    contradicted: int = 0  # that has the two the other way round
    otherwise: int = 0  # runs whose best is not the one most often named

    def __add__(self, other: Stability) -> Stability:
        return Stability(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


def stability(runs: Sequence[tuple[Summary, Comparison]]) -> Stability:
    """Compare each run of one experiment with all its others."""
    means = [summary.means for summary, _ in runs]
    sign = 1 if runs[0][0].greater_is_better else -1
    total = Stability()
    for number, (summary, comparison) in enumerate(runs):
        others = [each for place, each in enumerate(means) if place != number]
        expected = {name: fmean(each[name] for each in others) for name in summary.variants}
        best, pairs = comparison.best, comparison.pairs
        worse = [name for name, pair in pairs.items() if pair.word == "worse"]
        total += Stability(
            runs=1,
            intervals=len(expected),
            covered=sum(
                variant.ci95[0] <= expected[name] <= variant.ci95[1]
                for name, variant in summary.variants.items()
            ),
            pairs=len(pairs),
            decided=len(worse),
            checks=len(worse) * len(others),
            contradicted=sum(
                sign * each[best] < sign * each[name] for name in worse for each in others
            ),
        )
    named = Counter(comparison.best for _, comparison in runs)
    return total + Stability(otherwise=len(runs) - max(named.values()))


def spread_ratios(runs: Sequence[Summary]) -> dict[str, float]:
    """Return how far each variant's means lie apart, over what their repetitions let expect."""
    ratios = {}
    for name in runs[0].variants:
        found = [run.variants[name] for run in runs]
        within = fmean(stdev(each.values) ** 2 / len(each.values) for each in found)
        ratios[name] = stdev(each.mean for each in found) / within**0.5 if within else 0.0
    return ratios


def agreement_of(found: Mapping[str, Stability], ratios: Mapping[str, Mapping[str, float]]) -> str:
    """Lay out how often the runs of each experiment agree."""
    lines = [
        "| experiment | runs | intervals that hold the mean of the other runs | told from the best "
        "| told, but the other way round in another run | runs with another best "
        "| spread between runs over that expected |",
        f"|{'---|' * 7}",
    ]
    rows = [*found.items(), ("all", sum(found.values(), Stability()))]
    for name, counts in rows:
        among = ratios.get(name)
        spread = "" if among is None else f"{min(among.values()):.1f} to {max(among.values()):.1f}"
        cells = [
            name,
            str(counts.runs),
            f"{counts.covered} of {counts.intervals}",
            f"{counts.decided} of {counts.pairs}",
            f"{counts.contradicted} of {counts.checks}",
            f"{counts.otherwise} of {counts.runs}",
            spread,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
