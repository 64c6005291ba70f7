"""If it must be one: the cheapest of the variants that are not told apart, and what it saves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seqarena.plots.formats import Format
from seqarena.records import Comparison, VariantSummary

FRACTIONS = {2: "a half", 3: "a third", 4: "a quarter", 5: "a fifth", 10: "a tenth"}
NEAR = 0.1  # of a fraction: so close, it is called by its name
ALIKE = 0.95  # of a cost: from here on nothing worth a word is saved


@dataclass(frozen=True)
class Cheapest:
    """The cheapest variant of a best set; its costs as shares of those of the best by mean."""

    name: str
    best: str  # by mean
    gap: float  # between their means, in the metric's unit
    parameters: float
    train_seconds: float
    milliseconds: float  # per prediction


def worth_taking(comparison: Comparison, strongest: str | None) -> list[str]:
    """List the best set, or those of it that beat the strongest baseline where there is one."""
    if strongest is None:
        return list(comparison.best_set)
    pairs = comparison.baselines[strongest]
    return [name for name in comparison.best_set if pairs[name].word == "better"]


def cheapest(variants: Mapping[str, VariantSummary], among: Sequence[str], best: str) -> Cheapest:
    """Choose one by the geometric mean of the three costs, and hold it against the best by mean.

    So a cost counts by its ratio, whatever its unit; of equally cheap ones the first is chosen.
    """
    name = min(among, key=lambda variant: math.prod(_costs(variants[variant])))
    own, others = variants[name], variants[best]
    shares = (one / other for one, other in zip(_costs(own), _costs(others), strict=True))
    return Cheapest(name, best, abs(own.mean - others.mean), *shares)


def sentence(
    variants: Mapping[str, VariantSummary],
    comparison: Comparison,
    strongest: str | None,
    form: Format,
) -> str:
    """Say what to take if it must be one; nothing where the verdict leaves but one.

    A baseline that is not beaten is as good as shown, so that no variant is worth its cost.
    """
    if comparison.loses_to(strongest):
        return ""
    among = worth_taking(comparison, strongest)
    if not among:
        return f"If it must be one: the baseline {strongest}: no variant is shown to be better."
    if len(comparison.best_set) < 2:
        return ""
    found = cheapest(variants, among, comparison.best)
    if len(among) == 1:
        return f"If it must be one: {found.name}, which alone is shown to beat the baseline."
    if found.name == found.best:
        return f"If it must be one: {found.name}, best by mean and cheapest."
    gap = _up(found.gap, form.decimals)
    near = f"within {form.with_unit(gap)} of the best" if gap else "level with the best"
    return f"If it must be one: {found.name}, {near}, {_saved(found)}."


def _costs(variant: VariantSummary) -> tuple[float, float, float]:
    return variant.parameters, variant.train_seconds, variant.milliseconds


def _up(gap: float, decimals: int) -> float:
    """Round up to so many decimals: what lies within a gap lies within the number shown."""
    scale = 10.0**decimals
    return math.ceil(round(gap * scale, 6)) / scale


def _saved(found: Cheapest) -> str:
    """Tell of the cost that is saved most how much of it remains."""
    shares = {
        "training time": found.train_seconds,
        "time per prediction": found.milliseconds,
        "parameters": found.parameters,
    }
    what = min(shares, key=lambda name: shares[name])
    share = shares[what]
    if share >= ALIKE:
        return "at about its cost"
    named = (name for n, name in FRACTIONS.items() if abs(share * n - 1) <= NEAR)
    return f"{next(named, f'{share:.2g}')} of its {what}"
