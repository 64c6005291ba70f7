"""How numbers are shown to people: as many decimals as tell the variants of an experiment apart."""

from __future__ import annotations

from collections.abc import Iterable

from seqarena.records import Summary

DECIMALS = ((1.0, 3), (10.0, 2), (1000.0, 1))  # up to this size: so many decimals

# Metrics that are written in capitals, or whose short name reads badly.
CAPITALS = ("mae", "rmse", "mase", "wer", "cer", "bleu", "f1", "auroc", "auprc", "crps")
SPELLED = {name: name.upper() for name in CAPITALS}


class Format:
    """The number format of one experiment, set by the largest of its values."""

    def __init__(self, values: Iterable[float], unit: str = "") -> None:
        size = max((abs(value) for value in values), default=0.0)
        self.decimals = next((count for limit, count in DECIMALS if size <= limit), 0)
        self.unit = f" {unit}" if unit else ""

    def __call__(self, value: float) -> str:
        """Format one value, without its unit."""
        return f"{value:.{self.decimals}f}"

    def signed(self, value: float) -> str:
        """Format a difference, with its sign."""
        return f"{value:+.{self.decimals}f}"

    def with_unit(self, value: float) -> str:
        """Format one value and its unit."""
        return self(value) + self.unit

    def interval(self, interval: Iterable[float]) -> str:
        """Format an interval: ``low–high``, or ``low to high`` where a minus would confuse."""
        low, high = (self(value) for value in interval)
        return f"{low} to {high}" if "-" in low + high else f"{low}–{high}"


def format_of(summary: Summary, unit: str = "") -> Format:
    """Return the format that suits all variants and baselines of an experiment's summary."""
    return Format([*summary.means.values(), *summary.references.values()], unit)


def metric_name(metric: str) -> str:
    """Spell a metric for people: ``mae`` is MAE, ``macro_f1`` is macro F1."""
    return " ".join(SPELLED.get(word, word) for word in metric.split("_"))


def p_value(p: float) -> str:
    """Format a p value: ``p<0.001``, ``p=0.013``, ``p=0.42``."""
    if p < 0.001:
        return "p<0.001"
    return f"p={p:.3f}" if p < 0.1 else f"p={p:.2f}"


def per_cent(chance: float) -> str:
    """Format a chance; one that is not certain is not shown as if it were."""
    if chance > 0.995:
        return ">99%"
    return "<1%" if chance < 0.005 else f"{chance:.0%}"


def rough(count: int) -> str:
    """Format a count that is only estimated, by two figures."""
    return f"{float(f'{count:.2g}'):,.0f}"


def listed(names: Iterable[str]) -> str:
    """Join names as a sentence does: ``a, b and c``."""
    *head, last = names
    return f"{', '.join(head)} and {last}" if head else last
